//! Who has an account, and whether it is they who ask.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::Account;
use super::recent::Recent;
use super::refusal::Refusal;
use crate::sandbox::random::{self, RandomError};
use crate::sandbox::scram::Verifier;

/// Wrong passwords of one account within [`ATTEMPTS_WINDOW`].
const MOST_ATTEMPTS: u32 = 10;
const ATTEMPTS_WINDOW: Duration = Duration::from_secs(60);
/// Names of no account for which wrong passwords are counted, so that they are refused as accounts are.
const ATTEMPTED_NAMES: usize = 4096;
/// A check is a few thousand hashes, which would keep everything else from the processor.
const CHECKS_AT_A_TIME: usize = 2;
/// Whoever has waited that long for a check is told to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub struct Accounts {
    verifiers: BTreeMap<String, Verifier>,
    /// Stands in for an account that there is none of: a check takes the same time for it.
    nobody: Verifier,
    /// How often each account was tried.
    attempts: Mutex<Recent<u32>>,
    /// How often each name was tried that is no account's. Who invents many makes the provider forget others of these
    /// only.
    guesses: Mutex<Recent<u32>>,
    checks: Arc<Semaphore>,
}

impl Accounts {
    pub fn new(accounts: Vec<Account>) -> Result<Self, RandomError> {
        let mut verifiers = BTreeMap::new();
        for Account { visible_id, password } in accounts {
            verifiers.insert(visible_id, Verifier::new(&password, random::bytes()?));
        }
        let attempts = Recent::new(ATTEMPTS_WINDOW, verifiers.len());
        Ok(Self {
            verifiers,
            nobody: Verifier::new(&random::token()?, random::bytes()?),
            attempts: Mutex::new(attempts),
            guesses: Mutex::new(Recent::new(ATTEMPTS_WINDOW, ATTEMPTED_NAMES)),
            checks: Arc::new(Semaphore::new(CHECKS_AT_A_TIME)),
        })
    }

    pub fn exists(&self, visible_id: &str) -> bool {
        self.verifiers.contains_key(visible_id)
    }

    pub fn visible_ids(&self) -> impl Iterator<Item = &str> {
        self.verifiers.keys().map(String::as_str)
    }

    /// Whether this is the account's password. An account that does not exist has none, and is refused the same way.
    pub async fn authenticate(&self, visible_id: &str, password: String) -> Result<(), Refusal> {
        let waiting = tokio::time::timeout(LONGEST_WAIT, self.checks.clone().acquire_owned());
        let Ok(Ok(permit)) = waiting.await else { return Err(Refusal::Busy) };
        // Counted before the check, so that whoever does not wait for the answer is counted too.
        self.count_attempt(visible_id, Instant::now())?;
        let known = self.verifiers.get(visible_id);
        let verifier = known.unwrap_or(&self.nobody).clone();
        let check = move || {
            let _permit = permit;
            verifier.matches(&password)
        };
        let matches = tokio::task::spawn_blocking(check).await.map_err(|_| Refusal::Failed)?;
        if known.is_none() || !matches {
            return Err(Refusal::WrongPassword);
        }
        self.attempts(visible_id).remove(visible_id);
        Ok(())
    }

    fn count_attempt(&self, visible_id: &str, now: Instant) -> Result<(), Refusal> {
        let mut attempts = self.attempts(visible_id);
        match attempts.get_mut(visible_id, now) {
            Some((count, left)) if *count >= MOST_ATTEMPTS => return Err(Refusal::TooManyAttempts(left)),
            Some((count, _)) => *count += 1,
            None => attempts.insert(visible_id, 1, now),
        }
        Ok(())
    }

    fn attempts(&self, visible_id: &str) -> MutexGuard<'_, Recent<u32>> {
        let attempts = if self.exists(visible_id) { &self.attempts } else { &self.guesses };
        attempts.lock().unwrap_or_else(PoisonError::into_inner)
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
        let accounts = accounts();
        let start = Instant::now();
        for _ in 0..MOST_ATTEMPTS {
            assert_eq!(accounts.count_attempt("ann", start), Ok(()));
        }
        let refused = accounts.count_attempt("ann", start + Duration::from_secs(20));
        assert_eq!(refused, Err(Refusal::TooManyAttempts(Duration::from_secs(40))));
        assert_eq!(accounts.count_attempt("ann", start + ATTEMPTS_WINDOW), Ok(()));
    }

    #[test]
    fn invented_names_do_not_make_the_attempts_at_an_account_forgotten() {
        let accounts = accounts();
        let now = Instant::now();
        for _ in 0..MOST_ATTEMPTS {
            assert_eq!(accounts.count_attempt("ann", now), Ok(()));
        }
        for number in 0..=ATTEMPTED_NAMES {
            assert_eq!(accounts.count_attempt(&number.to_string(), now), Ok(()));
        }
        assert!(matches!(accounts.count_attempt("ann", now), Err(Refusal::TooManyAttempts(_))));
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

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_for_a_check_is_told_so() {
        let accounts = accounts();
        let taken = accounts.checks.clone().acquire_many_owned(2).await.unwrap();
        assert_eq!(accounts.authenticate("ann", "secret".to_owned()).await, Err(Refusal::Busy));
        drop(taken);
        assert_eq!(accounts.authenticate("ann", "secret".to_owned()).await, Ok(()));
    }
}
