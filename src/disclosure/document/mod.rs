//! `policies/metadata/*.yaml` as written, and how it becomes a [`DisclosurePolicy`].
//!
//! Reading text and reporting places is `policy`'s part. It has no clock: whether an exception is over already is for who
//! reads the file to judge.

mod action;
mod error;
mod rule;
#[cfg(test)]
mod tests;
mod together;
mod trial;

pub use error::MetadataError;
pub use trial::MetadataTest;

use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Deserialize;

use self::rule::{ExceptionDocument, RuleDocument};
use self::together::{Opening, SetDocument};
use self::trial::TestDocument;
use super::catalogue::Event;
use super::digest::Digest;
use super::disclosed::SinkName;
use super::policy::DisclosurePolicy;
use super::printable::is_printable;
use super::withheld::Withheld;
use crate::policy::{Located, Period, PolicyDocument, Position, Problem};

/// What may be written down about connections and sessions. What no rule names is not written.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct MetadataDocument {
    /// The digest of the policy that this one knowingly widens: `sha256:` and what `sha256sum` prints for its file.
    #[serde(default)]
    widens: Option<Located<String>>,
    /// How pseudonyms are made.
    #[serde(default)]
    pseudonyms: Option<PseudonymsDocument>,
    /// Sets of fields that no sink may hold together, in whatever form.
    #[serde(default)]
    never_together: Vec<Located<SetDocument>>,
    /// At most one rule for each sink and event. An empty list discloses nothing.
    rules: Vec<RuleDocument>,
    /// Fields that are open for a reason and for a time.
    #[serde(default)]
    exceptions: Vec<ExceptionDocument>,
    /// A policy that is tried beside this one: what it would let out is counted, without values.
    #[serde(default)]
    shadow: Option<Located<String>>,
    /// What is expected of the policy: `vestibule policy test` runs them.
    #[serde(default)]
    tests: Vec<TestDocument>,
}

/// How pseudonyms are made.
#[derive(Debug, Deserialize, JsonSchema)]
struct PseudonymsDocument {
    /// How long they can be linked: the life of their keys.
    period: Located<Period>,
}

/// A metadata policy, and what else its file says.
#[derive(Clone, Debug)]
pub struct MetadataFile {
    /// Its digest is for who has the file's bytes to set.
    pub policy: DisclosurePolicy,
    /// The file of the policy that is tried beside this one.
    pub shadow: Option<Located<String>>,
    /// When exceptions end, and where that is said.
    pub ends: Vec<Located<SystemTime>>,
    pub tests: Vec<MetadataTest>,
}

/// Problems and warnings that building a document brings up.
pub(super) struct Findings<'w> {
    problems: Vec<Problem>,
    warnings: &'w mut Vec<Problem>,
}

impl Findings<'_> {
    fn problem(&mut self, at: Position, error: &MetadataError) {
        self.problems.push(Problem::invalid(at, error));
    }

    /// Reports `error` at a text that says nothing: one without a letter or a digit that can be seen. Some fillers that look
    /// like nothing are letters to Unicode.
    fn require_text(&mut self, text: &Located<String>, error: &MetadataError) {
        if !text.value.chars().any(|character| character.is_alphanumeric() && is_printable(character)) {
            self.problem(text.at, error);
        }
    }
}

impl PolicyDocument for MetadataDocument {
    type Value = MetadataFile;

    const KIND: &'static str = "metadata";

    /// Fields that cannot be named because nobody may see them.
    fn unknown_key(path: &[String]) -> Option<String> {
        let [.., mapping, name] = path else { return None };
        let withheld =
            Withheld::from_name(name).filter(|_| ["fields", "given"].contains(&mapping.as_str()))?;
        Some(MetadataError::Withheld(withheld).to_string())
    }

    fn build(self, warnings: &mut Vec<Problem>) -> Result<MetadataFile, Vec<Problem>> {
        let mut findings = Findings { problems: Vec::new(), warnings };
        let ends = self.exceptions.iter().map(|exception| exception.until.clone().map(|until| until.time()));
        let ends = ends.collect();
        let mut policy = rules(self.rules, self.exceptions, self.never_together, &mut findings);
        if let Some(widens) = self.widens {
            policy.widens = Digest::parse(&widens.value);
            if policy.widens.is_none() {
                findings.problem(widens.at, &MetadataError::Digest);
            }
        }
        if let Some(pseudonyms) = self.pseudonyms {
            policy.pseudonym_period = pseudonyms.build(&mut findings);
        }
        let tests = self.tests.into_iter().map(|test| test.build(&mut findings)).collect();
        let file = MetadataFile { policy, shadow: self.shadow, ends, tests };
        if findings.problems.is_empty() { Ok(file) } else { Err(findings.problems) }
    }
}

/// The rules with their exceptions, held against what may never come together.
fn rules(
    rules: Vec<RuleDocument>,
    exceptions: Vec<ExceptionDocument>,
    never_together: Vec<Located<SetDocument>>,
    findings: &mut Findings<'_>,
) -> DisclosurePolicy {
    let mut policy = DisclosurePolicy::default();
    let places: Vec<(Position, SinkName, Vec<Event>)> = rules.iter().map(RuleDocument::place).collect();
    let mut openings: Vec<Opening> =
        rules.into_iter().map(|rule| rule.build(&mut policy, findings)).collect();
    openings.extend(exceptions.into_iter().map(|exception| exception.build(&mut policy, findings)));
    for (at, sink, events) in places {
        let is_silent = |event: &Event| policy.rule(sink, *event).is_none_or(|rule| rule.discloses_nothing());
        if events.iter().all(is_silent) {
            findings.warnings.push(Problem::invalid(at, &MetadataError::NothingDisclosed));
        }
    }
    let sets = never_together.into_iter().map(|set| SetDocument::build(set, &openings, findings));
    policy.never_together = sets.collect();
    policy
}

impl PseudonymsDocument {
    fn build(self, findings: &mut Findings<'_>) -> Duration {
        const SHORTEST: Duration = Duration::from_secs(60);
        const LONGEST: Duration = Duration::from_secs(31 * 86_400);
        let period = self.period.value.duration();
        if !(SHORTEST..=LONGEST).contains(&period) || !rule::is_whole_seconds(period) {
            findings.problem(self.period.at, &MetadataError::PseudonymPeriod);
        }
        period
    }
}
