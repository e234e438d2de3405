//! Checks of passwords. Each is a few thousand hashes: they are done away from the threads that serve everybody, and few
//! at a time. A name without an account is checked just as long as one that has one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::random::{self, RandomError};
use super::scram::Verifier;

const CHECKS_AT_A_TIME: usize = 2;
/// Whoever has waited that long for a check is told to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub struct Passwords {
    checks: Arc<Semaphore>,
    /// From which the verifiers of those are made who have no account.
    secret: [u8; 32],
}

/// It could not be told whether the password is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Busy;

impl Passwords {
    pub fn new() -> Result<Self, RandomError> {
        Ok(Self { checks: Arc::new(Semaphore::new(CHECKS_AT_A_TIME)), secret: random::bytes()? })
    }

    /// What stands in for the account of this name if there is none: the same each time, and matched by no password.
    pub fn verifier_of_nobody(&self, name: &str) -> Verifier {
        Verifier::of_nobody(name, &self.secret)
    }

    /// Whether this is the verifier's password.
    ///
    /// # Errors
    ///
    /// If others are checked for the next 5 seconds.
    pub async fn check(&self, verifier: Verifier, password: String) -> Result<bool, Busy> {
        let waiting = tokio::time::timeout(LONGEST_WAIT, self.checks.clone().acquire_owned());
        let Ok(Ok(permit)) = waiting.await else { return Err(Busy) };
        let check = move || {
            // The check goes on when nobody waits for it any more, and keeps its place until it ends.
            let _permit = permit;
            verifier.matches(&password)
        };
        tokio::task::spawn_blocking(check).await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_accounts_own_password_is_right_and_nobody_has_one() {
        let passwords = Passwords::new().unwrap();
        let ann = Verifier::new("secret", [1; 16]);
        for (verifier, password, right) in [
            (ann.clone(), "secret", true),
            (ann, "Secret", false),
            (passwords.verifier_of_nobody("ben"), "secret", false),
            (passwords.verifier_of_nobody("ben"), "", false),
        ] {
            assert_eq!(passwords.check(verifier, password.to_owned()).await, Ok(right));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_for_a_check_is_told_so() {
        let passwords = Passwords::new().unwrap();
        let all = u32::try_from(CHECKS_AT_A_TIME).unwrap();
        let taken = passwords.checks.clone().acquire_many_owned(all).await.unwrap();
        let verifier = Verifier::new("secret", [1; 16]);
        assert_eq!(passwords.check(verifier.clone(), "secret".to_owned()).await, Err(Busy));
        drop(taken);
        assert_eq!(passwords.check(verifier, "secret".to_owned()).await, Ok(true));
    }
}
