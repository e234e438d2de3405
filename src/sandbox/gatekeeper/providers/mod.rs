//! The providers that this gatekeeper has agreements with: it fetches their keys, asks them who their users are, and
//! tells them to wake a user who is absent.

use crate::sandbox::http::CallError;
use crate::sandbox::token::TokenError;

/// Whom a provider's token speaks of, once that is proven and the provider has confirmed it.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    /// The provider's issuer URL.
    pub issuer: String,
    /// By which the provider's users know each other.
    pub visible_id: String,
    /// The token's unique id.
    pub token_id: String,
    /// When the token expires, in seconds since the Unix epoch.
    pub expires: u64,
    /// The thumbprint of the key that the user's client holds, if the token names one.
    pub key: Option<String>,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the token is of no provider that this gatekeeper has an agreement with")]
    UnknownIssuer,
    #[error("the token has been revoked, or its user is gone")]
    Revoked,
    /// Not the user's fault, and it may pass.
    #[error("the user's provider could not be asked: {0}")]
    Provider(#[from] CallError),
}

/// All of them.
#[derive(Default)]
pub struct Providers {}

impl Providers {
    /// Whom the token speaks of: by its signature first, and then by its provider's word.
    pub async fn authenticate(&self, _token: &str) -> Result<Subject, Refusal> {
        Err(Refusal::UnknownIssuer)
    }

    /// Tells the provider that something waits for one of its users.
    pub async fn wake(&self, _issuer: &str, _visible_id: &str) -> Result<(), CallError> {
        Err(CallError::Unreachable)
    }
}
