//! Who of the providers' users has opted in: the Enlistment API, and what it writes down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;

use super::Shared;

/// A user of a provider who can be reached at this gatekeeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enlistment {
    /// The local part of the user's JID here. It tells nothing of the user.
    pub internal_id: String,
    /// The provider's issuer URL.
    pub issuer: String,
    pub visible_id: String,
    /// The thumbprints of the keys of the user's clients.
    pub keys: BTreeSet<String>,
}

/// All of them, by internal identifier.
#[derive(Default)]
pub struct Enlistments(Mutex<BTreeMap<String, Enlistment>>);

impl Enlistments {
    /// The enlistment of a provider's user.
    pub fn of(&self, issuer: &str, visible_id: &str) -> Option<Enlistment> {
        let all = self.all();
        all.values().find(|found| found.issuer == issuer && found.visible_id == visible_id).cloned()
    }

    /// The enlistment with this internal identifier.
    pub fn get(&self, internal_id: &str) -> Option<Enlistment> {
        self.all().get(internal_id).cloned()
    }

    /// All of them, in the order of the internal identifiers.
    pub fn every(&self) -> Vec<Enlistment> {
        self.all().values().cloned().collect()
    }

    /// Adds one, as if its user had proven everything.
    #[cfg(test)]
    pub fn add(&self, enlistment: Enlistment) {
        self.all().insert(enlistment.internal_id.clone(), enlistment);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Enlistment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
}
