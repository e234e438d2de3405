//! Gives a tree to serde, so that documents are ordinary derived types. Errors keep their places and nothing of the
//! text.

use std::fmt;
use std::slice;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::Position;
use super::located::LOCATED;
use super::node::{Entry, Node, Value};

/// A type refused what its schema allows. serde's messages quote values, so that only the place is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub at: Option<Position>,
}

/// Reads a document out of a tree that the check has found usable.
pub(super) fn deserialize<D: DeserializeOwned>(root: &Node) -> Result<D, Refused> {
    D::deserialize(root)
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("refused")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self { at: None }
    }
}

impl Node {
    /// The innermost place is the most exact one.
    fn place<T>(&self, result: Result<T, Refused>) -> Result<T, Refused> {
        result.map_err(|refused| Refused { at: refused.at.or(Some(self.at)) })
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.place(match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Integer(value) => match (u64::try_from(*value), i64::try_from(*value)) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                _ => visitor.visit_i128(*value),
            },
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::Sequence(items) => visitor.visit_seq(Items(items.iter())),
            Value::Mapping(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        if name == LOCATED {
            visitor.visit_seq(Place { node: self, given: 0 })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    /// A word is a variant without content, a mapping with one entry is a variant with it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.place(match &self.value {
            Value::Text(text) => visitor.visit_enum(StrDeserializer::new(text)),
            Value::Mapping(entries) => match entries.as_slice() {
                [entry] => visitor.visit_enum(Variant(entry)),
                _ => Err(Refused { at: None }),
            },
            _ => Err(Refused { at: None }),
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items<'de>(slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        self.0.next().map(|item| item.place(seed.deserialize(item))).transpose()
    }
}

struct Entries<'de> {
    entries: slice::Iter<'de, Entry>,
    /// The value of the key that was given last.
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let Some(Entry { key, value }) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        key.place(seed.deserialize(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let value = self.value.take().ok_or(Refused { at: None })?;
        value.place(seed.deserialize(value))
    }
}

/// What a `Located` is made of: line, column, value.
struct Place<'de> {
    node: &'de Node,
    given: u8,
}

impl<'de> SeqAccess<'de> for Place<'de> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        self.given += 1;
        match self.given {
            1 => seed.deserialize(self.node.at.line.into_deserializer()).map(Some),
            2 => seed.deserialize(self.node.at.column.into_deserializer()).map(Some),
            _ => seed.deserialize(self.node).map(Some),
        }
    }
}

/// An enum's variant with content.
struct Variant<'de>(&'de Entry);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Refused;
    type Variant = &'de Node;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, &'de Node), Refused> {
        Ok((seed.deserialize(&self.0.key)?, &self.0.value))
    }
}

impl<'de> VariantAccess<'de> for &'de Node {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        Err(Refused { at: Some(self.at) })
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }
}
