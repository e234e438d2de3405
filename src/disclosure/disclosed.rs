//! What a policy let into a sink, and the sinks.
//!
//! It does not write: each sink in `telemetry` renders its own disclosures.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Deserialize;

use super::field::{Event, Field};
use super::pseudonym::Pseudonym;

/// A sink as policies name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SinkName {
    /// The access log: one line per event.
    Access,
}

impl SinkName {
    pub const ALL: [Self; 1] = [Self::Access];

    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
        }
    }
}

/// A place where metadata comes to rest, as a type: a sink takes only disclosures of its own. Sealed.
pub trait Sink: sealed::Sealed + 'static {
    const NAME: SinkName;
}

/// The access log.
#[derive(Debug)]
pub enum Access {}

impl sealed::Sealed for Access {}
impl Sink for Access {
    const NAME: SinkName = SinkName::Access;
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
        }
    }
}

/// What sink `S` may write about one event. Only [`DisclosurePolicy::disclose`](super::DisclosurePolicy::disclose)
/// makes one.
pub struct Disclosed<S: Sink> {
    event: Event,
    fields: Vec<(Field, DisclosedValue)>,
    sink: PhantomData<fn() -> S>,
}

impl<S: Sink> Disclosed<S> {
    pub(super) fn new(event: Event, fields: Vec<(Field, DisclosedValue)>) -> Self {
        Self { event, fields, sink: PhantomData }
    }

    pub(crate) fn event(&self) -> Event {
        self.event
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
