//! `tests` of a metadata policy: an event in, what each sink gets of it out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use zeroize::Zeroizing;

use super::{Findings, MetadataError};
use crate::disclosure::catalogue::{Datum, Event, Field, Form, SessionId, Value};
use crate::disclosure::disclosed::{DisclosedValue, SinkName};
use crate::disclosure::policy::DisclosurePolicy;
use crate::disclosure::pseudonym::{PseudonymKeys, SECRET_LENGTH};
use crate::policy::{ByteSize, Located, Mismatch, Moment, Period, PolicyTest};

/// A test of the policy: `vestibule policy test` runs it.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
pub(super) struct TestDocument {
    /// What it shows.
    name: Located<String>,
    /// What happens.
    event: Event,
    /// What is observed of it. Exceptions are open or over at its `time`.
    given: GivenDocument,
    /// What each sink gets. Sinks that are not named get nothing.
    expect: ExpectDocument,
}

/// Values by their fields. As in rules, unknown names are reported by the schema.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(transparent)]
struct GivenDocument(BTreeMap<Located<String>, Scalar>);

/// What the sinks get: fields with their values in the form in which they are let out.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(transparent)]
struct ExpectDocument(BTreeMap<Located<String>, BTreeMap<Located<String>, Scalar>>);

/// A text, or a number as a text.
#[derive(Clone, Debug)]
struct Scalar(String);

/// A test of a metadata policy.
#[derive(Clone, Debug)]
pub struct MetadataTest {
    name: Located<String>,
    event: Event,
    at: SystemTime,
    given: BTreeMap<Field, Given>,
    expected: BTreeMap<SinkName, Located<BTreeMap<Field, Located<String>>>>,
}

/// A value of a test.
#[derive(Clone, Debug)]
enum Given {
    Moment(SystemTime),
    Span(Duration),
    Address(IpAddr),
    Number(u64),
    Text(String),
    /// A word in the place of one of Vestibule's own.
    Token(String),
    Session(SessionId),
}

/// What stands for every pseudonym and session id: they are other ones in every process.
const PSEUDONYM: &str = "pseudonym";

impl TestDocument {
    /// What could not be read is left out: then there is a finding, too.
    pub fn build(self, findings: &mut Findings<'_>) -> MetadataTest {
        let Self { name, event, given, expect } = self;
        findings.require_text(&name, &MetadataError::NoTestName);
        let given = values(given.0, event, findings, Given::parse);
        let given = given.into_iter().map(|(field, value)| (field, value.value)).collect::<BTreeMap<_, _>>();
        let at = match given.get(&Field::Time) {
            Some(Given::Moment(time)) => *time,
            // The schema demands the time.
            _ => SystemTime::UNIX_EPOCH,
        };
        let mut expected = BTreeMap::new();
        for (sink, fields) in expect.0 {
            let Some(name) = SinkName::from_name(&sink.value) else { continue };
            let fields = values(fields, event, findings, canonical);
            expected.insert(name, sink.map(|_| fields));
        }
        MetadataTest { name, event, at, given, expected }
    }
}

/// The values of the fields, each read by `parse`.
fn values<T>(
    fields: BTreeMap<Located<String>, Scalar>,
    event: Event,
    findings: &mut Findings<'_>,
    parse: fn(Field, &str) -> Option<T>,
) -> BTreeMap<Field, Located<T>> {
    let mut values = BTreeMap::new();
    for (name, text) in fields {
        let Some(field) = Field::from_name(&name.value) else { continue };
        if !field.occurs_in(event) {
            findings.problem(name.at, &MetadataError::FieldNotInEvents(field));
        }
        match parse(field, &text.0) {
            Some(value) => drop(values.insert(field, name.map(|_| value))),
            None => findings.problem(name.at, &MetadataError::TestValue(field, written(field))),
        }
    }
    values
}

/// How a field's values are written in tests.
fn written(field: Field) -> &'static str {
    match field.form() {
        Form::Moment => "a time such as `2026-12-01T12:00:00Z`",
        Form::Span => {
            "a length of time such as `61s`; where it is expected also as a range: `1min-1h`, `1h-`"
        }
        Form::Address => {
            "an address; where it is expected also as a prefix such as `203.0.113.0/24`, or as `pseudonym`"
        }
        Form::Number => {
            "a number or a size such as `1 KiB`; where it is expected also as a range: `0-1024`, `1 KiB-`"
        }
        Form::Text | Form::Token => "a text",
        Form::Session => "a text; where it is expected as `pseudonym`",
    }
}

impl Given {
    fn parse(field: Field, text: &str) -> Option<Self> {
        let given = match field.form() {
            Form::Moment => Self::Moment(Moment::parse(text).ok()?.time()),
            Form::Span => Self::Span(Period::parse(text).ok()?.duration()),
            Form::Address => Self::Address(text.parse().ok()?),
            Form::Number => Self::Number(ByteSize::parse(text).ok()?.bytes()),
            Form::Text => Self::Text(text.to_owned()),
            Form::Token => Self::Token(text.to_owned()),
            // Which one does not matter: what is let out of it is shown as `pseudonym`.
            Form::Session => Self::Session(SessionId::new([0; 16])),
        };
        Value::of(field, given.datum()).is_some().then_some(given)
    }

    fn datum(&self) -> Datum<'_> {
        match self {
            Self::Moment(moment) => Datum::Moment(*moment),
            Self::Span(span) => Datum::Span(*span),
            Self::Address(address) => Datum::Address(*address),
            Self::Number(number) => Datum::Number(*number),
            Self::Text(text) => Datum::Text(text),
            // A policy treats all words alike: the test's own one is shown in its place.
            Self::Token(_) => Datum::Token(""),
            Self::Session(id) => Datum::Session(*id),
        }
    }
}

