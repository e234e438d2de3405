//! `policies/metadata/*.yaml` as written, and how it becomes a [`DisclosurePolicy`].
//!
//! What is designed but not built yet is refused as such. Reading text and reporting places is `policy`'s part.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::action::{Action, Truncation};
use super::catalogue::{Event, Field};
use super::disclosed::SinkName;
use super::policy::{DisclosurePolicy, Rule};
use crate::policy::{Located, Period, Planned, PolicyDocument, Problem};

/// What may be written down about connections and sessions. What no rule names is not written.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct MetadataDocument {
    /// At most one rule for each sink and event. An empty list discloses nothing.
    rules: Vec<RuleDocument>,
}

/// What one sink may see of some events, and why.
#[derive(Debug, Deserialize, JsonSchema)]
struct RuleDocument {
    /// Where the fields go.
    sink: SinkName,
    /// When they are written.
    #[schemars(length(min = 1))]
    events: Vec<Located<Event>>,
    /// What they are needed for. Pseudonyms of different purposes cannot be linked.
    purpose: Located<String>,
    /// The legal basis, for instance `legitimate interest (GDPR 6(1)(f))`.
    basis: String,
    /// How long what was written may be kept, for instance `14d`.
    retention: Located<Period>,
    /// What happens to each field. A field that is not named is dropped.
    fields: FieldsDocument,
}

/// Fields and their actions. The names stay text here, so that one unknown name does not hide what else is wrong: the
/// schema lists the names, and `policy` reports others.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct FieldsDocument(BTreeMap<Located<String>, ActionDocument>);

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum ActionDocument {
    /// Leave the field out, as if it were not named.
    Drop,
    /// Write the value as it was observed. A session's id is another one in each sink.
    Keep,
    /// Write a keyed digest of an identifier or an address instead.
    Pseudonym,
    /// Write only the first bits of an address.
    #[schemars(transform = allow_other_actions)]
    Truncate(TruncationDocument),
}

/// How many of an address's first bits are written.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
struct TruncationDocument {
    /// Of an IPv4 address.
    #[schemars(range(min = 1, max = 31))]
    v4: u8,
    /// Of an IPv6 address.
    #[schemars(range(min = 1, max = 127))]
    v6: u8,
}

/// Why a policy that is written well cannot mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    #[error("a rule for the same sink has this event already; an event may have one rule for each sink")]
    SecondRule,
    #[error("the purpose must say what the fields are needed for")]
    NoPurpose,
    #[error("the retention must be longer than nothing; a field that is not to be kept is dropped")]
    NoRetention,
    #[error("the field `{}` does not occur in the rule's events", .0.name())]
    FieldNotInEvents(Field),
    #[error("`truncate` fits addresses only; the field `{}` is none", .0.name())]
    TruncateMisfit(Field),
    #[error("`pseudonym` fits identifiers and addresses only; the field `{}` is neither", .0.name())]
    PseudonymMisfit(Field),
    #[error("`session-id` is another random id in each sink already; right would be `keep` or `drop`")]
    SessionIdPseudonym,
    #[error("the rule lets no field out, so that nothing is written for its events")]
    NothingDisclosed,
}

impl PolicyDocument for MetadataDocument {
    type Value = DisclosurePolicy;

    const KIND: &'static str = "metadata";
    const PLANNED: &'static [Planned] = &[
        Planned::key("exceptions"),
        Planned::key("never_together"),
        Planned::key("shadow"),
        Planned::key("tests"),
        Planned::key("widens"),
        Planned::value("rules.*.sink", "diagnostics"),
        Planned::value("rules.*.sink", "gatekeeper"),
        Planned::value("rules.*.sink", "metrics"),
        Planned::value("rules.*.fields.*", "bucket"),
        Planned::key("rules.*.fields.*.bucket"),
        Planned::value("rules.*.fields.*", "round"),
        Planned::key("rules.*.fields.*.round"),
    ];

    fn build(self, warnings: &mut Vec<Problem>) -> Result<DisclosurePolicy, Vec<Problem>> {
        let mut policy = DisclosurePolicy::default();
        let mut problems = Vec::new();
        for rule in self.rules {
            rule.build(&mut policy, &mut problems, warnings);
        }
        if problems.is_empty() { Ok(policy) } else { Err(problems) }
    }
}

impl RuleDocument {
    fn build(self, policy: &mut DisclosurePolicy, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
        if self.purpose.value.trim().is_empty() {
            problems.push(Problem::invalid(self.purpose.at, &MetadataError::NoPurpose));
        }
        if self.retention.value.duration().is_zero() {
            problems.push(Problem::invalid(self.retention.at, &MetadataError::NoRetention));
        }
        let purpose_at = self.purpose.at;
        let mut rule = Rule::new(self.purpose.value, self.basis, self.retention.value.duration(), Vec::new());
        for (name, action) in self.fields.0 {
            // An unknown name is reported by the schema.
            let Some(field) = Field::from_name(&name.value) else { continue };
            match action.build(field, &self.events) {
                Ok(action) => rule.set(field, action),
                Err(error) => problems.push(Problem::invalid(name.at, &error)),
            }
        }
        if rule.discloses_nothing() {
            warnings.push(Problem::invalid(purpose_at, &MetadataError::NothingDisclosed));
        }
        for event in &self.events {
            if policy.rule(self.sink, event.value).is_some() {
                problems.push(Problem::invalid(event.at, &MetadataError::SecondRule));
            }
            policy.set(self.sink, event.value, rule.clone());
        }
    }
}

impl ActionDocument {
    /// The action for `field`, if it fits the field's type and the field occurs in one of `events`.
    fn build(self, field: Field, events: &[Located<Event>]) -> Result<Action, MetadataError> {
        if !events.iter().any(|event| field.occurs_in(event.value)) {
            return Err(MetadataError::FieldNotInEvents(field));
        }
        let (action, misfit) = match self {
            Self::Drop => return Ok(Action::Drop),
            Self::Keep => return Ok(Action::Keep),
            Self::Truncate(TruncationDocument { v4, v6 }) => {
                // A length out of range is reported by the schema.
                let Some(truncation) = Truncation::new(v4, v6) else { return Ok(Action::Drop) };
                (Action::Truncate(truncation), MetadataError::TruncateMisfit(field))
            }
            Self::Pseudonym if field == Field::SessionId => return Err(MetadataError::SessionIdPseudonym),
            Self::Pseudonym => (Action::Pseudonym, MetadataError::PseudonymMisfit(field)),
        };
        if action.fits(field) { Ok(action) } else { Err(misfit) }
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

/// Lets the key `truncate` be missing, so that another action in its place is told to be unknown or not supported yet,
/// and not also that `truncate` is missing.
fn allow_other_actions(schema: &mut Schema) {
    schema.remove("required");
}
