//! Who has an account, and whether it is they who ask.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use super::Account;
use super::refusal::Refusal;
use crate::sandbox::passwords::{Busy, Passwords};
use crate::sandbox::random::{self, RandomError};
use crate::sandbox::scram::Verifier;

pub struct Accounts {
    verifiers: RwLock<BTreeMap<String, Verifier>>,
    passwords: Passwords,
    attempts: Attempts,
}

impl Accounts {
    pub fn new(accounts: Vec<Account>) -> Result<Self, RandomError> {
        let mut verifiers = BTreeMap::new();
        for Account { visible_id, password } in accounts {
            verifiers.insert(visible_id, Verifier::new(&password, random::bytes()?));
        }
        Ok(Self {
            verifiers: RwLock::new(verifiers),
            passwords: Passwords::new()?,
            attempts: Attempts::default(),
        })
    }

    pub fn exists(&self, visible_id: &str) -> bool {
        self.verifiers().contains_key(visible_id)
    }

    pub fn visible_ids(&self) -> Vec<String> {
        self.verifiers().keys().cloned().collect()
    }

    /// From now on there is no such account. `false` if there was none.
    pub fn remove(&self, visible_id: &str) -> bool {
        let mut verifiers = self.verifiers.write().unwrap_or_else(PoisonError::into_inner);
        verifiers.remove(visible_id).is_some()
    }

    /// Whether this is the account's password. An account that does not exist has none, and is refused the same way.
    pub async fn authenticate(&self, visible_id: &str, password: String) -> Result<(), Refusal> {
        // Counted before the check, so that whoever does not wait for the answer is counted too.
        self.attempts.count(visible_id, Instant::now()).map_err(Refusal::TooManyAttempts)?;
        let verifier = self.verifiers().get(visible_id).cloned();
        let verifier = verifier.unwrap_or_else(|| self.passwords.verifier_of_nobody(visible_id));
        match self.passwords.check(verifier, password).await {
            Ok(true) => {
                self.attempts.forget(visible_id);
                Ok(())
            }
            Ok(false) => Err(Refusal::WrongPassword),
            Err(Busy) => Err(Refusal::Busy),
        }
    }

    fn verifiers(&self) -> RwLockReadGuard<'_, BTreeMap<String, Verifier>> {
        self.verifiers.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often each name was tried, whether it is an account's or not, so that nobody can tell the one from the other.
///
/// A name's counter is one of a fixed number, found by a hash that nobody else knows: no counter gives way to others,
/// however many names are invented. That two names share one is rare, and means that they share their attempts.
struct Attempts {
    hasher: RandomState,
    counters: Mutex<Box<[Option<Counter>]>>,
}

#[derive(Clone)]
struct Counter {
    attempts: u32,
    since: Instant,
}

/// Wrong passwords of one name within [`Attempts::WINDOW`].
const MOST_ATTEMPTS: u32 = 10;

impl Attempts {
    const WINDOW: Duration = Duration::from_secs(60);
    /// More than can be used up within the window, as each attempt is a check of a password.
    const COUNTERS: usize = 1 << 16;

    /// Counts one more. An error is the time until there may be one.
    fn count(&self, name: &str, now: Instant) -> Result<(), Duration> {
        let (mut counters, place) = self.counter(name);
        let fresh = Counter { attempts: 0, since: now };
        let counter = counters[place].get_or_insert_with(|| fresh.clone());
        let age = now.saturating_duration_since(counter.since);
        if age >= Self::WINDOW {
            *counter = fresh;
        } else if counter.attempts >= MOST_ATTEMPTS {
            return Err(Self::WINDOW - age);
        }
        counter.attempts += 1;
        Ok(())
    }

    fn forget(&self, name: &str) {
        let (mut counters, place) = self.counter(name);
        counters[place] = None;
    }

    fn counter(&self, name: &str) -> (MutexGuard<'_, Box<[Option<Counter>]>>, usize) {
        #[expect(clippy::cast_possible_truncation, reason = "any part of the hash will do")]
        let place = self.hasher.hash_one(name) as usize % Self::COUNTERS;
        (self.counters.lock().unwrap_or_else(PoisonError::into_inner), place)
    }
}

impl Default for Attempts {
    fn default() -> Self {
        let counters = vec![None; Self::COUNTERS].into_boxed_slice();
        Self { hasher: RandomState::new(), counters: Mutex::new(counters) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts::new(vec![Account { visible_id: "ann".to_owned(), password: "secret".to_owned() }]).unwrap()
    }

    #[tokio::test]
    async fn only_the_accounts_own_password_is_right() {
        let accounts = accounts();
        let authenticate = |name, password: &str| accounts.authenticate(name, password.to_owned());
        assert_eq!(authenticate("ann", "secret").await, Ok(()));
        assert_eq!(authenticate("ann", "Secret").await, Err(Refusal::WrongPassword));
        assert_eq!(authenticate("ann", "").await, Err(Refusal::WrongPassword));
        assert_eq!(authenticate("nobody", "secret").await, Err(Refusal::WrongPassword));
    }

    #[tokio::test]
    async fn after_many_wrong_passwords_the_right_one_is_refused_too_but_for_that_account_only() {
        let accounts = accounts();
        for name in ["ann", "nobody"] {
            for _ in 0..MOST_ATTEMPTS {
                assert_eq!(accounts.authenticate(name, "x".to_owned()).await, Err(Refusal::WrongPassword));
            }
            let refused = accounts.authenticate(name, "secret".to_owned()).await;
            assert!(matches!(refused, Err(Refusal::TooManyAttempts(_))), "{name}: {refused:?}");
        }
        assert_eq!(accounts.authenticate("else", "x".to_owned()).await, Err(Refusal::WrongPassword));
    }

    #[test]
    fn attempts_are_free_again_after_their_window() {
        let attempts = Attempts::default();
        let start = Instant::now();
        for _ in 0..MOST_ATTEMPTS {
            assert_eq!(attempts.count("ann", start), Ok(()));
        }
        let refused = attempts.count("ann", start + Duration::from_secs(20));
        assert_eq!(refused, Err(Duration::from_secs(40)));
        assert_eq!(attempts.count("ann", start + Attempts::WINDOW), Ok(()));
    }

    #[test]
    fn invented_names_make_no_attempts_forgotten() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for _ in 0..MOST_ATTEMPTS {
            assert_eq!(attempts.count("ann", now), Ok(()));
        }
        for number in 0..2 * Attempts::COUNTERS {
            // Some share a counter, and their attempts are used up.
            let _ = attempts.count(&number.to_string(), now);
        }
        assert!(attempts.count("ann", now).is_err());
    }

    #[tokio::test]
    async fn the_right_password_clears_the_count() {
        let accounts = accounts();
        for _ in 0..3 {
            for _ in 1..MOST_ATTEMPTS {
                let refused = accounts.authenticate("ann", "x".to_owned()).await;
                assert_eq!(refused, Err(Refusal::WrongPassword));
            }
            assert_eq!(accounts.authenticate("ann", "secret".to_owned()).await, Ok(()));
        }
    }
}
