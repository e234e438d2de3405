//! The providers that this gatekeeper has agreements with: it fetches their keys, asks them who their users are, and
//! tells them to wake a user who is absent.
//!
//! Formats that no RFC has are the sandbox's own choice: the members of the OpenID configuration beyond OpenID's, and
//! what a push says.

mod keys;
mod provider;
mod publication;
mod refusal;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use self::provider::Provider;
use super::ProviderConfig;
use crate::sandbox::http::{CallError, Patience};
use crate::sandbox::token::{Expected, Hint, TokenError, over};

pub use refusal::Refusal;

/// For all that a provider is asked about one token: less than a client waits for the answer on its stream.
const TIME_LIMIT: Duration = Duration::from_secs(8);

/// Whom a provider's token speaks of.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    /// The provider's issuer URL.
    pub issuer: String,
    /// By which the provider's users know each other.
    pub visible_id: String,
    /// The token's unique id.
    pub token_id: String,
    /// When the token is not taken any more, in seconds since the Unix epoch.
    pub expires: u64,
    /// The thumbprint of the key that the user's client holds, if the token names one.
    pub key: Option<String>,
}

/// A token that its provider has signed, and has not confirmed yet.
pub struct Signed<'t> {
    token: &'t str,
    subject: Subject,
}

impl Signed<'_> {
    /// Whom it speaks of, unless the provider has changed its mind.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }
}

/// A provider cannot be had an agreement with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    #[error(
        "the issuer of a provider has to be an https URL without a slash at its end, a query and a fragment"
    )]
    Issuer,
    #[error("two providers have the same issuer")]
    Twice,
    #[error("the TLS configuration for calls to a provider is of no use")]
    Tls,
}

/// All of them.
pub struct Providers {
    /// The gatekeeper's domain, which tokens have to be for.
    audience: String,
    by_issuer: HashMap<String, Provider>,
}

impl Providers {
    /// Nothing is fetched before the first token comes. Calls are tried as long as `patience` says.
    pub fn new(
        audience: &str,
        configs: Vec<ProviderConfig>,
        patience: Patience,
    ) -> Result<Self, ProviderError> {
        let mut by_issuer = HashMap::new();
        for config in configs {
            let issuer = config.issuer.clone();
            if by_issuer.insert(issuer, Provider::new(config, patience)?).is_some() {
                return Err(ProviderError::Twice);
            }
        }
        Ok(Self { audience: audience.to_owned(), by_issuer })
    }

    /// Whom the token speaks of: by its signature first, and then by its provider's word.
    pub async fn authenticate(&self, token: &str) -> Result<Subject, Refusal> {
        let authenticate = async { self.confirm(self.verify(token).await?).await };
        tokio::time::timeout(TIME_LIMIT, authenticate).await.unwrap_or(Err(CallError::TimedOut.into()))
    }

    /// What the token says, if a provider has signed it and it is good by itself.
    pub async fn verify<'t>(&self, token: &'t str) -> Result<Signed<'t>, Refusal> {
        let hint = Hint::read(token)?;
        let provider = self.by_issuer.get(&hint.issuer).ok_or(TokenError::Issuer)?;
        let expected = Expected { issuer: &hint.issuer, audience: &self.audience };
        let claims = provider.verify(token, &hint.key_id, expected, SystemTime::now()).await?;
        let subject = Subject {
            expires: over(claims.exp),
            issuer: claims.iss,
            visible_id: claims.sub,
            token_id: claims.jti,
            key: claims.cnf.map(|confirmation| confirmation.jkt),
        };
        Ok(Signed { token, subject })
    }

    /// Whom the token speaks of, if its provider still says so.
    pub async fn confirm(&self, signed: Signed<'_>) -> Result<Subject, Refusal> {
        let Signed { token, subject } = signed;
        let provider = self.by_issuer.get(&subject.issuer).ok_or(TokenError::Issuer)?;
        provider.confirm(token, &subject, &self.audience).await?;
        Ok(subject)
    }

    /// Tells the provider that something waits for one of its users.
    pub async fn wake(&self, issuer: &str, visible_id: &str) -> Result<(), CallError> {
        // Who has an enlistment here is of a provider that is known here.
        let provider = self.by_issuer.get(issuer).ok_or(CallError::Unexpected)?;
        provider.wake(visible_id).await
    }

    /// The issuer whose provider shows this credential.
    pub fn issuer_with(&self, credential: &str) -> Option<&str> {
        let mut known = self.by_issuer.iter();
        known.find(|(_, provider)| provider.has(credential)).map(|(issuer, _)| issuer.as_str())
    }
}
