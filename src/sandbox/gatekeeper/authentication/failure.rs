//! Why an attempt to authenticate fails, and what the client is told of it (RFC 6120, section 6.5).

use super::oauthbearer::MessageError;
use crate::sandbox::connection::ConnectionError;
use crate::sandbox::gatekeeper::fast::TokenRefusal;
use crate::sandbox::gatekeeper::providers::Refusal;
use crate::sandbox::gatekeeper::session::Ending;
use crate::sandbox::passwords::Busy;
use crate::sandbox::random::RandomError;
use crate::sandbox::scram::ScramError;
use crate::sandbox::token::TokenError;

/// Why one attempt failed. Its text is for people, and never holds what the peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("the client gave up")]
    Aborted,
    #[error("the data is not Base64")]
    IncorrectEncoding,
    #[error("the mechanism is none of those that were offered")]
    InvalidMechanism,
    #[error("the message does not follow its mechanism")]
    MalformedRequest,
    #[error("{0}")]
    Message(#[from] MessageError),
    #[error("the account is unknown, or its password is wrong")]
    WrongPassword,
    #[error("{0}")]
    Busy(#[from] Busy),
    #[error("only the user's own identity can be acted as")]
    InvalidAuthzid,
    #[error("the name is neither the internal nor the visible identifier of the token's user")]
    AnotherUser,
    #[error("there is no token")]
    NoToken,
    #[error("{0}")]
    Token(Refusal),
    #[error("the token is good, but its user is not enlisted here")]
    NotEnlisted,
    #[error("a token of FAST needs a user agent with an identifier")]
    NoUserAgent,
    #[error("{0}")]
    Fast(#[from] TokenRefusal),
    #[error("what the token was given for does not open the account any more")]
    Withdrawn,
}

impl Failure {
    /// The condition's name (RFC 6120, section 6.5).
    pub fn condition(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest | Self::Message(_) | Self::NoUserAgent => "malformed-request",
            Self::InvalidAuthzid => "invalid-authzid",
            Self::Token(Refusal::Token(TokenError::Expired))
            | Self::Fast(TokenRefusal::Expired)
            | Self::Withdrawn => "credentials-expired",
            Self::Token(Refusal::Provider(_)) | Self::Busy(_) => "temporary-auth-failure",
            Self::Token(_)
            | Self::Fast(_)
            | Self::WrongPassword
            | Self::AnotherUser
            | Self::NoToken
            | Self::NotEnlisted => "not-authorized",
        }
    }

    /// The error code of OAuth that OAUTHBEARER's client is told first (RFC 7628, section 3.2.2), if it is the token
    /// that opens nothing: RFC 6750, section 3.1, and `access_denied` of RFC 6749, section 4.1.2.1.
    pub fn oauth_status(self) -> Option<&'static str> {
        match self {
            Self::Token(Refusal::Provider(_)) => None,
            Self::Token(_) | Self::NoToken => Some("invalid_token"),
            Self::NotEnlisted => Some("access_denied"),
            Self::Message(MessageError::NoBearer) => Some("invalid_request"),
            _ => None,
        }
    }
}

/// How an attempt ends if not in success.
pub(super) enum Unsuccessful {
    /// The client may try again.
    Failure(Failure),
    /// The session is over.
    Ending(Ending),
}

impl<F: Into<Failure>> From<F> for Unsuccessful {
    fn from(failure: F) -> Self {
        Self::Failure(failure.into())
    }
}

impl From<Ending> for Unsuccessful {
    fn from(ending: Ending) -> Self {
        Self::Ending(ending)
    }
}

impl From<ConnectionError> for Unsuccessful {
    fn from(error: ConnectionError) -> Self {
        Self::Ending(error.into())
    }
}

impl From<RandomError> for Unsuccessful {
    fn from(error: RandomError) -> Self {
        Self::Ending(error.into())
    }
}

impl From<ScramError> for Failure {
    fn from(error: ScramError) -> Self {
        match error {
            ScramError::Malformed | ScramError::Unsupported => Self::MalformedRequest,
            ScramError::WrongNonce | ScramError::WrongProof => Self::WrongPassword,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::http::CallError;

    #[test]
    fn each_refusal_of_a_token_has_its_condition_and_status() {
        for (failure, condition, status) in [
            (Failure::Token(TokenError::Issuer.into()), "not-authorized", Some("invalid_token")),
            (Failure::Token(Refusal::Revoked), "not-authorized", Some("invalid_token")),
            (Failure::Token(TokenError::Expired.into()), "credentials-expired", Some("invalid_token")),
            (Failure::Token(TokenError::Signature.into()), "not-authorized", Some("invalid_token")),
            (Failure::Token(CallError::TimedOut.into()), "temporary-auth-failure", None),
            (Failure::NotEnlisted, "not-authorized", Some("access_denied")),
            (Failure::Message(MessageError::NoBearer), "malformed-request", Some("invalid_request")),
            (Failure::InvalidAuthzid, "invalid-authzid", None),
            (Failure::NoUserAgent, "malformed-request", None),
            (TokenRefusal::Unknown.into(), "not-authorized", None),
            (TokenRefusal::Replayed.into(), "not-authorized", None),
            (TokenRefusal::Expired.into(), "credentials-expired", None),
            (Failure::Withdrawn, "credentials-expired", None),
        ] {
            assert_eq!((failure.condition(), failure.oauth_status()), (condition, status), "{failure}");
        }
    }
}
