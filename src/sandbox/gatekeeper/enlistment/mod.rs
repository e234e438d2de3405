//! Who of the providers' users has opted in: the Enlistment API, and what it writes down.
//!
//! A user's client asks for a challenge for a key of its own, signs it, and shows the proof with a token of the user's
//! provider that is bound to the same key. So the provider says who the user is, and nobody who saw the token on its
//! way can enlist with it. The API is the sandbox's own choice, described in `docs/openapi/gatekeeper.yaml`.

mod asker;
mod challenges;
mod refusal;
mod register;
mod requests;
mod used;

use std::sync::{Mutex, MutexGuard, PoisonError};

use self::challenges::Challenges;
use self::register::Register;
use self::used::{UseError, Used};
use super::providers::Subject;
use crate::sandbox::random::RandomError;
use crate::sandbox::token::{ProofError, verify_proof};

pub use register::{Enlisted, Enlistment, RegisterError};
pub(super) use requests::routes;

/// Why a user of a provider is not enlisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnlistmentError {
    #[error("the token is bound to no key, so that nobody can prove that it is theirs")]
    Unbound,
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("the token has been used to enlist")]
    Replayed,
    #[error("too many of the provider's users enlist at this time")]
    TooMany,
    #[error(transparent)]
    Register(#[from] RegisterError),
}

/// All enlistments, and what it takes to make one.
pub struct Enlistments {
    register: Mutex<Register>,
    challenges: Challenges,
    used_challenges: Mutex<Used>,
    used_tokens: Mutex<Used>,
}

impl Enlistments {
    pub fn new() -> Result<Self, RandomError> {
        Ok(Self {
            register: Mutex::default(),
            challenges: Challenges::new()?,
            used_challenges: Mutex::default(),
            used_tokens: Mutex::default(),
        })
    }

    /// The enlistment of a provider's user.
    pub fn of(&self, issuer: &str, visible_id: &str) -> Option<Enlistment> {
        lock(&self.register).of(issuer, visible_id).cloned()
    }

    /// The enlistment with this internal identifier.
    pub fn get(&self, internal_id: &str) -> Option<Enlistment> {
        lock(&self.register).get(internal_id).cloned()
    }

    /// All of them, in the order of the internal identifiers.
    pub fn every(&self) -> Vec<Enlistment> {
        lock(&self.register).all().cloned().collect()
    }

    /// Adds one, as if its user had proven everything.
    #[cfg(test)]
    pub fn add(&self, enlistment: Enlistment) {
        lock(&self.register).add(enlistment);
    }

    /// Enlists the user whom a token speaks of, from a client that proves that it holds the token's key. `audience` is
    /// the gatekeeper's domain, `now` in seconds since the Unix epoch.
    fn enlist(
        &self,
        subject: &Subject,
        proof: &str,
        audience: &str,
        now: u64,
    ) -> Result<Enlisted, EnlistmentError> {
        let Subject { issuer, visible_id, token_id, expires, key } = subject;
        let key = key.as_deref().ok_or(EnlistmentError::Unbound)?;
        let challenge = verify_proof(proof, key, audience)?;
        let until = self.challenges.verify(&challenge, key, now).ok_or(ProofError::Challenge)?;
        lock(&self.used_challenges).take(issuer, &challenge, until, now).map_err(|error| match error {
            UseError::Again => ProofError::Challenge.into(),
            UseError::TooMany => EnlistmentError::TooMany,
        })?;
        lock(&self.used_tokens).take(issuer, token_id, *expires, now).map_err(|error| match error {
            UseError::Again => EnlistmentError::Replayed,
            UseError::TooMany => EnlistmentError::TooMany,
        })?;
        Ok(lock(&self.register).enlist(issuer, visible_id, key)?)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::token::{Algorithm, Proof, SigningKey, prove};

    const HOST: &str = "gatekeeper.example";

    fn subject(key: &SigningKey, token_id: &str) -> Subject {
        Subject {
            issuer: "https://provider.example".to_owned(),
            visible_id: "ann@provider.example".to_owned(),
            token_id: token_id.to_owned(),
            expires: 2000,
            key: Some(key.id().to_owned()),
        }
    }

    fn proof(enlistments: &Enlistments, key: &SigningKey, now: u64) -> String {
        let challenge = enlistments.challenges.issue(key.id(), now).unwrap();
        prove(key, &Proof { aud: HOST.to_owned(), challenge }).unwrap()
    }

    #[test]
    fn a_user_has_one_internal_identifier_whatever_the_client() {
        let enlistments = Enlistments::new().unwrap();
        let keys = Algorithm::ALL.map(|algorithm| SigningKey::generate(algorithm).unwrap());
        let [first, second] = [0, 1].map(|client: usize| {
            let (key, token_id) = (&keys[client], client.to_string());
            let proof = proof(&enlistments, key, 1000);
            enlistments.enlist(&subject(key, &token_id), &proof, HOST, 1000).unwrap()
        });
        assert!(first.is_new && !second.is_new);
        assert_eq!(first.enlistment.internal_id, second.enlistment.internal_id);
        let found = enlistments.of("https://provider.example", "ann@provider.example").unwrap();
        assert_eq!(found.keys, keys.iter().map(|key| key.id().to_owned()).collect());
        assert_eq!(enlistments.get(&found.internal_id), Some(found));
    }

    #[test]
    fn tokens_and_challenges_are_used_once() {
        let enlistments = Enlistments::new().unwrap();
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let used = proof(&enlistments, &key, 1000);
        let enlist = |token_id, proof: &str, now| {
            enlistments.enlist(&subject(&key, token_id), proof, HOST, now).map(|enlisted| enlisted.is_new)
        };
        assert_eq!(enlist("1", &used, 1000), Ok(true));
        assert_eq!(enlist("2", &used, 1001), Err(ProofError::Challenge.into()));
        let other = proof(&enlistments, &key, 1000);
        assert_eq!(enlist("1", &other, 1001), Err(EnlistmentError::Replayed));
        let late = proof(&enlistments, &key, 1000);
        assert_eq!(enlist("3", &late, 1120), Err(ProofError::Challenge.into()));
    }

    #[test]
    fn a_token_without_a_key_enlists_nobody() {
        let enlistments = Enlistments::new().unwrap();
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let subject = Subject { key: None, ..subject(&key, "1") };
        let refused = enlistments.enlist(&subject, &proof(&enlistments, &key, 1000), HOST, 1000);
        assert_eq!(refused.err(), Some(EnlistmentError::Unbound));
    }
}
