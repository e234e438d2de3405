//! Times, sizes and rates that hold clients and gatekeepers to their part. It only says what they are and counts; what
//! happens when one is exceeded is the relay's and the listener's.

mod document;
mod rate;

pub use document::{LimitsDocument, LimitsError};
pub use rate::{Admitted, Cost, RateLimiter};

use std::num::NonZeroU32;
use std::time::Duration;

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
}

/// How long a session may take for each of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub tls_handshake: Duration,
    /// From the end of the TLS handshake to the client's whole stream header.
    pub header: Duration,
    /// From the accepted connection to the end of authentication.
    pub authentication: Duration,
    /// Without a byte from either side, white space included.
    pub idle: Duration,
    /// Without a byte taken by a side that there is something for.
    pub write_stall: Duration,
}

/// The quota of one session. A burst is what may be sent at once after a pause.
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
            client_rate: Some(Rate::default()),
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

impl Default for Rate {
    /// Well above what a person and a client's catching up need, well below what a flood needs.
    fn default() -> Self {
        fn count(value: u32) -> NonZeroU32 {
            NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
        }
        Self {
            stanzas_per_second: count(50),
            stanza_burst: count(500),
            kib_per_second: count(256),
            kib_burst: count(1024),
        }
    }
}
