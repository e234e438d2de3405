//! A policy in words that outlive the program that wrote them: what the audit log keeps of it, what the public report
//! says, and what two policies are compared by.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::catalogue::{Event, Field};
use super::disclosed::SinkName;
use super::policy::{DisclosurePolicy, Exception, Rule};

/// What a policy lets out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The policy's digest.
    pub digest: String,
    /// By sink and event.
    pub rules: Vec<RuleStatement>,
    /// Sets of fields that no sink holds together.
    pub never_together: Vec<Vec<String>>,
    /// How long pseudonyms can be linked, in seconds.
    pub pseudonym_period: u64,
}

/// What one sink may see of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleStatement {
    pub sink: String,
    pub event: String,
    pub purpose: String,
    pub basis: String,
    /// In seconds.
    pub retention: u64,
    /// As the policy names them: see [`seen_by`](Self::seen_by).
    pub recipients: Vec<String>,
    /// In the catalogue's order.
    pub fields: Vec<FieldStatement>,
    pub exceptions: Vec<ExceptionStatement>,
}

/// A field that is open for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionStatement {
    pub reason: String,
    /// In seconds since 1970-01-01 UTC.
    pub until: u64,
    pub fields: Vec<FieldStatement>,
}

/// A field and the form in which it is let out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldStatement {
    pub field: String,
    pub action: ActionStatement,
}

/// An action that lets something out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionStatement {
    Keep,
    Pseudonym,
    Truncate {
        v4: u8,
        v6: u8,
    },
    /// Bounds: numbers, or milliseconds.
    Bucket(Vec<u64>),
    /// In seconds.
    Round(u64),
}

impl RuleStatement {
    /// What happens to `field` at a time, in seconds since 1970; `None` if it is dropped. Of several exceptions the first
    /// one holds.
    pub fn action(&self, field: &str, at: u64) -> Option<&ActionStatement> {
        let open = self.exceptions.iter().filter(|exception| at < exception.until);
        let sets = open.map(|exception| &exception.fields).chain([&self.fields]);
        sets.flatten().find(|statement| statement.field == field).map(|statement| &statement.action)
    }

    /// Who sees what the rule lets out: the sink's own reader if the policy names nobody.
    pub fn seen_by(&self) -> Vec<&str> {
        match (self.recipients.as_slice(), SinkName::from_name(&self.sink)) {
            ([], Some(SinkName::Gatekeeper)) => vec!["the gatekeeper"],
            ([], _) => vec!["the provider itself"],
            (named, _) => named.iter().map(String::as_str).collect(),
        }
    }

    /// The fields that are let out at any time, some of them perhaps twice.
    pub fn let_out(&self) -> impl Iterator<Item = &FieldStatement> {
        self.fields.iter().chain(self.exceptions.iter().flat_map(|exception| &exception.fields))
    }

    /// Whether no field is let out at any time.
    pub fn discloses_nothing(&self) -> bool {
        self.let_out().next().is_none()
    }

    /// Whether something is let out that is the same as long as the pseudonyms' keys live: a pseudonym or a session's id.
    pub fn discloses_linkable(&self) -> bool {
        let is_session_id = |statement: &FieldStatement| statement.field == Field::SessionId.name();
        self.discloses_pseudonyms() || self.let_out().any(is_session_id)
    }

    /// Whether something is let out as a pseudonym.
    pub fn discloses_pseudonyms(&self) -> bool {
        self.let_out().any(|statement| statement.action == ActionStatement::Pseudonym)
    }
}

impl DisclosurePolicy {
    /// What the policy lets out, by sink and event.
    pub fn statement(&self) -> Statement {
        let names = |set: &Vec<Field>| set.iter().map(|field| field.name().to_owned()).collect();
        Statement {
            digest: self.digest.to_string(),
            rules: self.rules().map(|(sink, event, rule)| rule.statement(sink, event)).collect(),
            never_together: self.never_together.iter().map(names).collect(),
            pseudonym_period: self.pseudonym_period.as_secs(),
        }
    }
}

impl Rule {
    fn statement(&self, sink: SinkName, event: Event) -> RuleStatement {
        RuleStatement {
            sink: sink.name().to_owned(),
            event: event.name().to_owned(),
            purpose: self.purpose.clone(),
            basis: self.basis.clone(),
            retention: self.retention.as_secs(),
            recipients: self.recipients.clone(),
            fields: fields(event, self.actions()),
            exceptions: self.exceptions().iter().map(|exception| exception.statement(event)).collect(),
        }
    }
}

impl Exception {
    fn statement(&self, event: Event) -> ExceptionStatement {
        ExceptionStatement {
            reason: self.reason.clone(),
            until: self.until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            fields: fields(event, self.actions.iter().map(|(field, action)| (*field, action))),
        }
    }
}

/// The fields that are let out of `event`. A rule for several events may name fields that only some of them have.
fn fields<'a>(event: Event, actions: impl Iterator<Item = (Field, &'a Action)>) -> Vec<FieldStatement> {
    let occurring = actions.filter(|(field, _)| field.occurs_in(event));
    let stated = |(field, action): (Field, &Action)| {
        Some(FieldStatement { field: field.name().to_owned(), action: action.statement()? })
    };
    occurring.filter_map(stated).collect()
}

impl Action {
    /// `None` for what lets nothing out.
    fn statement(&self) -> Option<ActionStatement> {
        Some(match self {
            Self::Drop => return None,
            Self::Keep => ActionStatement::Keep,
            Self::Pseudonym => ActionStatement::Pseudonym,
            Self::Truncate(truncation) => {
                ActionStatement::Truncate { v4: truncation.v4(), v6: truncation.v6() }
            }
            Self::Bucket(buckets) => ActionStatement::Bucket(buckets.bounds().to_vec()),
            Self::Round(rounding) => ActionStatement::Round(rounding.period().as_secs()),
        })
    }
}
