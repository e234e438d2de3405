//! A value for each class of content, and one for all others.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::content_types::ContentClass;
use crate::policy::{Located, in_order};

/// The value of `any` holds for the classes that are not named. The names stay text here; the schema lists them, and
/// `policy` reports others.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct ByClass<V>(BTreeMap<Located<String>, V>);

const ANY: &str = "any";

impl<V> ByClass<V> {
    /// What is written, in the file's order, each with the class that it is for; `None` for all others.
    pub fn iter(&self) -> impl Iterator<Item = (&Located<String>, Option<ContentClass>, &V)> {
        in_order(&self.0).into_iter().map(|(key, value)| (key, class(&key.value), value))
    }

    /// Whether there is a value for the classes that are not named.
    pub fn has_any(&self) -> bool {
        self.0.keys().any(|key| key.value == ANY)
    }

    /// Whether a class has a value of its own.
    pub fn names(&self, class: ContentClass) -> bool {
        self.0.keys().any(|key| key.value == class.name())
    }
}

impl<V> Default for ByClass<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V: JsonSchema> JsonSchema for ByClass<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ByClass_{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<V>();
        let names = ContentClass::ALL.iter().map(|class| class.name()).chain([ANY]);
        let properties: serde_json::Map<_, _> =
            names.map(|name| (name.to_owned(), value.clone().into())).collect();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

fn class(name: &str) -> Option<ContentClass> {
    ContentClass::ALL.into_iter().find(|class| class.name() == name)
}
