//! A policy made ready for its host's sessions: everything that is written or compared is built once.

use super::{Advertisement, Advertiser, ContentTypesPolicy, Enforcer, Needs};
use crate::framing::Vocabulary;

/// A host's policy, compiled against the gate's vocabulary. Shared by all sessions of the host.
pub struct Rules {
    policy: ContentTypesPolicy,
    needs: Needs,
    pub(super) advertiser: Advertiser,
    /// In the order of the policy's profiles.
    profiles: Vec<CompiledProfile>,
}

/// What follows from one profile.
pub(super) struct CompiledProfile {
    pub advertisement: Advertisement,
    pub enforcer: Enforcer,
}

impl Rules {
    /// `vocabulary` holds the dialect's names.
    pub fn new(policy: ContentTypesPolicy, vocabulary: &Vocabulary) -> Self {
        let compile = |content_types| CompiledProfile {
            advertisement: Advertisement::new(content_types, &policy.dialect.list),
            enforcer: Enforcer::new(&policy, content_types, vocabulary),
        };
        let profiles = policy.profiles.iter().map(|profile| compile(&profile.content_types)).collect();
        let advertiser = Advertiser::new(&policy.dialect, policy.carriers);
        Self { needs: policy.selection.needs(), policy, advertiser, profiles }
    }

    pub fn policy(&self) -> &ContentTypesPolicy {
        &self.policy
    }

    /// What of a client the selection looks at.
    pub(super) fn needs(&self) -> Needs {
        self.needs
    }

    /// The profile at a position that the policy's selection gave.
    pub(super) fn profile(&self, position: usize) -> &CompiledProfile {
        // A policy's selection names no other positions.
        &self.profiles[position]
    }
}
