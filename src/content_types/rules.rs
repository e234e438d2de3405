//! A policy made ready for its host's sessions: everything that is written or compared is built once.

use std::sync::Arc;

use super::{
    Advertisement, Advertiser, CapabilitiesCache, ContentTypesPolicy, DiscoAdvertisement, Enforcer, FactSet,
};
use crate::framing::Vocabulary;

/// A host's policy, compiled against the gate's vocabulary. Shared by all sessions of the host.
pub struct Rules {
    policy: Arc<ContentTypesPolicy>,
    needs: FactSet,
    pub(super) advertiser: Advertiser,
    /// In the order of the policy's profiles.
    profiles: Vec<Arc<CompiledProfile>>,
    /// What is known of clients' capabilities, by all hosts together.
    capabilities: Arc<CapabilitiesCache>,
}

/// What follows from one profile.
pub(super) struct CompiledProfile {
    pub advertisement: Advertisement,
    /// If the policy has the carrier `disco`.
    pub disco: Option<Arc<DiscoAdvertisement>>,
    pub enforcer: Enforcer,
}

impl Rules {
    /// `vocabulary` holds the dialect's names.
    pub fn new(
        policy: impl Into<Arc<ContentTypesPolicy>>,
        vocabulary: &Vocabulary,
        capabilities: Arc<CapabilitiesCache>,
    ) -> Self {
        let policy = policy.into();
        let disco = policy.dialect.disco.as_ref().filter(|_| policy.carriers.disco);
        let compile = |content_types| CompiledProfile {
            advertisement: Advertisement::new(content_types, &policy.dialect.list),
            disco: disco.map(|words| Arc::new(DiscoAdvertisement::new(content_types, words))),
            enforcer: Enforcer::new(&policy, content_types, vocabulary),
        };
        let profiles =
            policy.profiles.iter().map(|profile| Arc::new(compile(&profile.content_types))).collect();
        let advertiser = Advertiser::new(&policy.dialect, policy.carriers);
        Self { needs: policy.selection.needs(), policy, advertiser, profiles, capabilities }
    }

    pub fn policy(&self) -> &ContentTypesPolicy {
        &self.policy
    }

    /// Bytes that are added to a client's stanza at most: the longest list, or its form in disco#info.
    pub fn largest_insertion(&self) -> usize {
        let length = |profile: &Arc<CompiledProfile>| {
            let form = profile.disco.as_ref().map_or(0, |disco| disco.bytes().len());
            profile.advertisement.list().len().max(form)
        };
        self.profiles.iter().map(length).max().unwrap_or(0)
    }

    pub(super) fn capabilities(&self) -> &CapabilitiesCache {
        &self.capabilities
    }

    /// What of a client the selection looks at.
    pub(super) fn needs(&self) -> FactSet {
        self.needs
    }

    /// The profile at a position that the policy's selection gave.
    pub(super) fn profile(&self, position: usize) -> &Arc<CompiledProfile> {
        // A policy's selection names no other positions.
        &self.profiles[position]
    }
}
