//! `policies/content-types/*.yaml` and `policies/dialects/*.yaml` as written, and what they mean.

mod by_class;
mod carriers;
mod dialect;
mod dialect_trial;
mod enforcement;
mod error;
mod length;
mod profiles;
mod selection;
#[cfg(test)]
mod tests;
mod trial;

pub use dialect::{DialectDocument, DialectFile};
pub use dialect_trial::DialectTest;
pub use error::DocumentError;
pub use trial::ContentTypesTest;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    CacheLimits, CapabilitiesCache, Carrier, Carriers, ContentTypesPolicy, Conversation, Dialect,
    Enforcement, Profile, Selection,
};
use crate::policy::{Located, PolicyDocument, Position, Problem, in_order};
use enforcement::EnforcementDocument;
use profiles::ProfileDocument;
use selection::{CaseDocument, SoftwareDocument};

/// What clients can receive, how the gatekeeper is told, and what becomes of anything else.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ContentTypesDocument {
    /// The file with the gatekeeper's words, relative to this file.
    dialect: Located<String>,
    /// Where the gatekeeper is told.
    #[serde(default = "carriers::default")]
    carriers: Vec<Located<Carrier>>,
    #[serde(default)]
    capabilities: CapabilitiesDocument,
    /// What builds of clients can receive, by names of your own.
    profiles: BTreeMap<Located<String>, ProfileDocument>,
    /// The profile of a session that no rule of `select` fits.
    default: Located<String>,
    /// How clients' software is known, by names of your own.
    #[serde(default)]
    software: BTreeMap<Located<String>, SoftwareDocument>,
    /// Which sessions have another profile. The first rule that fits holds.
    #[serde(default)]
    select: Vec<Located<CaseDocument>>,
    #[serde(default)]
    enforce: EnforcementDocument,
    /// What is expected of the policy.
    #[serde(default)]
    tests: Vec<ContentTypesTest>,
}

/// What is known of clients' entity capabilities before they connect, for the carrier `disco`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
struct CapabilitiesDocument {
    /// Files with the disco#info of known builds, relative to this file.
    #[serde(default)]
    seeds: Vec<Located<String>>,
}

/// What a content-types file means. The files that it names are still to be read.
#[derive(Clone, Debug)]
pub struct ContentTypesFile {
    /// The path of the dialect's file, relative to the policy's file.
    pub dialect: Located<String>,
    /// The paths of files with the disco#info of known builds, relative to the policy's file.
    pub seeds: Vec<Located<String>>,
    pub carriers: Carriers,
    /// At least one.
    pub profiles: Vec<Profile>,
    pub selection: Selection,
    pub enforcement: Enforcement,
    pub tests: Vec<ContentTypesTest>,
    places: Places,
}

/// Where something stands that only the dialect tells to be right: it may not have a word for it, or long ones.
#[derive(Clone, Debug, Default)]
struct Places {
    disco: Option<Position>,
    group: Option<Position>,
    /// Of the profiles, in their order.
    profiles: Vec<Position>,
}

/// What is found wrong while a document is built.
struct Findings<'w> {
    problems: Vec<Problem>,
    warnings: &'w mut Vec<Problem>,
}

impl PolicyDocument for ContentTypesDocument {
    type Value = ContentTypesFile;
    const KIND: &'static str = "content-types";

    fn build(self, warnings: &mut Vec<Problem>) -> Result<ContentTypesFile, Vec<Problem>> {
        let mut findings = Findings { problems: Vec::new(), warnings };
        let carriers = carriers::build(&self.carriers, &self.capabilities.seeds, &mut findings);
        let profiles = profiles::build(&self.profiles, &mut findings);
        let selection = self.selection(&mut findings);
        let enforcement = self.enforce.build(profiles.as_deref(), &mut findings);
        self.check_tests(&mut findings);
        let places = self.places();
        let Self { dialect, capabilities, tests, .. } = self;
        findings.finish()?;
        let (profiles, selection) = profiles.zip(selection).ok_or_else(Vec::new)?;
        Ok(ContentTypesFile {
            dialect,
            seeds: capabilities.seeds,
            carriers,
            profiles,
            selection,
            enforcement,
            tests,
            places,
        })
    }
}

impl ContentTypesDocument {
    fn check_tests(&self, findings: &mut Findings<'_>) {
        let profiles: Vec<_> = self.profiles.keys().map(|name| name.value.as_str()).collect();
        self.tests.iter().for_each(|test| test.check(&profiles, findings));
    }

    fn places(&self) -> Places {
        let disco =
            self.carriers.iter().find(|carrier| carrier.value == Carrier::Disco).map(|carrier| carrier.at);
        let entries = self.profiles.values().flat_map(|profile| &profile.accept);
        let in_groups = entries.filter(|entry| entry.value.conversation == Conversation::Group);
        let group = in_groups.map(|entry| entry.at).min();
        let profiles = in_order(&self.profiles).into_iter().map(|(name, _)| name.at).collect();
        Places { disco, group, profiles }
    }
}

impl ContentTypesFile {
    /// The policy with what stands in the files that it names: the dialect, and the texts of the seeds, each in the place
    /// where the policy names its file. The problems' places are in the policy's file.
    pub fn compile(
        self,
        dialect: Dialect,
        seeds: Vec<Located<String>>,
        warnings: &mut Vec<Problem>,
    ) -> Result<ContentTypesPolicy, Vec<Problem>> {
        let mut findings = Findings { problems: Vec::new(), warnings };
        if let Some(at) = self.places.disco
            && dialect.disco.is_none()
        {
            findings.problem(at, &DocumentError::NoWordsForDisco);
        }
        if let Some(at) = self.places.group
            && dialect.list.conversation.is_none()
        {
            findings.warning(at, &DocumentError::NoWordForGroups);
        }
        for (profile, at) in self.profiles.iter().zip(&self.places.profiles) {
            length::check(profile, *at, self.carriers, &dialect, &mut findings);
        }
        let scratch = CapabilitiesCache::new(CacheLimits { entries: 0, bytes: 0 });
        for seed in &seeds {
            findings.checked(seed.at, scratch.seed(seed.value.as_bytes()));
        }
        findings.finish()?;
        let seeds = seeds.into_iter().map(|seed| seed.value).collect();
        let Self { carriers, profiles, selection, enforcement, .. } = self;
        Ok(ContentTypesPolicy { dialect, carriers, profiles, selection, enforcement, seeds })
    }
}

impl Findings<'_> {
    fn problem(&mut self, at: Position, error: &impl std::error::Error) {
        self.problems.push(Problem::invalid(at, error));
    }

    fn warning(&mut self, at: Position, error: &DocumentError) {
        self.warnings.push(Problem::invalid(at, error));
    }

    /// The value, or `None` and its error among the problems.
    fn checked<T, E: std::error::Error>(&mut self, at: Position, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.problem(at, &error)).ok()
    }

    fn finish(self) -> Result<(), Vec<Problem>> {
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems) }
    }
}
