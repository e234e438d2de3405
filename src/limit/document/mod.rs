//! `policies/limits/*.yaml` as written, and what it means. What is left out has its default.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

mod trial;

pub use trial::LimitsTest;

use super::{AccountLimits, ConnectionLimits, Limits, Rate, Timeouts};
use crate::framing;
use crate::policy::{ByteSize, Located, Period, PolicyDocument, Position, Problem};

/// The limits that a host's clients and its gatekeeper are held to. What is left out has its default.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LimitsDocument {
    timeouts: TimeoutsDocument,
    /// What clients may send until they are authenticated, as far as it differs from `from_client`.
    before_authentication: BeforeAuthenticationDocument,
    /// What clients may send.
    from_client: SizesDocument,
    /// What the gatekeeper may send.
    from_gatekeeper: SizesDocument,
    /// What each address that clients connect from is held to: an IPv4 address, or an IPv6 network of 64 bits.
    connections: ConnectionsDocument,
    /// What each account is held to, whatever addresses its clients connect from.
    accounts: AccountsDocument,
    /// What `vestibule policy test` runs.
    tests: Vec<LimitsTest>,
}

/// How long a session may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct TimeoutsDocument {
    /// For the TLS handshake.
    tls_handshake: Option<Located<Period>>,
    /// From the end of the TLS handshake to the client's whole stream header.
    header: Option<Located<Period>>,
    /// From the accepted connection until the client is authenticated and has a resource bound or its session resumed.
    authentication: Option<Located<Period>>,
    /// Without a byte from either side; white space counts as a sign of life.
    idle: Option<Located<Period>>,
    /// Without a byte taken by a side that there is something for.
    write_stall: Option<Located<Period>>,
}

/// The tighter limits before a client is authenticated.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct BeforeAuthenticationDocument {
    /// Bytes of one element.
    element: Option<Located<ByteSize>>,
    /// Elements in all, not counting those inside others.
    #[schemars(range(min = 1))]
    elements: Option<u32>,
}

/// What one side may send.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct SizesDocument {
    /// Bytes of one stanza.
    stanza: Option<Located<ByteSize>>,
    /// Bytes of the stream header.
    header: Option<Located<ByteSize>>,
    /// Levels of elements in a stanza.
    #[schemars(range(min = 1))]
    depth: Option<u32>,
    /// Attributes of one element.
    #[schemars(range(min = 1))]
    attributes: Option<u32>,
    /// Namespace declarations in scope.
    #[schemars(range(min = 1))]
    namespaces: Option<u32>,
    /// Elements in one stanza.
    #[schemars(range(min = 1))]
    elements: Option<u32>,
    /// How fast one session's side may send. Over the rate it is slowed down: it is not read.
    rate: Option<RateDocument>,
}

/// What one address is held to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct ConnectionsDocument {
    /// Connections at one time.
    #[schemars(range(min = 1))]
    at_once: Option<u32>,
    /// New connections.
    #[schemars(range(min = 1))]
    per_second: Option<u32>,
    /// New connections that may come at once after a pause.
    #[schemars(range(min = 1))]
    burst: Option<u32>,
    failed_authentications: FailuresDocument,
}

/// How many authentications may fail.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct FailuresDocument {
    #[schemars(range(min = 1))]
    per_minute: Option<u32>,
    /// That may fail at once after a pause.
    #[schemars(range(min = 1))]
    burst: Option<u32>,
}

/// What one account is held to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct AccountsDocument {
    /// Sessions at one time.
    #[schemars(range(min = 1))]
    sessions: Option<u32>,
    /// How fast all clients of the account together may send. Over the rate each of them is slowed down: it is not read.
    rate: RateDocument,
}