impl PolicyTest for MetadataTest {
    type Subject = DisclosurePolicy;

    fn name(&self) -> &Located<String> {
        &self.name
    }

    fn mismatches(&self, policy: &DisclosurePolicy) -> Vec<Mismatch> {
        let nothing = BTreeMap::new();
        let mut mismatches = Vec::new();
        for sink in SinkName::ALL {
            let found = self.found(policy, sink);
            let (expected, sink_at) = match self.expected.get(&sink) {
                Some(expected) => (&expected.value, expected.at),
                None => (&nothing, self.name.at),
            };
            for &field in Field::ALL {
                let at = expected.get(&field).map_or(sink_at, |expected| expected.at);
                let expected = expected.get(&field).map_or("nothing", |expected| &expected.value);
                let found = found.get(&field).map_or("nothing", String::as_str);
                let what = format!("`{}` in `{}`", field.name(), sink.name());
                mismatches.extend(Mismatch::unless_equal(&what, at, expected, found));
            }
        }
        mismatches
    }
}

impl MetadataTest {
    /// What `sink` gets, as a test writes it.
    fn found(&self, policy: &DisclosurePolicy, sink: SinkName) -> BTreeMap<Field, String> {
        let observation = policy.interest(self.at).observe(self.event, self.at);
        let Some((mut observation, rule)) = observation.zip(policy.rule(sink, self.event)) else {
            return BTreeMap::new();
        };
        let values = self.given.iter().filter_map(|(field, given)| Value::of(*field, given.datum()));
        values.for_each(|value| observation.record(value));
        // No pseudonym of a test is shown, so that its key need not be secret.
        let keys = PseudonymKeys::new(Zeroizing::new([0; SECRET_LENGTH]));
        let disclosed = rule.disclose(sink, &observation, &keys);
        disclosed.into_iter().map(|(field, value)| (field, self.shown(field, &value))).collect()
    }

    fn shown(&self, field: Field, value: &DisclosedValue) -> String {
        match value {
            DisclosedValue::Moment(moment) => Moment::new(*moment).to_string(),
            DisclosedValue::Span(span) => span_text(*span),
            DisclosedValue::Address(address) => address.to_string(),
            DisclosedValue::Prefix(address, length) => format!("{address}/{length}"),
            DisclosedValue::Number(number) => number.to_string(),
            DisclosedValue::Text(text) => text.clone(),
            DisclosedValue::Token(_) => match self.given.get(&field) {
                Some(Given::Token(word)) => word.clone(),
                _ => String::new(),
            },
            DisclosedValue::Pseudonym(_) => PSEUDONYM.to_owned(),
            DisclosedValue::NumberRange(from, to) => {
                range_text(from.to_string(), to.map(|to| to.to_string()))
            }
            DisclosedValue::SpanRange(from, to) => range_text(span_text(*from), to.map(span_text)),
        }
    }
}

/// An expectation in the words in which what is found is shown.
fn canonical(field: Field, text: &str) -> Option<String> {
    let number = |text: &str| Some(ByteSize::parse(text).ok()?.bytes().to_string());
    let span = |text: &str| Some(span_text(Period::parse(text).ok()?.duration()));
    match field.form() {
        Form::Moment => Some(Moment::parse(text).ok()?.to_string()),
        Form::Span => canonical_range(text, span),
        Form::Address if text == PSEUDONYM => Some(text.to_owned()),
        Form::Address => match text.split_once('/') {
            Some((address, length)) => {
                Some(format!("{}/{}", address.parse::<IpAddr>().ok()?, length.parse::<u8>().ok()?))
            }
            None => Some(text.parse::<IpAddr>().ok()?.to_canonical().to_string()),
        },
        Form::Number => canonical_range(text, number),
        Form::Text | Form::Token => Some(text.to_owned()),
        Form::Session => (text == PSEUDONYM).then(|| text.to_owned()),
    }
}

/// A single value, or a range of which the second bound may be missing.
fn canonical_range(text: &str, bound: impl Fn(&str) -> Option<String>) -> Option<String> {
    match text.split_once('-') {
        Some((from, "")) => Some(range_text(bound(from)?, None)),
        Some((from, to)) => Some(range_text(bound(from)?, Some(bound(to)?))),
        None => bound(text),
    }
}

fn range_text(from: String, to: Option<String>) -> String {
    format!("{from}-{}", to.unwrap_or_default())
}

fn span_text(span: Duration) -> String {
    match span.subsec_millis() {
        0 => format!("{}s", span.as_secs()),
        _ => format!("{}ms", span.as_millis()),
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or a number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }
}

impl JsonSchema for GivenDocument {
    fn schema_name() -> Cow<'static, str> {
        "Given".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": fields_schema(),
            "additionalProperties": false,
            "required": [Field::Time.name()],
        })
    }
}

impl JsonSchema for ExpectDocument {
    fn schema_name() -> Cow<'static, str> {
        "Expect".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let fields = json_schema!({
            "type": "object",
            "properties": fields_schema(),
            "additionalProperties": false,
        });
        let sinks: serde_json::Map<_, _> =
            SinkName::ALL.iter().map(|sink| (sink.name().to_owned(), fields.clone().into())).collect();
        json_schema!({ "type": "object", "properties": sinks, "additionalProperties": false })
    }
}

/// Every field with the types that its values are written in.
fn fields_schema() -> serde_json::Map<String, serde_json::Value> {
    let schema = |field: &Field| match field.form() {
        Form::Number => serde_json::json!({ "type": ["integer", "string"], "minimum": 0 }),
        _ => serde_json::json!({ "type": "string" }),
    };
    Field::ALL.iter().map(|field| (field.name().to_owned(), schema(field))).collect()
}
