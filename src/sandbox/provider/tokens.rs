//! The tokens: issued, remembered until they expire, and revoked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::keys::KeyRing;
use crate::sandbox::random::{self, RandomError};
use crate::sandbox::token::{
    Audience, Claims, Confirmation, Expected, KeyError, seconds_since_epoch, verify,
};

/// Good tokens of one account. The oldest of more is revoked.
const MOST_TOKENS: usize = 256;

/// A token could not be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

pub struct Tokens {
    issuer: String,
    lifetime: Duration,
    pub keys: KeyRing,
    /// Those of each account that are good or have expired, the oldest first.
    issued: Mutex<HashMap<String, VecDeque<Issued>>>,
}

struct Issued {
    id: String,
    /// In seconds since the Unix epoch.
    expires: u64,
}

impl Tokens {
    pub fn new(issuer: String, lifetime: Duration, keys: KeyRing) -> Self {
        Self { issuer, lifetime, keys, issued: Mutex::default() }
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// How long a token is good.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A token for an account that exists. It is bound to the key of this thumbprint.
    pub fn issue(
        &self,
        account: &str,
        audience: &str,
        key_thumbprint: Option<String>,
        now: SystemTime,
    ) -> Result<String, IssueError> {
        let now = seconds_since_epoch(now);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: Audience::One(audience.to_owned()),
            sub: account.to_owned(),
            exp: now.saturating_add(self.lifetime.as_secs()),
            nbf: now,
            iat: now,
            jti: random::token()?,
            cnf: key_thumbprint.map(|jkt| Confirmation { jkt }),
        };
        let token = self.keys.sign(&claims)?;
        let mut issued = self.issued();
        let of_account = issued.entry(claims.sub).or_default();
        of_account.retain(|token| token.expires > now);
        if of_account.len() >= MOST_TOKENS {
            of_account.pop_front();
        }
        of_account.push_back(Issued { id: claims.jti, expires: claims.exp });
        Ok(token)
    }

    /// What a token says, if it is one of ours for this audience and is still good.
    pub fn claims(&self, token: &str, audience: &str, now: SystemTime) -> Option<Claims> {
        let seconds = seconds_since_epoch(now);
        let expected = Expected { issuer: &self.issuer, audience };
        let claims = verify(token, &self.keys.published(seconds), expected, now).ok()?;
        let issued = self.issued();
        let is_good = |issued: &Issued| issued.id == claims.jti && issued.expires > seconds;
        let good = issued.get(&claims.sub)?.iter().any(is_good);
        good.then_some(claims)
    }

    pub fn revoke(&self, claims: &Claims) {
        if let Some(tokens) = self.issued().get_mut(&claims.sub) {
            tokens.retain(|token| token.id != claims.jti);
        }
    }

    /// Revokes all good tokens of an account, and says how many there were.
    pub fn revoke_all(&self, account: &str, now: SystemTime) -> usize {
        let now = seconds_since_epoch(now);
        let tokens = self.issued().remove(account).unwrap_or_default();
        tokens.iter().filter(|token| token.expires > now).count()
    }

    /// How many good tokens an account has.
    pub fn count(&self, account: &str, now: SystemTime) -> usize {
        let now = seconds_since_epoch(now);
        self.issued()
            .get(account)
            .map_or(0, |tokens| tokens.iter().filter(|token| token.expires > now).count())
    }

