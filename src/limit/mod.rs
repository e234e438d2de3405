//! Times, sizes and rates that hold clients and gatekeepers to their part. It only says what they are and counts; what
//! happens when one is exceeded is the relay's and the listener's.

mod accounts;
mod addresses;
mod bucket;
mod document;
mod events;
mod rate;
mod rehearsal;
mod store;

pub use accounts::{AccountLimits, AccountPermit, Accounts, TooManySessions};
pub use addresses::{AddressPermit, AddressRefusal, Addresses, ConnectionLimits, network};
pub use document::{LimitsDocument, LimitsError, LimitsFile, LimitsTest};
pub use events::EventLimit;
pub use rate::{Admitted, Cost, RateLimit, RateLimiter, Slowed};
pub use rehearsal::{Arrivals, Reception, Refusal, Rehearsal, Traffic, Wait};
pub use store::SECRET_LENGTH;

use std::num::NonZeroU32;
use std::time::Duration;

use self::rate::Buckets;
use crate::framing;

/// Everything a host's sessions are held to. `Default` gives the defaults of a policy file that says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub timeouts: Timeouts,
    /// What a client may send before it is authenticated.
    pub before_authentication: framing::Limits,
    /// Elements below the stream's root that a client may send before it is authenticated.
    pub elements_before_authentication: u32,
    /// What a client may send once it is authenticated.
    pub from_client: framing::Limits,
    /// What the gatekeeper may send: more, as rosters, archives and carbons are large.
    pub from_gatekeeper: framing::Limits,
    /// How fast a client may send, if that is limited.
    pub client_rate: Option<Rate>,
    /// How fast the gatekeeper may send, if that is limited.
    pub gatekeeper_rate: Option<Rate>,
    /// What the address of a client is held to.
    pub connections: ConnectionLimits,
    /// What the account of a client is held to.
    pub accounts: AccountLimits,
}

/// How long a session may take for each of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub tls_handshake: Duration,
    /// From the end of the TLS handshake to the client's whole stream header; with STARTTLS also from the accepted
    /// connection to the client's request for TLS.
    pub header: Duration,
    /// From the accepted connection until the client is authenticated and has a resource bound or its session resumed.
    pub authentication: Duration,
    /// Without a byte from either side, white space included.
    pub idle: Duration,
    /// Without a byte taken by a side that there is something for.
    pub write_stall: Duration,
}

/// The quota of one session, or of one account. A burst is what may be sent at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub stanzas_per_second: NonZeroU32,
    pub stanza_burst: NonZeroU32,
    /// 1,024 bytes each.
    pub kib_per_second: NonZeroU32,
    /// 1,024 bytes each; at least the largest stanza.
    pub kib_burst: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        let from_client = framing::Limits {
            stanza_bytes: 256 * 1024,
            header_bytes: 8 * 1024,
            depth: 64,
            attributes: 64,
            namespaces: 32,
            elements: 4096,
        };
        Self {
            timeouts: Timeouts::default(),
            before_authentication: framing::Limits { stanza_bytes: 8 * 1024, ..from_client },
            elements_before_authentication: 32,
            from_client,
            from_gatekeeper: framing::Limits {
                stanza_bytes: 2 * 1024 * 1024,
                elements: 65_536,
                ..from_client
            },
            client_rate: Some(Rate::CLIENT),
            gatekeeper_rate: None,
            connections: ConnectionLimits::default(),
            accounts: AccountLimits::default(),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            tls_handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            authentication: Duration::from_secs(60),
            idle: Duration::from_secs(15 * 60),
            write_stall: Duration::from_secs(30),
        }
    }
}

impl Default for ConnectionLimits {
    /// What the clients behind one address of a carrier need, who are some hundred, and who all come back at once after
    /// an outage.
    fn default() -> Self {
        Self {
            at_once: count(512),
            per_second: count(20),
            burst: count(512),
            failures_per_minute: count(60),
            failure_burst: count(120),
        }
    }
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self { sessions: count(32), rate: Rate::ACCOUNT }
    }
}

impl Rate {
    /// Of one client: well above what a person and a client's catching up need, well below what a flood needs.
    pub const CLIENT: Self = Self {
        stanzas_per_second: count(50),
        stanza_burst: count(500),
        kib_per_second: count(256),
        kib_burst: count(1024),
    };

    /// Of all clients of one account: as much as two that send as fast as they may.
    pub const ACCOUNT: Self = Self {
        stanzas_per_second: count(100),
        stanza_burst: count(1000),
        kib_per_second: count(512),
        kib_burst: count(2048),
    };

    /// What a gatekeeper that is held to a rate may send where the file says nothing else.
    const GATEKEEPER: Self = Self {
        stanzas_per_second: count(500),
        stanza_burst: count(5000),
        kib_per_second: count(2048),
        kib_burst: count(8192),
    };
}

/// Of what is written in this file, nothing is zero.
const fn count(value: u32) -> NonZeroU32 {
    match NonZeroU32::new(value) {
        Some(value) => value,
        None => NonZeroU32::MIN,
    }
}
