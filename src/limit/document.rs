//! `policies/limits/*.yaml` as written, and what it means. What is left out has its default.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Limits, Rate, Timeouts};
use crate::framing;
use crate::policy::{ByteSize, Located, Period, Planned, PolicyDocument, Position, Problem};

/// The limits that a host's sessions are held to. What is left out has its default.
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
    /// How fast one session's client may send. Over the rate it is slowed down: it is not read.
    rate: RateDocument,
}

/// How long a session may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct TimeoutsDocument {
    /// For the TLS handshake.
    tls_handshake: Option<Located<Period>>,
    /// From the end of the TLS handshake to the client's whole stream header.
    header: Option<Located<Period>>,
    /// From the accepted connection to the end of authentication.
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
}

/// No server may allow less (RFC 6120, 13.12).
const SMALLEST_STANZA: u64 = 10_000;
/// So that any client's stream header and authentication fit.
const SMALLEST_ELEMENT: u64 = 1024;
/// The gate notes places in a frame with 32 bits.
const LARGEST: u64 = 1 << 30;

impl PolicyDocument for LimitsDocument {
    type Value = Limits;
    const KIND: &'static str = "limits";
    const PLANNED: &'static [Planned] = &[Planned::key("connections"), Planned::key("accounts")];

    fn build(self, _warnings: &mut Vec<Problem>) -> Result<Limits, Vec<Problem>> {
        let default = Limits::default();
        let burst_at = self.rate.kib_burst.as_ref().map(|burst| burst.at);
        let element_at = self.before_authentication.element.as_ref().map(|element| element.at);
        let mut checks = Checks::default();
        let from_client = checks.sizes(&self.from_client, default.from_client);
        let before_authentication = framing::Limits {
            stanza_bytes: checks.size(
                &self.before_authentication.element,
                default.before_authentication.stanza_bytes,
                SMALLEST_ELEMENT,
            ),
            ..from_client
        };
        let limits = Limits {
            timeouts: checks.timeouts(&self.timeouts, default.timeouts),
            before_authentication,
            elements_before_authentication: self
                .before_authentication
                .elements
                .unwrap_or(default.elements_before_authentication),
            from_client,
            from_gatekeeper: checks.sizes(&self.from_gatekeeper, default.from_gatekeeper),
            client_rate: Some(self.rate.over(Rate::default())),
        };
        checks.relations(&limits, element_at, burst_at);
        if checks.problems.is_empty() { Ok(limits) } else { Err(checks.problems) }
    }
}

impl RateDocument {
    fn over(&self, default: Rate) -> Rate {
        // The schema lets no zero through.
        let or = |written: Option<u32>, default| written.and_then(NonZeroU32::new).unwrap_or(default);
        Rate {
            stanzas_per_second: or(self.stanzas_per_second, default.stanzas_per_second),
            stanza_burst: or(self.stanza_burst, default.stanza_burst),
            kib_per_second: or(self.kib_per_second, default.kib_per_second),
            kib_burst: or(self.kib_burst.as_ref().map(|burst| burst.value), default.kib_burst),
        }
    }
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

    /// What one value demands of another. The place is that of the value that has to give way.
    fn relations(&mut self, limits: &Limits, element_at: Option<Position>, burst_at: Option<Position>) {
        let stanza = limits.from_client.stanza_bytes;
        if limits.before_authentication.stanza_bytes > stanza {
            self.report(element_at, LimitsError::LooserBeforeAuthentication);
        }
        let kib = stanza.div_ceil(1024);
        if limits.client_rate.is_some_and(|rate| (rate.kib_burst.get() as usize) < kib) {
            self.report(burst_at, LimitsError::BurstBelowStanza { kib });
        }
    }

    fn report(&mut self, at: Option<Position>, error: LimitsError) {
        self.problems.push(Problem::invalid(at.unwrap_or(Position::START), &error));
    }
}

fn count(written: Option<u32>, default: usize) -> usize {
    written.map_or(default, |count| count as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy;

    fn load(text: &str) -> Result<Limits, Vec<String>> {
        policy::load::<LimitsDocument>(text)
            .map(|loaded| loaded.value)
            .map_err(|problems| problems.iter().map(Problem::to_string).collect())
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(load("{}"), Ok(Limits::default()));
    }

    #[test]
    fn the_shipped_file_says_what_the_defaults_are() {
        assert_eq!(load(include_str!("../../policies/limits/default.yaml")), Ok(Limits::default()));
    }

    #[test]
    fn every_key_reaches_its_limit() {
        let limits = load(
            "timeouts: { tls_handshake: 1s, header: 2s, authentication: 3s, idle: 4min, write_stall: 5s }\n\
             before_authentication: { element: 2 KiB, elements: 6 }\n\
             from_client: { stanza: 16 KiB, header: 3 KiB, depth: 7, attributes: 8, namespaces: 9, elements: 10 }\n\
             from_gatekeeper: { stanza: 32 KiB, header: 4 KiB, depth: 11, attributes: 12, namespaces: 13, elements: 14 }\n\
             rate: { stanzas_per_second: 15, stanza_burst: 16, kib_per_second: 17, kib_burst: 18 }\n",
        );
        let number = |value| NonZeroU32::new(value).expect("not zero");
        let from_client = framing::Limits {
            stanza_bytes: 16 * 1024,
            header_bytes: 3 * 1024,
            depth: 7,
            attributes: 8,
            namespaces: 9,
            elements: 10,
        };
        let expected = Limits {
            timeouts: Timeouts {
                tls_handshake: Duration::from_secs(1),
                header: Duration::from_secs(2),
                authentication: Duration::from_secs(3),
                idle: Duration::from_secs(240),
                write_stall: Duration::from_secs(5),
            },
            before_authentication: framing::Limits { stanza_bytes: 2 * 1024, ..from_client },
            elements_before_authentication: 6,
            from_client,
            from_gatekeeper: framing::Limits {
                stanza_bytes: 32 * 1024,
                header_bytes: 4 * 1024,
                depth: 11,
                attributes: 12,
                namespaces: 13,
                elements: 14,
            },
            client_rate: Some(Rate {
                stanzas_per_second: number(15),
                stanza_burst: number(16),
                kib_per_second: number(17),
                kib_burst: number(18),
            }),
        };
        assert_eq!(limits, Ok(expected));
    }

    #[test]
    fn everything_that_cannot_be_is_told_with_its_place() {
        let problems = load(
            "timeouts: { idle: 0s }\n\
             before_authentication: { element: 20 KiB, elements: 0 }\n\
             from_client: { stanza: 10 KiB }\n\
             from_gatekeeper: { stanza: 9999, header: 2 GiB }\n\
             rate: { kib_burst: 9 }\n",
        );
        let expected = [
            "1:19: a timeout is longer than zero",
            "2:35: before authentication a client may not send more than afterwards",
            "2:53: the number is out of range; right is 1 to 4294967295",
            "4:28: a size from 10000 to 1073741824 bytes should stand here",
            "4:42: a size from 1024 to 1073741824 bytes should stand here",
            "5:20: the burst is at least the largest stanza, 10 KiB",
        ];
        assert_eq!(problems, Err(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_larger_stanza_needs_a_larger_burst_even_if_none_is_written() {
        let problems = load("from_client: { stanza: 2 MiB }");
        assert_eq!(problems, Err(vec!["1:1: the burst is at least the largest stanza, 2048 KiB".to_owned()]));
    }

    #[test]
    fn limits_of_later_versions_are_not_unknown() {
        assert_eq!(load("connections: 5"), Err(vec!["1:1: not supported yet".to_owned()]));
    }
}