    fn issued(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Issued>>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::token::{Algorithm, TokenError};

    const ISSUER: &str = "https://provider.example";
    const AUDIENCE: &str = "gatekeeper.example";
    const ACCOUNT: &str = "ann@provider.example";
    const LIFETIME: Duration = Duration::from_secs(100);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn tokens(algorithm: Algorithm) -> Tokens {
        Tokens::new(ISSUER.to_owned(), LIFETIME, KeyRing::new(algorithm).unwrap())
    }

    fn verified(tokens: &Tokens, token: &str, seconds: u64) -> Result<(), TokenError> {
        let expected = Expected { issuer: ISSUER, audience: AUDIENCE };
        verify(token, &tokens.keys.published(seconds), expected, at(seconds)).map(drop)
    }

    #[test]
    fn a_token_is_good_for_its_audience_until_it_expires() {
        for algorithm in Algorithm::ALL {
            let tokens = tokens(algorithm);
            let token = tokens.issue(ACCOUNT, AUDIENCE, Some("k".to_owned()), at(1000)).unwrap();
            let claims = tokens.claims(&token, AUDIENCE, at(1099)).unwrap();
            assert_eq!((claims.sub.as_str(), claims.iat, claims.exp), (ACCOUNT, 1000, 1100));
            assert_eq!(claims.cnf, Some(Confirmation { jkt: "k".to_owned() }));
            assert_eq!(tokens.claims(&token, "elsewhere.example", at(1099)), None);
            assert_eq!(tokens.claims(&token, AUDIENCE, at(1100)), None);
            assert_eq!(tokens.claims("a.b.c", AUDIENCE, at(1000)), None);
        }
    }

    #[test]
    fn a_token_of_another_provider_is_not_good_here() {
        let ours = tokens(Algorithm::EdDsa);
        let token = tokens(Algorithm::EdDsa).issue(ACCOUNT, AUDIENCE, None, at(1000)).unwrap();
        assert_eq!(ours.claims(&token, AUDIENCE, at(1000)), None);
    }

    #[test]
    fn a_revoked_token_is_not_good_and_others_stay_so() {
        let tokens = tokens(Algorithm::EdDsa);
        let issue = |account| tokens.issue(account, AUDIENCE, None, at(1000)).unwrap();
        let (first, second, other) = (issue(ACCOUNT), issue(ACCOUNT), issue("ben@provider.example"));
        let is_good = |token| tokens.claims(token, AUDIENCE, at(1000)).is_some();
        tokens.revoke(&tokens.claims(&first, AUDIENCE, at(1000)).unwrap());
        assert_eq!([&first, &second, &other].map(|token| is_good(token)), [false, true, true]);
        assert_eq!(tokens.count(ACCOUNT, at(1000)), 1);
        assert_eq!(tokens.revoke_all(ACCOUNT, at(1000)), 1);
        assert_eq!(tokens.revoke_all(ACCOUNT, at(1000)), 0);
        assert_eq!([&first, &second, &other].map(|token| is_good(token)), [false, false, true]);
    }

    #[test]
    fn the_oldest_of_too_many_tokens_is_revoked_and_expired_ones_make_room() {
        let tokens = tokens(Algorithm::EdDsa);
        let issue = |seconds| tokens.issue(ACCOUNT, AUDIENCE, None, at(seconds)).unwrap();
        let first = issue(1000);
        let second = issue(1001);
        for _ in 2..=MOST_TOKENS {
            issue(1001);
        }
        assert_eq!(tokens.claims(&first, AUDIENCE, at(1001)), None);
        assert!(tokens.claims(&second, AUDIENCE, at(1001)).is_some());
        assert_eq!(tokens.count(ACCOUNT, at(1001)), MOST_TOKENS);
        issue(1101);
        assert_eq!(tokens.issued()[ACCOUNT].len(), 1);
    }

    #[test]
    fn a_retired_key_is_published_until_its_last_token_has_expired() {
        let tokens = tokens(Algorithm::Es256);
        let old = tokens.issue(ACCOUNT, AUDIENCE, None, at(1000)).unwrap();
        tokens.keys.rotate(1010).unwrap();
        let new = tokens.issue(ACCOUNT, AUDIENCE, None, at(1010)).unwrap();
        assert_eq!(tokens.keys.published(1099).keys.len(), 2);
        assert_eq!([&old, &new].map(|token| verified(&tokens, token, 1099)), [Ok(()), Ok(())]);
        assert_eq!(tokens.keys.published(1100).keys.len(), 1);
        assert_eq!(verified(&tokens, &old, 1100), Err(TokenError::UnknownKey));
        assert_eq!(verified(&tokens, &new, 1100), Ok(()));
    }

    #[test]
    fn a_key_that_signed_nothing_is_gone_at_once_and_the_number_of_keys_is_bounded() {
        let tokens = tokens(Algorithm::EdDsa);
        tokens.keys.rotate(1000).unwrap();
        assert_eq!(tokens.keys.published(1000).keys.len(), 1);
        for _ in 0..100 {
            tokens.issue(ACCOUNT, AUDIENCE, None, at(1000)).unwrap();
            tokens.keys.rotate(1000).unwrap();
        }
        assert_eq!(tokens.keys.published(1000).keys.len(), 16);
    }
}
