//! What a provider says of a user.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::verification::LEEWAY;

/// The claims of a provider's token. All times are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The provider's issuer URL (RFC 7519, section 4.1.1).
    pub iss: String,
    /// For whom it is said: the gatekeeper's domain.
    pub aud: Audience,
    /// The user's visible identifier.
    pub sub: String,
    pub exp: u64,
    pub nbf: u64,
    pub iat: u64,
    /// Unique among all tokens of the issuer.
    pub jti: String,
    /// The key that the user's client holds, if the token is bound to one (RFC 7800).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

/// One audience or several (RFC 7519, section 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Names a key by its thumbprint (RFC 9449, section 6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    pub jkt: String,
}

/// When no verification takes a token any more that expires then, both in seconds since the Unix epoch.
pub fn over(expires: u64) -> u64 {
    expires.saturating_add(LEEWAY.as_secs())
}

/// A time as claims have it (RFC 7519, section 2, `NumericDate`): in seconds since the Unix epoch, none before it.
pub fn seconds_since_epoch(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

impl Audience {
    pub fn includes(&self, name: &str) -> bool {
        match self {
            Self::One(audience) => audience == name,
            Self::Several(audiences) => audiences.iter().any(|audience| audience == name),
        }
    }
}
