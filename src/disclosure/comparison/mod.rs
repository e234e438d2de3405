//! What one policy lets out that another one does not, by their statements.
//!
//! It errs on the side of *more*: where it cannot be told from the statements that a form says less than another one, it
//! counts as more. Names that this version does not know are compared as text.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::digest::Digest;
use super::policy::DisclosurePolicy;
use super::statement::{ActionStatement, FieldStatement, RuleStatement, Statement};
use super::wording::{moment, period};

/// How a policy differs from the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// What would be let out that was not, or in another form, for longer, for something else, to somebody else.
    pub more: Vec<Change>,
    /// The same the other way round. A change that is neither is in both.
    pub less: Vec<Change>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Of a rule: its sink and its event.
    pub sink: Option<String>,
    pub event: Option<String>,
    /// The name of a field, or what else is another one: `purpose`, `basis`, `retention`, `recipient`, `reason`,
    /// `never_together`, `pseudonyms`.
    pub what: String,
    /// `None` if there was nothing of it.
    pub before: Option<String>,
    /// `None` if there is nothing of it any more.
    pub after: Option<String>,
    /// Of a field that is another one only for a time: until when.
    pub until: Option<String>,
}

impl Comparison {
    /// Whether both let out the same.
    pub fn is_empty(&self) -> bool {
        self.more.is_empty() && self.less.is_empty()
    }

    /// Whether the new policy lets out more.
    pub fn widens(&self) -> bool {
        !self.more.is_empty()
    }
}

/// A policy lets out more than the one before it, and does not say so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the metadata policy lets out more than the one before it and does not say so; if it is meant to, `widens: {before}` should stand in its file. It lets out more:{}",
    .comparison.more.iter().map(|change| format!("\n  {change}")).collect::<String>()
)]
pub struct Unannounced {
    /// The digest of the policy before.
    pub before: String,
    pub comparison: Comparison,
}

/// Compares what two policies let out.
pub fn compare(old: &Statement, new: &Statement) -> Comparison {
    let less = more(new, old).into_iter().map(Change::reversed).collect();
    Comparison { more: more(old, new), less }
}

/// Whether `new` may take the place of `old`: only one whose file names the policy before it in `widens` lets out more.
///
/// # Errors
///
/// If `new` widens what `old` lets out and does not name it in `widens`.
pub fn may_replace(old: &Statement, new: &DisclosurePolicy) -> Result<Comparison, Unannounced> {
    let comparison = compare(old, &new.statement());
    let announced = new.widens.is_some() && new.widens == Digest::parse(&old.digest);
    if comparison.widens() && !announced {
        return Err(Unannounced { before: old.digest.clone(), comparison });
    }
    Ok(comparison)
}

/// What `new` lets out that `old` does not.
fn more(old: &Statement, new: &Statement) -> Vec<Change> {
    let mut more = Vec::new();
    for rule in new.rules.iter().filter(|rule| !rule.discloses_nothing()) {
        let before = old.rules.iter().find(|old| (&old.sink, &old.event) == (&rule.sink, &rule.event));
        more.extend(fields(before, rule));
        more.extend(before.into_iter().flat_map(|before| terms(before, rule)));
    }
    more.extend(joined_sets(old, new));
    // How long an id or a pseudonym can be linked concerns nobody where none is let out.
    if new.pseudonym_period > old.pseudonym_period && new.rules.iter().any(RuleStatement::discloses_linkable)
    {
        let (before, after) = (period(old.pseudonym_period), period(new.pseudonym_period));
        more.push(Change::new("pseudonyms", Some(before), Some(after)));
    }
    more
}

/// The fields that `new` lets out and `old` does not, or not in a form that says as much. What holds is another thing in
/// each time between two ends of exceptions, so that each such time is looked at.
fn fields(old: Option<&RuleStatement>, new: &RuleStatement) -> Vec<Change> {
    let exceptions = new.exceptions.iter().chain(old.iter().flat_map(|old| &old.exceptions));
    let ends: BTreeSet<u64> =
        exceptions.map(|exception| exception.until).filter(|until| *until > 0).collect();
    let starts = [0].into_iter().chain(ends.iter().copied());
    let times: Vec<(u64, Option<u64>)> = starts.zip(ends.iter().copied().map(Some).chain([None])).collect();
    let mut seen = BTreeSet::new();
    let mut changes = Vec::new();
    for FieldStatement { field, .. } in new.let_out() {
        if seen.insert(field) {
            changes.extend(field_changes(field, old, new, &times));
        }
    }
    changes
}

