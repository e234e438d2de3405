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
use self::used::{Room, UseError, Used};
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
    #[error("the user has enlisted too often, and can again when some of the tokens used have expired")]
    TooOften,
    #[error(transparent)]
    Register(#[from] RegisterError),
}

/// All enlistments, and what it takes to make one.
pub struct Enlistments {
    challenges: Challenges,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    register: Register,
    used_challenges: Used,
    used_tokens: Used,
}

/// That a client holds a token's key: the challenge that it has signed with it.
struct Proven {
    challenge: String,
    /// Until when it can be answered, in seconds since the Unix epoch.
    until: u64,
    key: String,
}

impl Enlistments {
    pub fn new() -> Result<Self, RandomError> {
        Ok(Self { challenges: Challenges::new()?, kept: Mutex::default() })
    }

    /// The enlistment of a provider's user.
    pub fn of(&self, issuer: &str, visible_id: &str) -> Option<Enlistment> {
        self.kept().register.of(issuer, visible_id).cloned()
    }

    /// The enlistment with this internal identifier.
    pub fn get(&self, internal_id: &str) -> Option<Enlistment> {
        self.kept().register.get(internal_id).cloned()
    }

    /// At most so many, ordered by internal identifier, from the one that follows `after` on.
    pub fn page(&self, after: Option<&str>, most: usize) -> Vec<Enlistment> {
        self.kept().register.following(after).take(most).cloned().collect()
    }

    /// Adds one, as if its user had proven everything.
    #[cfg(test)]
    pub fn add(&self, enlistment: Enlistment) {
        self.kept().register.add(enlistment);
    }

    /// Whether a client that shows a token with this subject holds the token's key. Nothing is used up by that.
    /// `audience` is the gatekeeper's domain, `now` in seconds since the Unix epoch.
    fn prove(
        &self,
        (token, subject): (&str, &Subject),
        proof: &str,
        audience: &str,
        now: u64,
    ) -> Result<Proven, EnlistmentError> {
        let key = subject.key.clone().ok_or(EnlistmentError::Unbound)?;
        let challenge = verify_proof(proof, token, &key, audience)?;
        let until = self.challenges.verify(&challenge, &key, now).ok_or(ProofError::Challenge)?;
        let proven = Proven { challenge, until, key };
        let mut kept = self.kept();
        challenge_room(&mut kept.used_challenges, subject, &proven, now)?;
        token_room(&mut kept.used_tokens, subject, now)?;
        Ok(proven)
    }

