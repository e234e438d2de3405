//! Which profile a session has: by what is known of its client.

mod pattern;
#[cfg(test)]
mod tests;

pub use pattern::{Found, Pattern, PatternError};

use super::VersionRange;
use crate::policy::Position;

/// What is known of a client. All of it is the client's own word, but the host and the server name were checked.
///
/// What the client may still say is `None`. What it could have said, and has not, is empty: no pattern fits that.
#[derive(Clone, Default)]
pub struct Facts {
    /// The domain that the stream is for, in lower case.
    pub host: String,
    /// The TLS server name (SNI), in lower case; `None` if the client named none.
    pub server_name: Option<String>,
    /// `<software/>` of the SASL2 user agent (XEP-0388, 2.3).
    pub user_agent: Option<String>,
    /// The entity capabilities' node (XEP-0115, 4): a URI that names the software.
    pub node: Option<String>,
    /// The resource that the client asked for (RFC 6120, 7) or its Bind 2 tag (XEP-0386).
    pub resource: Option<String>,
}

/// A fact that names a client's software, and is learnt while the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    UserAgent,
    Node,
    Resource,
}

/// Some of the facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FactSet {
    pub user_agent: bool,
    pub node: bool,
    pub resource: bool,
}

/// How a profile is selected: the first case that fits the facts, otherwise the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    pub cases: Vec<Case>,
    /// The position of the profile that holds if no case fits.
    pub default: usize,
}

/// For whom a profile is. What is `None` fits any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Where the policy says it.
    pub at: Position,
    /// In lower case.
    pub host: Option<String>,
    /// In lower case.
    pub server_name: Option<String>,
    pub software: Option<Software>,
    /// Only with a software, one of whose patterns has a place for the version.
    pub version: Option<VersionRange>,
    /// The position of the profile.
    pub profile: usize,
}

/// How a client's software is known: any of the patterns fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Software {
    pub name: String,
    pub patterns: Vec<(Fact, Pattern)>,
}

/// What was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The position of the profile.
    pub profile: usize,
    /// No fact that is still missing could change it.
    pub certain: bool,
}

/// What was selected, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub selected: Selected,
    /// The position of the case that fits; `None` if the default holds.
    pub case: Option<usize>,
    /// How each case fits, in their order: also behind the one that holds.
    pub fits: Vec<Fit>,
}

/// Whether a case fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Yes,
    /// One of these facts, which are still missing, could make it fit.
    Open(FactSet),
    No(Mismatch),
}

/// Why a case does not fit; of several patterns, what the nearest one says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// The stream is for another host.
    Host,
    /// The client named another server, or none.
    ServerName,
    /// No pattern of the software fits.
    Software,
    /// A pattern of the software fits, but has no place for the version.
    NoVersion,
    /// The software's version is not in the range.
    Version,
}

/// Shows nothing of what a client says.
impl std::fmt::Debug for Facts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Facts(of {})", self.host)
    }
}

impl Facts {
    /// Bytes of a fact that is compared with patterns. A longer one fits none: nothing that names software is as long (a
    /// resource has at most 1,023, RFC 7622, 3.4).
    pub const LONGEST: usize = 1024;

    fn value(&self, fact: Fact) -> Option<&str> {
        let value = match fact {
            Fact::UserAgent => &self.user_agent,
            Fact::Node => &self.node,
            Fact::Resource => &self.resource,
        };
        value.as_deref()
    }
}

impl Fact {
    pub const ALL: [Fact; 3] = [Fact::UserAgent, Fact::Node, Fact::Resource];

    /// The fact in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Fact::UserAgent => "user_agent",
            Fact::Node => "node",
            Fact::Resource => "resource",
        }
    }
}