/// How one field is another one, with one change for all neighbouring times in which it is the same.
fn field_changes(
    field: &str,
    old: Option<&RuleStatement>,
    new: &RuleStatement,
    times: &[(u64, Option<u64>)],
) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    let mut last_end = None;
    for &(start, end) in times {
        let before = old.and_then(|old| old.action(field, start));
        let after = new.action(field, start);
        if says_as_much(before, after) {
            continue;
        }
        let change = Change {
            until: end.map(moment),
            ..Change::new(field, form(field, before), form(field, after)).of_rule(new)
        };
        match changes.last_mut() {
            Some(last)
                if last_end == Some(start)
                    && (&last.before, &last.after) == (&change.before, &change.after) =>
            {
                last.until = change.until;
            }
            _ => changes.push(change),
        }
        last_end = end;
    }
    changes
}

/// Whether all that `after` says of a value could be worked out from what `before` says of it.
fn says_as_much(before: Option<&ActionStatement>, after: Option<&ActionStatement>) -> bool {
    use ActionStatement::{Bucket, Keep, Round, Truncate};
    match (before, after) {
        (_, None) | (Some(Keep), _) => true,
        (None, Some(_)) => false,
        (Some(Truncate { v4, v6 }), Some(Truncate { v4: new_v4, v6: new_v6 })) => {
            new_v4 <= v4 && new_v6 <= v6
        }
        (Some(Bucket(old)), Some(Bucket(new))) => new.iter().all(|bound| old.contains(bound)),
        (Some(Round(old)), Some(Round(new))) => new.is_multiple_of(*old),
        (Some(old), Some(new)) => old == new,
    }
}

fn form(field: &str, action: Option<&ActionStatement>) -> Option<String> {
    let statement = FieldStatement { field: field.to_owned(), action: action?.clone() };
    Some(statement.form())
}

/// What a rule says besides its fields: another purpose or basis is the same data for something else.
fn terms(old: &RuleStatement, new: &RuleStatement) -> Vec<Change> {
    let mut changes = Vec::new();
    for (what, before, after) in [("purpose", &old.purpose, &new.purpose), ("basis", &old.basis, &new.basis)]
    {
        if before != after {
            changes.push(Change::new(what, Some(before.clone()), Some(after.clone())));
        }
    }
    if new.retention > old.retention {
        changes.push(Change::new("retention", Some(period(old.retention)), Some(period(new.retention))));
    }
    let known = old.seen_by();
    let added = new.seen_by().into_iter().filter(|recipient| !known.contains(recipient));
    changes.extend(added.map(|recipient| Change::new("recipient", None, Some(recipient.to_owned()))));
    let is_known = |reason: &String| old.exceptions.iter().any(|exception| exception.reason == *reason);
    let reasons: BTreeSet<&String> = new.exceptions.iter().map(|exception| &exception.reason).collect();
    let reasons = reasons.into_iter().filter(|reason| !is_known(reason));
    changes.extend(reasons.map(|reason| Change::new("reason", None, Some(reason.clone()))));
    changes.into_iter().map(|change| change.of_rule(new)).collect()
}

/// The sets of fields that `old` keeps apart and that come together in a sink of `new`. A set that is given up and that no
/// sink holds lets out nothing by that: the field that completes it in a sink will be more when it is let out.
fn joined_sets(old: &Statement, new: &Statement) -> Vec<Change> {
    let mut let_out: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for rule in &new.rules {
        let_out.entry(&rule.sink).or_default().extend(rule.let_out().map(|field| field.field.as_str()));
    }
    let is_joined = |set: &&Vec<String>| {
        let_out.values().any(|sink| set.iter().all(|field| sink.contains(field.as_str())))
    };
    let joined = old.never_together.iter().filter(is_joined);
    joined.map(|set| Change::new("never_together", Some(set.join(", ")), None)).collect()
}

impl Change {
    fn new(what: &str, before: Option<String>, after: Option<String>) -> Self {
        Self { sink: None, event: None, what: what.to_owned(), before, after, until: None }
    }

    fn of_rule(self, rule: &RuleStatement) -> Self {
        Self { sink: Some(rule.sink.clone()), event: Some(rule.event.clone()), ..self }
    }

    /// The same difference seen from the other policy.
    fn reversed(self) -> Self {
        Self { before: self.after, after: self.before, ..self }
    }
}