/// A quota of stanzas and one of KiB (1,024 bytes).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct RateDocument {
    #[schemars(range(min = 1))]
    stanzas_per_second: Option<u32>,
    /// Stanzas that may be sent at once after a pause.
    #[schemars(range(min = 1))]
    stanza_burst: Option<u32>,
    #[schemars(range(min = 1))]
    kib_per_second: Option<u32>,
    /// KiB that may be sent at once after a pause; at least the largest stanza.
    #[schemars(range(min = 1))]
    kib_burst: Option<Located<u32>>,
}

/// What a limits file says that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    #[error("a timeout is longer than zero")]
    NoTime,
    #[error("a size from {smallest} to {largest} bytes should stand here")]
    SizeOutOfRange { smallest: u64, largest: u64 },
    #[error("before authentication a client may not send more than afterwards")]
    LooserBeforeAuthentication,
    #[error("the burst is at least the largest stanza, {kib} KiB")]
    BurstBelowStanza { kib: usize },
    #[error("a test says either what a client sends or what comes from an address")]
    NotOneTraffic,
    #[error("a test expects something")]
    ExpectsNothing,
    #[error("of a client's stanzas it is expected how long one waits, by what, or that they are refused")]
    ExpectationOfAddress,
    #[error("of an address's connections it is expected how many are admitted, and why others are refused")]
    ExpectationOfClient,
    #[error("a word for why connections are refused should stand here, not one for stanzas")]
    RefusalOfClient,
    #[error("a word for why stanzas are refused should stand here, not one for connections")]
    RefusalOfAddress,
}

/// No server may allow less (RFC 6120, 13.12).
const SMALLEST_STANZA: u64 = 10_000;
/// So that any client's stream header and authentication fit.
const SMALLEST_ELEMENT: u64 = 1024;
/// The gate notes places in a frame with 32 bits.
const LARGEST: u64 = 1 << 30;

/// A limits file: what it says, and the tests that stand in it.
#[derive(Debug)]
pub struct LimitsFile {
    pub limits: Limits,
    pub tests: Vec<LimitsTest>,
}

impl PolicyDocument for LimitsDocument {
    type Value = LimitsFile;
    const KIND: &'static str = "limits";

    fn build(self, _warnings: &mut Vec<Problem>) -> Result<LimitsFile, Vec<Problem>> {
        let mut checks = Checks::default();
        let limits = self.limits(&mut checks);
        self.tests.iter().for_each(|test| test.check(&mut checks.problems));
        let file = LimitsFile { limits, tests: self.tests };
        if checks.problems.is_empty() { Ok(file) } else { Err(checks.problems) }
    }
}

impl LimitsDocument {
    fn limits(&self, checks: &mut Checks) -> Limits {
        let default = Limits::default();
        let from_client = checks.sizes(&self.from_client, default.from_client);
        let from_gatekeeper = checks.sizes(&self.from_gatekeeper, default.from_gatekeeper);
        let element = &self.before_authentication.element;
        let before_authentication = framing::Limits {
            stanza_bytes: checks.size(element, default.before_authentication.stanza_bytes, SMALLEST_ELEMENT),
            ..from_client
        };
        if before_authentication.stanza_bytes > from_client.stanza_bytes {
            checks.report(element.as_ref().map(|size| size.at), LimitsError::LooserBeforeAuthentication);
        }
        let client = self.from_client.rate.as_ref().unwrap_or(&RateDocument::NONE);
        let gatekeeper = self.from_gatekeeper.rate.as_ref();
        Limits {
            timeouts: checks.timeouts(&self.timeouts, default.timeouts),
            before_authentication,
            elements_before_authentication: self
                .before_authentication
                .elements
                .unwrap_or(default.elements_before_authentication),
            from_client,
            from_gatekeeper,
            client_rate: Some(checks.rate(client, Rate::CLIENT, &from_client)),
            gatekeeper_rate: gatekeeper.map(|rate| checks.rate(rate, Rate::GATEKEEPER, &from_gatekeeper)),
            connections: self.connections.over(default.connections),
            accounts: AccountLimits {
                sessions: or(self.accounts.sessions, default.accounts.sessions),
                rate: checks.rate(&self.accounts.rate, default.accounts.rate, &from_client),
            },
        }
    }
}

