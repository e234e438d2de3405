//! Rules and exceptions as written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::Deserialize;

use super::action::FieldsDocument;
use super::together::Opening;
use super::{Findings, MetadataError};
use crate::disclosure::action::Action;
use crate::disclosure::catalogue::{Event, Field};
use crate::disclosure::disclosed::SinkName;
use crate::disclosure::policy::{DisclosurePolicy, Exception, Rule};
use crate::policy::{Located, Moment, Period, Position};

/// What one sink may see of some events, and why.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct RuleDocument {
    /// Where the fields go.
    sink: Located<SinkName>,
    /// When they are written.
    #[schemars(length(min = 1))]
    events: Vec<Located<Event>>,
    /// What they are needed for. Pseudonyms of different purposes cannot be linked.
    purpose: Located<String>,
    /// The legal basis, for instance `legitimate interest (GDPR 6(1)(f))`.
    basis: Located<String>,
    /// How long what was written may be kept, for instance `14d`.
    retention: Located<Period>,
    /// Who gets to see it. Left out: the provider itself, or for the sink `gatekeeper` the gatekeeper.
    #[serde(default)]
    recipients: Vec<Located<String>>,
    /// What happens to each field. A field that is not named is dropped.
    fields: FieldsDocument,
}

/// Fields of a rule that are open for a time. It ends by itself.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ExceptionDocument {
    sink: Located<SinkName>,
    /// The events of which the fields are open; the sink has a rule for each of them.
    #[schemars(length(min = 1))]
    events: Vec<Located<Event>>,
    /// What happens to the fields until then, in place of the rule's own actions.
    fields: FieldsDocument,
    /// Why. The public report shows it.
    reason: Located<String>,
    /// From this moment on the exception is over.
    pub until: Located<Moment>,
}

impl RuleDocument {
    /// Adds the rule to the policy.
    pub fn build(self, policy: &mut DisclosurePolicy, findings: &mut Findings<'_>) -> Opening {
        self.check_words(findings);
        if self.sink.value.stamps_time() && !self.fields.names(Field::Time) {
            findings.problem(self.sink.at, &MetadataError::StampedTime(self.sink.value));
        }
        let actions = actions(self.fields, &self.sink, &self.events, findings);
        let opening = opening(&self.sink, &actions);
        let retention = self.retention.value.duration();
        let recipients = self.recipients.into_iter().map(|recipient| recipient.value).collect();
        let mut rule = Rule::new(self.purpose.value, self.basis.value, retention, recipients);
        for (name, action) in actions {
            rule.set(name.value, action);
        }
        for event in &self.events {
            if !self.sink.value.takes(event.value) {
                findings.problem(event.at, &MetadataError::SinkDoesNotTake(self.sink.value, event.value));
            }
            if policy.rule(self.sink.value, event.value).is_some() {
                findings.problem(event.at, &MetadataError::SecondRule);
            }
            policy.set(self.sink.value, event.value, rule.clone());
        }
        opening
    }

    /// Where its purpose stands, its sink and its events, for what is wrong with the rule as a whole.
    pub fn place(&self) -> (Position, SinkName, Vec<Event>) {
        (self.purpose.at, self.sink.value, self.events.iter().map(|event| event.value).collect())
    }

    fn check_words(&self, findings: &mut Findings<'_>) {
        findings.require_text(&self.purpose, &MetadataError::NoPurpose);
        findings.require_text(&self.basis, &MetadataError::NoBasis);
        for recipient in &self.recipients {
            findings.require_text(recipient, &MetadataError::NoRecipient);
        }
        if !is_whole_seconds(self.retention.value.duration()) {
            findings.problem(self.retention.at, &MetadataError::NoRetention);
        }
    }
}

impl ExceptionDocument {
    /// Opens the fields in the policy's rules.
    pub fn build(self, policy: &mut DisclosurePolicy, findings: &mut Findings<'_>) -> Opening {
        findings.require_text(&self.reason, &MetadataError::NoReason);
        let actions = actions(self.fields, &self.sink, &self.events, findings);
        let opening = opening(&self.sink, &actions);
        for (field, _) in actions.iter().filter(|(_, action)| *action == Action::Drop) {
            findings.problem(field.at, &MetadataError::DropInException);
        }
        let actions = actions.into_iter().map(|(field, action)| (field.value, action)).collect();
        let until = whole_seconds(self.until.value);
        let exception = Exception { reason: self.reason.value, until, actions };
        for event in &self.events {
            match policy.rule_mut(self.sink.value, event.value) {
                Some(rule) => rule.open(exception.clone()),
                None => findings.problem(event.at, &MetadataError::ExceptionWithoutRule),
            }
        }
        opening
    }
}

fn opening(sink: &Located<SinkName>, actions: &[(Located<Field>, Action)]) -> Opening {
    let fields = actions.iter().filter(|(_, action)| *action != Action::Drop).map(|(field, _)| field.value);
    Opening { at: sink.at, sink: sink.value, fields: fields.collect() }
}

/// The fields with their actions, as far as they fit their fields, the events and the sink.
fn actions(
    fields: FieldsDocument,
    sink: &Located<SinkName>,
    events: &[Located<Event>],
    findings: &mut Findings<'_>,
) -> Vec<(Located<Field>, Action)> {
    let mut actions = Vec::new();
    for (name, action) in fields.0 {
        // An unknown name is reported by the schema.
        let Some(field) = Field::from_name(&name.value) else { continue };
        let occurs = events.iter().any(|event| field.occurs_in(event.value));
        let built = if occurs {
            action.build(field, sink.value)
        } else {
            Err(MetadataError::FieldNotInEvents(field))
        };
        match built {
            Ok(action) => actions.push((name.map(|_| field), action)),
            Err(error) => findings.problem(name.at, &error),
        }
    }
    actions
}

/// Whole seconds, at least one: what statements and reports can say exactly.
pub(super) fn is_whole_seconds(period: Duration) -> bool {
    period.subsec_nanos() == 0 && !period.is_zero()
}

/// The last whole second before: what an exception's end is in a statement.
fn whole_seconds(moment: Moment) -> SystemTime {
    let since_epoch = moment.time().duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs())
}
