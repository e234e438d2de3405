//! A YAML file as a tree of nodes that know their places. Duplicate keys are kept: the check reports them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_yaml::{Error, Options, Spanned};

use super::{Cause, Position, Problem};

#[derive(Clone)]
pub(super) struct Node {
    pub at: Position,
    pub value: Value,
}

#[derive(Clone)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

#[derive(Clone)]
pub(super) struct Entry {
    pub key: Node,
    pub value: Node,
}

impl Entry {
    /// The key as a text; it is read as nothing else.
    pub fn name(&self) -> &str {
        self.key.text().unwrap_or_default()
    }
}

impl Node {
    pub fn parse(text: &str) -> Result<Self, Problem> {
        serde_yaml::from_str_with_options::<Spanned<Value>>(text, options())
            .map(Self::from)
            .map_err(|error| problem(&error, text))
    }

    /// The keys of a node that is a mapping, with their places.
    pub fn keys(&self) -> impl Iterator<Item = (&str, Position)> {
        let entries: &[Entry] = match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        };
        entries.iter().map(|entry| (entry.name(), entry.key.at))
    }

    /// The text of a node that is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<serde_yaml::Location> for Position {
    fn from(location: serde_yaml::Location) -> Self {
        // An unknown location is line 0.
        Self { line: location.line().max(1), column: location.column().max(1) }
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { at: spanned.referenced.into(), value: spanned.value }
    }
}

/// How every YAML file is read. Plain `on`, `off`, `yes` and `no` are words, as in YAML 1.2; the merge key `<<` is a
/// key like any other, and so an unknown one.
fn options() -> Options {
    serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// The parser's own words may quote the file, so that only the place is taken.
fn problem(error: &Error, text: &str) -> Problem {
    let at = error.location().map_or(Position::START, Position::from);
    if let Error::MultipleDocuments { .. } = error.without_snippet() {
        return Problem::new(at, Cause::SecondDocument);
    }
    match tab(text, at.line) {
        Some(tab) => Problem::new(tab, Cause::Tab),
        None => Problem::new(at, Cause::Syntax),
    }
}

/// The place of a tab in the indentation where the parser has stopped: in this line, or in the next one with a text, as
/// it may stop in front of what it cannot take.
fn tab(text: &str, line: u64) -> Option<Position> {
    let from_there = (1..).zip(text.lines()).skip_while(|(number, _)| *number < line);
    let with_text = from_there.filter(|(_, text)| !text.trim().is_empty());
    let tab = |(line, text): (u64, &str)| {
        let indentation = text.chars().take_while(|character| character.is_whitespace());
        let column = (1..).zip(indentation).find(|(_, character)| *character == '\t')?.0;
        Some(Position { line, column })
    };
    with_text.take(2).find_map(tab)
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

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
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
        Ok(i128::try_from(value).map_or(Value::Float(f64::INFINITY), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
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
            let key = Node { at: key.referenced.into(), value: Value::Text(key.value) };
            entries.push(Entry { key, value: value.into() });
        }
        Ok(Value::Mapping(entries))
    }
}
