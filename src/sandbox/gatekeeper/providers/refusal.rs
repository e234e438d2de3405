//! Why a provider's token opens nothing.

use crate::sandbox::http::CallError;
use crate::sandbox::token::TokenError;

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the token has been revoked, or its user is gone")]
    Revoked,
    /// Not the user's fault, and it may pass.
    #[error("the user's provider could not be asked: {0}")]
    Provider(#[from] CallError),
}

impl Refusal {
    /// The reason in one word that does not change: the type of its problem over HTTP. SASL tells it in words.
    pub fn code(self) -> &'static str {
        match self {
            Self::Token(TokenError::Malformed) => "token-malformed",
            Self::Token(TokenError::Algorithm) => "token-wrong-algorithm",
            Self::Token(TokenError::UnknownKey) => "token-unknown-key",
            Self::Token(TokenError::Signature) => "token-wrong-signature",
            Self::Token(TokenError::Issuer) => "token-wrong-issuer",
            Self::Token(TokenError::Audience) => "token-wrong-audience",
            Self::Token(TokenError::Expired) => "token-expired",
            Self::Token(TokenError::NotYetValid) => "token-not-yet-valid",
            Self::Token(TokenError::Times) => "token-wrong-times",
            Self::Revoked => "token-revoked",
            Self::Provider(_) => "provider-unavailable",
        }
    }
}
