//! What a policy let into a sink, and the sinks.
//!
//! It does not write: each sink in `telemetry` renders its own disclosures.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::{Event, Field};
use super::pseudonym::Pseudonym;

/// A sink as policies name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SinkName {
    /// The access log: one line per event.
    Access,
    /// The audit log: records that are chained by their hashes.
    Audit,
    /// The process's own log, at the level `debug`.
    Diagnostics,
    /// The labels of a counter of events.
    Metrics,
    /// What the gatekeeper is told about a client's connection.
    Gatekeeper,
}

impl SinkName {
    pub const ALL: [Self; 5] =
        [Self::Access, Self::Audit, Self::Diagnostics, Self::Metrics, Self::Gatekeeper];

    /// The name in policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Audit => "audit",
            Self::Diagnostics => "diagnostics",
            Self::Metrics => "metrics",
            Self::Gatekeeper => "gatekeeper",
        }
    }

    /// The sink of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sink| sink.name() == name)
    }

    /// Whether this sink can be told of `event`. The gatekeeper is told of connections only.
    pub fn takes(self, event: Event) -> bool {
        self != Self::Gatekeeper || event == Event::Connection
    }

    /// Whether each line of this sink tells its exact time by itself, whatever the policy says: audit records need it to be
    /// held against other evidence, and the process's own log has it as all such logs do.
    pub fn stamps_time(self) -> bool {
        matches!(self, Self::Audit | Self::Diagnostics)
    }
}

/// A place where metadata comes to rest or goes to, as a type: a sink takes only disclosures of its own. Sealed.
pub trait Sink: sealed::Sealed + 'static {
    const NAME: SinkName;
}

/// Declares a type for each sink.
macro_rules! sinks {
    ($($(#[$doc:meta])* $sink:ident,)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $sink {}

            impl sealed::Sealed for $sink {}
            impl Sink for $sink {
                const NAME: SinkName = SinkName::$sink;
            }
        )+
    };
}

sinks! {
    /// The access log.
    Access,
    /// The audit log.
    Audit,
    /// The process's own log.
    Diagnostics,
    /// Labels of metrics.
    Metrics,
    /// The gatekeeper.
    Gatekeeper,
}

mod sealed {
    pub trait Sealed {}
}

/// A value in the form in which a policy lets it out.
#[derive(Clone, PartialEq, Eq)]
pub enum DisclosedValue {
    Moment(SystemTime),
    Span(Duration),
    Address(IpAddr),
    /// An address whose last bits are zero, and how many of its first bits were kept.
    Prefix(IpAddr, u8),
    Number(u64),
    Text(String),
    Token(&'static str),
    Pseudonym(Pseudonym),
    /// A number in a bucket: from the first on, to below the second if there is one.
    NumberRange(u64, Option<u64>),
    /// A length of time in a bucket: from the first on, to below the second if there is one.
    SpanRange(Duration, Option<Duration>),
}

impl fmt::Debug for DisclosedValue {
    /// The kind and, for text, the length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moment(_) => f.write_str("Moment"),
            Self::Span(_) => f.write_str("Span"),
            Self::Address(_) => f.write_str("Address"),
            Self::Prefix(..) => f.write_str("Prefix"),
            Self::Number(_) => f.write_str("Number"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Token(_) => f.write_str("Token"),
            Self::Pseudonym(_) => f.write_str("Pseudonym"),
            Self::NumberRange(..) => f.write_str("NumberRange"),
            Self::SpanRange(..) => f.write_str("SpanRange"),
        }
    }
}

/// What sink `S` may write about one event. Only [`DisclosurePolicy::disclose`](super::DisclosurePolicy::disclose)
/// makes one.
pub struct Disclosed<S: Sink> {
    event: Event,
    retention: Duration,
    fields: Vec<(Field, DisclosedValue)>,
    sink: PhantomData<fn() -> S>,
}

impl<S: Sink> Disclosed<S> {
    pub(super) fn new(event: Event, retention: Duration, fields: Vec<(Field, DisclosedValue)>) -> Self {
        Self { event, retention, fields, sink: PhantomData }
    }

    pub(crate) fn event(&self) -> Event {
        self.event
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        let text = |(_, value): &(Field, DisclosedValue)| match value {
            DisclosedValue::Text(text) => text.len(),
            _ => 0,
        };
        size_of_val(&self.fields[..]) + self.fields.iter().map(text).sum::<usize>()
    }

    /// How long it may be kept.
    pub(crate) fn retention(&self) -> Duration {
        self.retention
    }

    /// The fields with their values, in the catalogue's order.
    pub(crate) fn fields(&self) -> &[(Field, DisclosedValue)] {
        &self.fields
    }
}

impl<S: Sink> fmt::Debug for Disclosed<S> {
    /// Sink, event and the number of fields.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Disclosed({}, {}, {} fields)", S::NAME.name(), self.event.name(), self.fields.len())
    }
}