impl ConnectionsDocument {
    fn over(&self, default: ConnectionLimits) -> ConnectionLimits {
        let failures = &self.failed_authentications;
        ConnectionLimits {
            at_once: or(self.at_once, default.at_once),
            per_second: or(self.per_second, default.per_second),
            burst: or(self.burst, default.burst),
            failures_per_minute: or(failures.per_minute, default.failures_per_minute),
            failure_burst: or(failures.burst, default.failure_burst),
        }
    }
}

impl RateDocument {
    const NONE: Self =
        Self { stanzas_per_second: None, stanza_burst: None, kib_per_second: None, kib_burst: None };

    fn over(&self, default: Rate) -> Rate {
        Rate {
            stanzas_per_second: or(self.stanzas_per_second, default.stanzas_per_second),
            stanza_burst: or(self.stanza_burst, default.stanza_burst),
            kib_per_second: or(self.kib_per_second, default.kib_per_second),
            kib_burst: or(self.kib_burst.as_ref().map(|burst| burst.value), default.kib_burst),
        }
    }
}

/// The schema lets no zero through.
fn or(written: Option<u32>, default: NonZeroU32) -> NonZeroU32 {
    written.and_then(NonZeroU32::new).unwrap_or(default)
}

/// Turns what is written into what it means, and collects what cannot be.
#[derive(Default)]
struct Checks {
    problems: Vec<Problem>,
}

impl Checks {
    fn timeouts(&mut self, written: &TimeoutsDocument, default: Timeouts) -> Timeouts {
        Timeouts {
            tls_handshake: self.period(&written.tls_handshake, default.tls_handshake),
            header: self.period(&written.header, default.header),
            authentication: self.period(&written.authentication, default.authentication),
            idle: self.period(&written.idle, default.idle),
            write_stall: self.period(&written.write_stall, default.write_stall),
        }
    }

    fn sizes(&mut self, written: &SizesDocument, default: framing::Limits) -> framing::Limits {
        framing::Limits {
            stanza_bytes: self.size(&written.stanza, default.stanza_bytes, SMALLEST_STANZA),
            header_bytes: self.size(&written.header, default.header_bytes, SMALLEST_ELEMENT),
            depth: count(written.depth, default.depth),
            attributes: count(written.attributes, default.attributes),
            namespaces: count(written.namespaces, default.namespaces),
            elements: count(written.elements, default.elements),
        }
    }

    fn period(&mut self, written: &Option<Located<Period>>, default: Duration) -> Duration {
        let Some(period) = written else { return default };
        if period.value.duration().is_zero() {
            self.problems.push(Problem::invalid(period.at, &LimitsError::NoTime));
        }
        period.value.duration()
    }

    fn size(&mut self, written: &Option<Located<ByteSize>>, default: usize, smallest: u64) -> usize {
        let Some(size) = written else { return default };
        let bytes = size.value.bytes();
        if !(smallest..=LARGEST).contains(&bytes) {
            let error = LimitsError::SizeOutOfRange { smallest, largest: LARGEST };
            self.problems.push(Problem::invalid(size.at, &error));
        }
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// A rate of stanzas of these sizes. What is wrong with it is told at the burst, if that is written.
    fn rate(&mut self, written: &RateDocument, default: Rate, sizes: &framing::Limits) -> Rate {
        let rate = written.over(default);
        let kib = sizes.stanza_bytes.div_ceil(1024);
        if (rate.kib_burst.get() as usize) < kib {
            let at = written.kib_burst.as_ref().map(|burst| burst.at);
            self.report(at, LimitsError::BurstBelowStanza { kib });
        }
        rate
    }

    fn report(&mut self, at: Option<Position>, error: LimitsError) {
        self.problems.push(Problem::invalid(at.unwrap_or(Position::START), &error));
    }
}

fn count(written: Option<u32>, default: usize) -> usize {
    written.map_or(default, |count| count as usize)
}

#[cfg(test)]
mod tests;