    /// Enlists a user whom the provider has confirmed, from a client that has proven that it holds the token's key.
    /// Token and challenge are used up if the user is enlisted, and only then.
    fn enlist(&self, subject: &Subject, proven: &Proven, now: u64) -> Result<Enlisted, EnlistmentError> {
        // Asking the provider has taken its time.
        if proven.until <= now {
            return Err(ProofError::Challenge.into());
        }
        let Kept { register, used_challenges, used_tokens } = &mut *self.kept();
        let challenge = challenge_room(used_challenges, subject, proven, now)?;
        let token = token_room(used_tokens, subject, now)?;
        let enlisted = register.enlist(&subject.issuer, &subject.visible_id, &proven.key)?;
        challenge.take(proven.until);
        token.take(subject.expires);
        Ok(enlisted)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn challenge_room<'u, 'n>(
    used: &'u mut Used,
    subject: &'n Subject,
    proven: &'n Proven,
    now: u64,
) -> Result<Room<'u, 'n>, EnlistmentError> {
    used.room(user_of(subject), &proven.challenge, now).map_err(|error| match error {
        UseError::Again => ProofError::Challenge.into(),
        UseError::TooMany => EnlistmentError::TooMany,
        UseError::TooManyOfUser => EnlistmentError::TooOften,
    })
}

fn token_room<'u, 'n>(
    used: &'u mut Used,
    subject: &'n Subject,
    now: u64,
) -> Result<Room<'u, 'n>, EnlistmentError> {
    used.room(user_of(subject), &subject.token_id, now).map_err(|error| match error {
        UseError::Again => EnlistmentError::Replayed,
        UseError::TooMany => EnlistmentError::TooMany,
        UseError::TooManyOfUser => EnlistmentError::TooOften,
    })
}

fn user_of(subject: &Subject) -> (&str, &str) {
    (&subject.issuer, &subject.visible_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::token::{Algorithm, Proof, SigningKey, prove, token_hash};

    const HOST: &str = "gatekeeper.example";
    const TOKEN: &str = "a.b.c";

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
        prove(key, &Proof { aud: HOST.to_owned(), challenge, ath: token_hash(TOKEN) }).unwrap()
    }

    /// Proves and enlists at once, as with a provider that answers in no time.
    fn enlist(
        enlistments: &Enlistments,
        subject: &Subject,
        proof: &str,
        now: u64,
    ) -> Result<Enlisted, EnlistmentError> {
        let proven = enlistments.prove((TOKEN, subject), proof, HOST, now)?;
        enlistments.enlist(subject, &proven, now)
    }

    #[test]
    fn a_user_has_one_internal_identifier_whatever_the_client() {
        let enlistments = Enlistments::new().unwrap();
        let keys = Algorithm::ALL.map(|algorithm| SigningKey::generate(algorithm).unwrap());
        let [first, second] = [0, 1].map(|client: usize| {
            let (key, token_id) = (&keys[client], client.to_string());
            let proof = proof(&enlistments, key, 1000);
            enlist(&enlistments, &subject(key, &token_id), &proof, 1000).unwrap()
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
            enlist(&enlistments, &subject(&key, token_id), proof, now).map(|enlisted| enlisted.is_new)
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
        let refused = enlist(&enlistments, &subject, &proof(&enlistments, &key, 1000), 1000);
        assert_eq!(refused.err(), Some(EnlistmentError::Unbound));
    }

    #[test]
    fn what_was_proven_before_the_provider_was_asked_is_used_once_and_in_time() {
        let enlistments = Enlistments::new().unwrap();
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let enlistments = &enlistments;
        let prove = |token_id| {
            let subject = subject(&key, token_id);
            let proof = proof(enlistments, &key, 1000);
            let proven = enlistments.prove((TOKEN, &subject), &proof, HOST, 1000).unwrap();
            move |now| enlistments.enlist(&subject, &proven, now).map(|enlisted| enlisted.is_new)
        };
        let (first, same_token, late) = (prove("1"), prove("1"), prove("2"));
        assert_eq!(first(1007), Ok(true));
        assert_eq!(first(1007), Err(ProofError::Challenge.into()));
        assert_eq!(same_token(1007), Err(EnlistmentError::Replayed));
        assert_eq!(late(1120), Err(ProofError::Challenge.into()));
    }

    #[test]
    fn a_user_who_enlists_again_and_again_is_refused_and_no_other_is() {
        let enlistments = Enlistments::new().unwrap();
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let enlist = |visible_id: &str, token: usize| {
            let subject = Subject { visible_id: visible_id.to_owned(), ..subject(&key, &token.to_string()) };
            enlist(&enlistments, &subject, &proof(&enlistments, &key, 1000), 1000).map(drop)
        };
        let enlisted = (0..1000).map_while(|token| enlist("ann", token).ok()).count();
        assert_eq!(enlisted, 64);
        assert_eq!(enlist("ann", enlisted), Err(EnlistmentError::TooOften));
        assert_eq!(enlist("ben", enlisted), Ok(()));
    }

    #[test]
    fn a_failure_uses_up_nothing() {
        let enlistments = Enlistments::new().unwrap();
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let subject = subject(&key, "1");
        for other in 0..16 {
            let known =
                enlistments.kept().register.enlist(&subject.issuer, &subject.visible_id, &other.to_string());
            assert!(known.is_ok());
        }
        let proof = proof(&enlistments, &key, 1000);
        let full = enlist(&enlistments, &subject, &proof, 1000).err();
        assert_eq!(full, Some(RegisterError::TooManyKeys.into()));
        let id = enlistments.of(&subject.issuer, &subject.visible_id).unwrap().internal_id;
        assert!(enlistments.kept().register.strike_out(&id, |_| true));
        assert!(enlist(&enlistments, &subject, &proof, 1001).unwrap().is_new);
    }
}
