//! Who has opted in. Pure but for the internal identifiers, which are random.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use crate::sandbox::random::{self, RandomError};

/// Users of one provider.
const MOST_USERS: usize = 100_000;
/// Keys of one user: as many clients.
const MOST_KEYS: usize = 16;

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

/// What became of a user who wants to be enlisted.
#[derive(Debug)]
pub struct Enlisted {
    pub enlistment: Enlistment,
    /// Whether the user was not enlisted before.
    pub is_new: bool,
}

/// Why a user is not written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    #[error("no more users of this provider can be enlisted")]
    TooManyUsers,
    #[error("the user has enlisted from {MOST_KEYS} clients, and has to opt out before there can be another")]
    TooManyKeys,
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// All enlistments.
#[derive(Default)]
pub struct Register {
    by_internal_id: BTreeMap<String, Enlistment>,
    /// By issuer and visible identifier: the internal one.
    internal_ids: HashMap<String, HashMap<String, String>>,
}

impl Register {
    pub fn of(&self, issuer: &str, visible_id: &str) -> Option<&Enlistment> {
        self.get(self.internal_ids.get(issuer)?.get(visible_id)?)
    }

    pub fn get(&self, internal_id: &str) -> Option<&Enlistment> {
        self.by_internal_id.get(internal_id)
    }

    /// All enlistments, ordered by internal identifier, from the one that follows `after` on.
    pub fn following(&self, after: Option<&str>) -> impl Iterator<Item = &Enlistment> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_internal_id.range::<str, _>((start, Bound::Unbounded)).map(|(_, enlistment)| enlistment)
    }

    #[cfg(test)]
    pub fn add(&mut self, enlistment: Enlistment) {
        let Enlistment { internal_id, issuer, visible_id, .. } = &enlistment;
        let users = self.internal_ids.entry(issuer.clone()).or_default();
        users.insert(visible_id.clone(), internal_id.clone());
        self.by_internal_id.insert(internal_id.clone(), enlistment);
    }

    /// The same of one provider's users.
    pub fn of_provider(&self, issuer: &str, after: Option<&str>) -> impl Iterator<Item = &Enlistment> {
        self.following(after).filter(move |enlistment| enlistment.issuer == issuer)
    }

    /// Writes a user down, or another key of one who is there. The number of issuers is for the caller to bound.
    pub fn enlist(&mut self, issuer: &str, visible_id: &str, key: &str) -> Result<Enlisted, RegisterError> {
        let users = self.internal_ids.entry(issuer.to_owned()).or_default();
        let known = users.get(visible_id).and_then(|internal_id| self.by_internal_id.get_mut(internal_id));
        if let Some(enlistment) = known {
            if enlistment.keys.len() >= MOST_KEYS && !enlistment.keys.contains(key) {
                return Err(RegisterError::TooManyKeys);
            }
            enlistment.keys.insert(key.to_owned());
            return Ok(Enlisted { enlistment: enlistment.clone(), is_new: false });
        }
        if users.len() >= MOST_USERS {
            return Err(RegisterError::TooManyUsers);
        }
        let enlistment = Enlistment {
            internal_id: random::token()?,
            issuer: issuer.to_owned(),
            visible_id: visible_id.to_owned(),
            keys: BTreeSet::from([key.to_owned()]),
        };
        users.insert(visible_id.to_owned(), enlistment.internal_id.clone());
        self.by_internal_id.insert(enlistment.internal_id.clone(), enlistment.clone());
        Ok(Enlisted { enlistment, is_new: true })
    }

    /// Strikes a user out, if there is one with this internal identifier who `may` be.
    pub fn strike_out(&mut self, internal_id: &str, may: impl FnOnce(&Enlistment) -> bool) -> bool {
        if !self.get(internal_id).is_some_and(may) {
            return false;
        }
        let Some(enlistment) = self.by_internal_id.remove(internal_id) else { return false };
        if let Some(users) = self.internal_ids.get_mut(&enlistment.issuer) {
            users.remove(&enlistment.visible_id);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "https://a.example";
    const B: &str = "https://b.example";

    #[test]
    fn the_same_name_at_two_providers_is_two_users() {
        let mut register = Register::default();
        let [a, b] = [A, B].map(|issuer| register.enlist(issuer, "ann", "key").unwrap().enlistment);
        assert_ne!(a.internal_id, b.internal_id);
        assert_eq!(register.of(A, "ann"), Some(&a));
        assert_eq!(register.of_provider(B, None).collect::<Vec<_>>(), [&b]);
    }

    #[test]
    fn who_was_struck_out_comes_back_as_somebody_else() {
        let mut register = Register::default();
        let id = register.enlist(A, "ann", "key").unwrap().enlistment.internal_id;
        assert!(!register.strike_out(&id, |enlistment| enlistment.visible_id == "ben"));
        assert!(register.get(&id).is_some());
        assert!(register.strike_out(&id, |_| true));
        assert!(!register.strike_out(&id, |_| true));
        assert_eq!(register.of(A, "ann"), None);
        let again = register.enlist(A, "ann", "key").unwrap();
        assert!(again.is_new && again.enlistment.internal_id != id);
    }

    #[test]
    fn a_list_goes_on_after_where_it_stopped() {
        let mut register = Register::default();
        for name in ["ann", "ben", "cat"] {
            register.enlist(A, name, "key").unwrap();
            register.enlist(B, name, "key").unwrap();
        }
        let ids = |after: Option<&str>| -> Vec<_> {
            register.of_provider(A, after).map(|enlistment| enlistment.internal_id.clone()).collect()
        };
        let all = ids(None);
        assert_eq!(all.len(), 3);
        assert_eq!(ids(Some(&all[0])), all[1..]);
        assert_eq!(ids(Some(&all[2])), Vec::<String>::new());
    }

    #[test]
    fn users_of_a_provider_and_keys_of_a_user_are_bounded() {
        let mut register = Register::default();
        for number in 0..MOST_KEYS {
            register.enlist(A, "ann", &number.to_string()).unwrap();
        }
        assert_eq!(register.enlist(A, "ann", "one more").err(), Some(RegisterError::TooManyKeys));
        assert!(register.enlist(A, "ann", "0").is_ok());
        for number in 1..MOST_USERS {
            register.enlist(A, &number.to_string(), "key").unwrap();
        }
        assert_eq!(register.enlist(A, "one more", "key").err(), Some(RegisterError::TooManyUsers));
        assert!(register.enlist(A, "1", "another key").is_ok());
        assert!(register.enlist(B, "one more", "key").is_ok());
    }
}
