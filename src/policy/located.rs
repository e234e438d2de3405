//! A value of a document with its place in the file, for errors that only the document's meaning can tell.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Position;

/// A value and where it stands. In a document it is written, and in the schema it is described, as the value alone.
///
/// Compared by the value, so that it can be the key of a map. It must not stand inside an untagged or flattened
/// type: serde buffers those and the place is lost.
#[derive(Clone, Debug)]
pub struct Located<T> {
    pub value: T,
    pub at: Position,
}

impl<T> Located<T> {
    /// A value that does not stand in the file: what holds when its key is left out.
    pub const fn built_in(value: T) -> Self {
        Self { value, at: Position::START }
    }

    /// Another value in the same place.
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: of(self.value), at: self.at }
    }
}

/// A mapping's entries as they stand in the file.
pub fn in_order<V>(mapping: &BTreeMap<Located<String>, V>) -> Vec<(&Located<String>, &V)> {
    let mut entries: Vec<_> = mapping.iter().collect();
    entries.sort_by_key(|(key, _)| key.at);
    entries
}

/// Under this name a `Located` asks for its place.
pub(super) const LOCATED: &str = "vestibule::policy::Located";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(LOCATED, LocatedVisitor(PhantomData))
    }
}

struct LocatedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LocatedVisitor<T> {
    type Value = Located<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value with its place")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Located<T>, A::Error> {
        let mut missing = || de::Error::invalid_length(0, &"a line, a column and a value");
        let line = parts.next_element()?.ok_or_else(&mut missing)?;
        let column = parts.next_element()?.ok_or_else(&mut missing)?;
        let value = parts.next_element()?.ok_or_else(&mut missing)?;
        Ok(Located { value, at: Position { line, column } })
    }

    /// Of another deserializer than ours, or inside a type for which serde buffers.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Located<T>, D::Error> {
        T::deserialize(deserializer).map(Located::built_in)
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

impl<T: PartialOrd> PartialOrd for Located<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for Located<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}
