//! `never_together` as written, and whether a sink holds such a set in spite of it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::{Findings, MetadataError};
use crate::disclosure::catalogue::Field;
use crate::disclosure::disclosed::SinkName;
use crate::policy::{Located, Position};

/// Fields that no sink may hold together, in whatever form, in lines of whatever events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct SetDocument(#[schemars(length(min = 2))] Vec<FieldName>);

/// The name of a field of the catalogue.
#[derive(Clone, Copy, Debug)]
struct FieldName(Field);

/// What a rule or an exception lets into a sink.
pub(super) struct Opening {
    pub at: Position,
    pub sink: SinkName,
    pub fields: BTreeSet<Field>,
}

impl SetDocument {
    /// The set, in the catalogue's order.
    pub fn build(set: Located<Self>, openings: &[Opening], findings: &mut Findings<'_>) -> Vec<Field> {
        let fields: BTreeSet<Field> = set.value.0.iter().map(|name| name.0).collect();
        if fields.len() < 2 {
            findings.problem(set.at, &MetadataError::SmallSet);
            return Vec::new();
        }
        for sink in SinkName::ALL {
            if let Some(by) = completed_by(&fields, sink, openings) {
                findings.problem(set.at, &MetadataError::Together { sink, by });
            }
        }
        fields.into_iter().collect()
    }
}

/// The place of the first opening with which `sink` holds the whole set.
fn completed_by(set: &BTreeSet<Field>, sink: SinkName, openings: &[Opening]) -> Option<Position> {
    let mut missing = set.clone();
    for opening in openings.iter().filter(|opening| opening.sink == sink) {
        missing.retain(|field| !opening.fields.contains(field));
        if missing.is_empty() {
            return Some(opening.at);
        }
    }
    None
}

impl<'de> Deserialize<'de> for FieldName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Field::from_name(&name).map(Self).ok_or_else(|| de::Error::custom("no field has this name"))
    }
}

impl JsonSchema for FieldName {
    fn schema_name() -> Cow<'static, str> {
        "FieldName".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}