impl FactSet {
    pub fn contains(self, fact: Fact) -> bool {
        match fact {
            Fact::UserAgent => self.user_agent,
            Fact::Node => self.node,
            Fact::Resource => self.resource,
        }
    }

    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn insert(&mut self, fact: Fact) {
        match fact {
            Fact::UserAgent => self.user_agent = true,
            Fact::Node => self.node = true,
            Fact::Resource => self.resource = true,
        }
    }
}

impl Selection {
    /// Takes time linear in the length of the facts.
    pub fn select(&self, facts: &Facts) -> Selected {
        self.explain(facts).selected
    }

    /// The facts that any case looks at: the others need not be learnt.
    pub fn needs(&self) -> FactSet {
        let mut needs = FactSet::default();
        for case in &self.cases {
            case.relevant_patterns().for_each(|(fact, _)| needs.insert(*fact));
        }
        needs
    }

    pub fn explain(&self, facts: &Facts) -> Explanation {
        let fits: Vec<Fit> = self.cases.iter().map(|case| case.fit(facts)).collect();
        let case = fits.iter().position(|fit| *fit == Fit::Yes);
        let profile = case.map_or(self.default, |case| self.cases[case].profile);
        let earlier = self.cases.iter().zip(&fits).take(case.unwrap_or(fits.len()));
        let certain =
            !earlier.into_iter().any(|(other, fit)| matches!(fit, Fit::Open(_)) && other.profile != profile);
        Explanation { selected: Selected { profile, certain }, case, fits }
    }
}

impl Case {
    /// Whether whoever fits `other` fits this case as well.
    pub(super) fn covers(&self, other: &Case) -> bool {
        let same_or_any = |mine: &Option<String>, others: &Option<String>| mine.is_none() || mine == others;
        let versions = match (&self.version, &other.version) {
            (None, _) => true,
            (Some(mine), Some(others)) => mine.covers(others),
            (Some(_), None) => false,
        };
        let software = self.software.is_none() || self.software == other.software;
        same_or_any(&self.host, &other.host)
            && same_or_any(&self.server_name, &other.server_name)
            && software
            && versions
    }

    fn fit(&self, facts: &Facts) -> Fit {
        if self.host.as_ref().is_some_and(|host| *host != facts.host) {
            return Fit::No(Mismatch::Host);
        }
        if self.server_name.is_some() && self.server_name != facts.server_name {
            return Fit::No(Mismatch::ServerName);
        }
        if self.software.is_none() {
            return Fit::Yes;
        }
        let of_software = self.software.iter().flat_map(|software| &software.patterns);
        let mut nearest = Mismatch::Software;
        for (fact, pattern) in of_software {
            match facts.value(*fact).and_then(|value| self.judge(pattern, value)) {
                Some(Ok(())) => return Fit::Yes,
                Some(Err(mismatch)) => nearest = nearest.max(mismatch),
                None => {}
            }
        }
        let mut missing = FactSet::default();
        let open = self.relevant_patterns().filter(|(fact, _)| facts.value(*fact).is_none());
        open.for_each(|(fact, _)| missing.insert(*fact));
        if missing.is_empty() { Fit::No(nearest) } else { Fit::Open(missing) }
    }

    /// What a pattern of the software says about a fact; `None` if it does not fit.
    fn judge(&self, pattern: &Pattern, value: &str) -> Option<Result<(), Mismatch>> {
        if value.is_empty() || value.len() > Facts::LONGEST {
            return None;
        }
        let found = pattern.find(value)?;
        Some(match (&self.version, found.version) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Mismatch::NoVersion),
            (Some(range), Some(version)) if range.contains(&version) => Ok(()),
            (Some(_), Some(_)) => Err(Mismatch::Version),
        })
    }

    /// The software's patterns that can make the case fit: if it asks for a version, those that have a place for it.
    fn relevant_patterns(&self) -> impl Iterator<Item = &(Fact, Pattern)> {
        let patterns = self.software.iter().flat_map(|software| &software.patterns);
        patterns.filter(|(_, pattern)| self.version.is_none() || pattern.has_version())
    }
}
