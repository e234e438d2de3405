//! Fields and their actions as written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::MetadataError;
use crate::disclosure::action::{Action, Buckets, Rounding, Truncation};
use crate::disclosure::catalogue::{Field, Form};
use crate::disclosure::disclosed::SinkName;
use crate::policy::{ByteSize, Located, Period};

/// Fields and their actions. The names stay text here, so that one unknown name does not hide what else is wrong: the
/// schema lists the names, and `policy` reports others.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct FieldsDocument(pub BTreeMap<Located<String>, ActionDocument>);

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ActionDocument {
    /// Leave the field out, as if it were not named.
    Drop,
    /// Write the value as it was observed. A session's id is another one in each sink.
    Keep,
    /// Write a keyed digest of an identifier or an address instead.
    Pseudonym,
    /// Write only the first bits of an address.
    Truncate(TruncationDocument),
    /// Write only the range that a number or a length of time is in.
    Bucket(BoundsDocument),
    /// Write a time as the last whole multiple of a period before it, counted from 1970-01-01 UTC.
    Round(Period),
}

/// How many of an address's first bits are written.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub(super) struct TruncationDocument {
    /// Of an IPv4 address.
    #[schemars(range(min = 1, max = 31))]
    v4: u8,
    /// Of an IPv6 address.
    #[schemars(range(min = 1, max = 127))]
    v6: u8,
}

/// The bounds between the ranges, each the first value of a range: numbers and sizes, or lengths of time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct BoundsDocument(#[schemars(length(min = 1, max = 32))] Vec<Bound>);

#[derive(Clone, Copy, Debug)]
enum Bound {
    Number(u64),
    /// Milliseconds.
    Span(u64),
}

impl FieldsDocument {
    /// Whether `field` is named, with whatever action.
    pub fn names(&self, field: Field) -> bool {
        self.0.keys().any(|name| name.value == field.name())
    }
}

impl ActionDocument {
    /// The action, if it fits the field and the sink.
    pub fn build(self, field: Field, sink: SinkName) -> Result<Action, MetadataError> {
        if field == Field::Time && sink.stamps_time() && !matches!(self, Self::Keep) {
            return Err(MetadataError::StampedTime(sink));
        }
        let (action, misfit) = match self {
            Self::Drop => return Ok(Action::Drop),
            Self::Keep => (Action::Keep, MetadataError::MetricsMisfit(field)),
            Self::Truncate(TruncationDocument { v4, v6 }) => {
                // A length out of range is reported by the schema.
                let Some(truncation) = Truncation::new(v4, v6) else { return Ok(Action::Drop) };
                (Action::Truncate(truncation), MetadataError::TruncateMisfit(field))
            }
            Self::Bucket(bounds) => {
                (Action::Bucket(bounds.build(field)?), MetadataError::BucketMisfit(field))
            }
            Self::Round(period) => {
                let rounding = Rounding::new(period.duration()).ok_or(MetadataError::RoundPeriod)?;
                (Action::Round(rounding), MetadataError::RoundMisfit(field))
            }
            Self::Pseudonym if field == Field::SessionId => return Err(MetadataError::SessionIdPseudonym),
            Self::Pseudonym => (Action::Pseudonym, MetadataError::PseudonymMisfit(field)),
        };
        if !action.fits(field) {
            return Err(misfit);
        }
        if sink == SinkName::Metrics && !is_label(&action, field) {
            return Err(MetadataError::MetricsMisfit(field));
        }
        Ok(action)
    }
}

/// Whether the values have a bound on their number, as a metric's labels need. `host` is one of those configured.
fn is_label(action: &Action, field: Field) -> bool {
    matches!(action, Action::Bucket(_)) || field.form() == Form::Token || field == Field::Host
}

impl BoundsDocument {
    fn build(self, field: Field) -> Result<Buckets, MetadataError> {
        let of_number = |bound: &Bound| match bound {
            Bound::Number(number) => Ok(*number),
            Bound::Span(_) => Err(MetadataError::BoundsOfNumbers(field)),
        };
        let of_span = |bound: &Bound| match bound {
            Bound::Span(milliseconds) => Ok(*milliseconds),
            Bound::Number(_) => Err(MetadataError::BoundsOfTime(field)),
        };
        let bounds: Result<Vec<u64>, _> = match field.form() {
            Form::Number => self.0.iter().map(of_number).collect(),
            Form::Span => self.0.iter().map(of_span).collect(),
            _ => return Err(MetadataError::BucketMisfit(field)),
        };
        Buckets::new(&bounds?).ok_or(MetadataError::Bounds)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoundVisitor)
    }
}

struct BoundVisitor;

impl Visitor<'_> for BoundVisitor {
    type Value = Bound;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, a size or a length of time")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Bound, E> {
        Ok(Bound::Number(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Bound, E> {
        if let Ok(period) = Period::parse(text) {
            let milliseconds = u64::try_from(period.duration().as_millis()).unwrap_or(u64::MAX);
            return Ok(Bound::Span(milliseconds));
        }
        ByteSize::parse(text).map(|size| Bound::Number(size.bytes())).map_err(E::custom)
    }
}

impl JsonSchema for Bound {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Bound".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [ByteSize::json_schema(generator), Period::json_schema(generator)] })
    }
}

impl JsonSchema for FieldsDocument {
    fn schema_name() -> Cow<'static, str> {
        "Fields".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let action = generator.subschema_for::<ActionDocument>();
        let properties: serde_json::Map<_, _> =
            Field::ALL.iter().map(|field| (field.name().to_owned(), action.clone().into())).collect();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}
