//! How a session's profile is selected, as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ContentTypesDocument, DocumentError, Findings};
use crate::content_types::{Case, Fact, Pattern, Selection, Software, Version, VersionRange};
use crate::policy::{HostName, Located, Position, Problem, in_order};

/// How a client's software is known: by any of these patterns. A pattern is compared with the whole text; `*` stands for
/// any text and `{version}`, at most once, for the software's version.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct SoftwareDocument {
    /// What the client says of itself when it authenticates: `software` of the SASL2 user agent (XEP-0388).
    #[serde(default)]
    user_agent: Vec<Located<String>>,
    /// The node of its entity capabilities (XEP-0115), mostly a web address.
    #[serde(default)]
    node: Vec<Located<String>>,
    /// The resource that it asks for, or its Bind 2 tag (XEP-0386).
    #[serde(default)]
    resource: Vec<Located<String>>,
}

/// A profile for the sessions that fit all that stands here.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct CaseDocument {
    /// The domain that the stream is for.
    #[serde(default)]
    host: Option<HostName>,
    /// The TLS server name (SNI) that the client asked for.
    #[serde(default)]
    server_name: Option<HostName>,
    /// One of `software`.
    #[serde(default)]
    software: Option<Located<String>>,
    /// Which versions of the software. A session whose client does not tell the version does not fit.
    #[serde(default)]
    version: Option<Located<VersionRangeDocument>>,
    profile: Located<String>,
}

/// From one version on to below another one; quotes keep `2.10` from being read as the number 2.1.
#[derive(Debug, Deserialize, JsonSchema)]
struct VersionRangeDocument {
    /// The first version.
    #[serde(default)]
    from: Option<Located<String>>,
    /// The first version that is no longer meant.
    #[serde(default)]
    below: Option<Located<String>>,
}

impl ContentTypesDocument {
    /// `None` if anything is wrong.
    pub(super) fn selection(&self, findings: &mut Findings<'_>) -> Option<Selection> {
        let software: BTreeMap<&str, Option<Software>> = in_order(&self.software)
            .into_iter()
            .map(|(name, document)| (name.value.as_str(), document.build(name, findings)))
            .collect();
        let default = self.profile(&self.default, findings);
        let cases: Vec<_> =
            self.select.iter().map(|case| self.case(case.at, &case.value, &software, findings)).collect();
        self.warn_of_what_is_not_used(findings);
        let cases: Vec<Case> = cases.into_iter().collect::<Option<_>>()?;
        warn_of_cases_that_never_hold(&cases, findings);
        Some(Selection { cases, default: default? })
    }

    fn case(
        &self,
        at: Position,
        document: &CaseDocument,
        known: &BTreeMap<&str, Option<Software>>,
        findings: &mut Findings<'_>,
    ) -> Option<Case> {
        let profile = self.profile(&document.profile, findings);
        let software = document.software.as_ref().map(|name| {
            if !known.contains_key(name.value.as_str()) {
                let names = known.keys().copied();
                findings.problems.push(Problem::unknown_reference(name.at, &name.value, "software", names));
            }
            known.get(name.value.as_str()).cloned().flatten()
        });
        let version = document.version.as_ref().map(|range| {
            match &software {
                None => findings.problem(range.at, &DocumentError::VersionOfNothing),
                Some(Some(software))
                    if !software.patterns.iter().any(|(_, pattern)| pattern.has_version()) =>
                {
                    findings.problem(range.at, &DocumentError::UnknownVersion);
                }
                Some(_) => {}
            }
            range.value.build(range.at, findings)
        });
        Some(Case {
            at,
            host: document.host.as_ref().map(HostName::to_string),
            server_name: document.server_name.as_ref().map(HostName::to_string),
            software: present(software)?,
            version: present(version)?,
            profile: profile?,
        })
    }

    /// A profile's position in the file's order.
    fn profile(&self, name: &Located<String>, findings: &mut Findings<'_>) -> Option<usize> {
        let position = in_order(&self.profiles).iter().position(|(other, _)| *other == name);
        if position.is_none() {
            let known = self.profiles.keys().map(|name| name.value.as_str());
            findings.problems.push(Problem::unknown_reference(name.at, &name.value, "profile", known));
        }
        position
    }

    fn warn_of_what_is_not_used(&self, findings: &mut Findings<'_>) {
        let selected = self.select.iter().map(|case| &case.value.profile);
        let extended = self.profiles.values().filter_map(|profile| profile.extends.as_ref());
        let used: Vec<_> = selected.chain(extended).chain([&self.default]).collect();
        for (name, profile) in &self.profiles {
            // One that extends another may wait for its time, as the later phases of the shipped policy do.
            if !used.contains(&name) && profile.extends.is_none() {
                findings.warning(name.at, &DocumentError::UnusedProfile);
            }
        }
        let used: Vec<_> = self.select.iter().filter_map(|case| case.value.software.as_ref()).collect();
        for name in self.software.keys().filter(|name| !used.contains(name)) {
            findings.warning(name.at, &DocumentError::UnusedSoftware);
        }
    }
}

impl SoftwareDocument {
    fn build(&self, name: &Located<String>, findings: &mut Findings<'_>) -> Option<Software> {
        let written =
            [(Fact::UserAgent, &self.user_agent), (Fact::Node, &self.node), (Fact::Resource, &self.resource)];
        let texts = written.into_iter().flat_map(|(fact, texts)| texts.iter().map(move |text| (fact, text)));
        let patterns: Vec<_> = texts
            .map(|(fact, text)| Some((fact, findings.checked(text.at, Pattern::parse(&text.value))?)))
            .collect();
        if patterns.is_empty() {
            findings.problem(name.at, &DocumentError::NoPattern);
            return None;
        }
        let patterns = patterns.into_iter().collect::<Option<_>>()?;
        Some(Software { name: name.value.clone(), patterns })
    }
}

impl VersionRangeDocument {
    fn build(&self, at: Position, findings: &mut Findings<'_>) -> Option<VersionRange> {
        let mut version = |text: &Located<String>| {
            findings.checked(text.at, Version::parse(&text.value).ok_or(DocumentError::Version))
        };
        let from = self.from.as_ref().map(&mut version);
        let below = self.below.as_ref().map(&mut version);
        let range = VersionRange { from: present(from)?, below: present(below)? };
        if range.is_empty() {
            findings.problem(at, &DocumentError::EmptyRange);
        } else if range.from.is_none() && range.below.is_none() {
            findings.problem(at, &DocumentError::NoRange);
        }
        Some(range)
    }
}

fn warn_of_cases_that_never_hold(cases: &[Case], findings: &mut Findings<'_>) {
    for (index, case) in cases.iter().enumerate() {
        if cases[..index].iter().any(|earlier| earlier.covers(case)) {
            findings.warning(case.at, &DocumentError::NeverHolds);
        }
    }
}

/// What was left out is right; what stands in the file and could not be built is not.
fn present<T>(written: Option<Option<T>>) -> Option<Option<T>> {
    match written {
        Some(built) => built.map(Some),
        None => Some(None),
    }
}
