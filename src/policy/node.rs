//! A YAML file as a tree of nodes that know their places. Duplicate keys are kept: the check reports them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_yaml::{Error, Options, Spanned};

use super::{Cause, Position, Problem};

pub(super) struct Node {
    pub at: Position,
    pub value: Value,
}

pub(super) enum Value {
    Null,
    Boolean,
    Integer(i128),
    Float,
    Text(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

pub(super) struct Entry {
    pub at: Position,
    pub key: String,
    pub node: Node,
}

impl Node {
    pub fn parse(text: &str) -> Result<Self, Problem> {
        serde_yaml::from_str_with_options::<Spanned<Value>>(text, options(DuplicateKeyPolicy::PassThrough))
            .map(Self::from)
            .map_err(|error| problem(&error))
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { at: spanned.referenced.into(), value: spanned.value }
    }
}

/// How every YAML file is read. Plain `on`, `off`, `yes` and `no` are words, as in YAML 1.2; the merge key `<<` is a
/// key like any other, and so an unknown one.
pub(super) fn options(duplicate_keys: DuplicateKeyPolicy) -> Options {
    serde_yaml::options! {
        duplicate_keys: duplicate_keys,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// The parser's own words may quote the file, so that only the place is taken.
pub(super) fn problem(error: &Error) -> Problem {
    let at = error.location().map_or(Position::START, Position::from);
    let cause = match error.without_snippet() {
        Error::MultipleDocuments { .. } => Cause::SecondDocument,
        _ => Cause::Syntax,
    };
    Problem::new(at, cause)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Value, E> {
        Ok(Value::Boolean)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(i128::try_from(value).map_or(Value::Float, Value::Integer))
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element::<Spanned<Value>>()? {
            items.push(item.into());
        }
        Ok(Value::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = mapping.next_entry::<Spanned<String>, Spanned<Value>>()? {
            entries.push(Entry { at: key.referenced.into(), key: key.value, node: value.into() });
        }
        Ok(Value::Mapping(entries))
    }
}
