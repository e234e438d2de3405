//! The problem documents of the Enlistment API: each reason to refuse has its own type.

use std::time::Duration;

use axum::http::StatusCode;

use super::{EnlistmentError, RegisterError};
use crate::sandbox::gatekeeper::providers::Refusal;
use crate::sandbox::http::Problem;
use crate::sandbox::token::ProofError;

/// When a provider that could not be asked may be asked again: then its keys are, too.
const PROVIDER_PAUSE: Duration = Duration::from_secs(10);
/// When there may be room again.
const ROOM_PAUSE: Duration = Duration::from_secs(60);

/// The token of a request's body is refused.
pub fn in_body(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Provider(_) => unavailable(refusal),
        Refusal::Token(_) | Refusal::Revoked => {
            Problem::new(StatusCode::FORBIDDEN, refusal.code(), refusal.to_string())
        }
    }
}

/// The token of a request's header `Authorization` is refused.
pub fn in_header(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Provider(_) => unavailable(refusal),
        Refusal::Token(_) | Refusal::Revoked => in_body(refusal).of_token(),
    }
}

/// What went wrong between the gatekeeper and the provider is not for users.
fn unavailable(refusal: Refusal) -> Problem {
    let title = "the user's provider could not be asked";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, refusal.code(), title).retry_after(PROVIDER_PAUSE)
}

impl From<EnlistmentError> for Problem {
    fn from(error: EnlistmentError) -> Self {
        let problem = |status, kind| Self::new(status, kind, error.to_string());
        let full = |kind| problem(StatusCode::SERVICE_UNAVAILABLE, kind).retry_after(ROOM_PAUSE);
        match error {
            EnlistmentError::Unbound => problem(StatusCode::FORBIDDEN, "token-unbound"),
            EnlistmentError::Replayed => problem(StatusCode::FORBIDDEN, "token-replayed"),
            EnlistmentError::Proof(proof) => problem(StatusCode::FORBIDDEN, code(proof)),
            EnlistmentError::TooOften => {
                problem(StatusCode::TOO_MANY_REQUESTS, "enlisting-too-often").retry_after(ROOM_PAUSE)
            }
            EnlistmentError::TooMany => full("too-many-enlisting"),
            EnlistmentError::Register(RegisterError::TooManyUsers) => full("too-many-users"),
            EnlistmentError::Register(RegisterError::TooManyKeys) => {
                problem(StatusCode::CONFLICT, "too-many-keys")
            }
            EnlistmentError::Register(RegisterError::Random(_)) => Self::internal(),
        }
    }
}

fn code(error: ProofError) -> &'static str {
    match error {
        ProofError::Malformed => "proof-malformed",
        ProofError::Signature => "proof-wrong-signature",
        ProofError::Audience => "proof-wrong-audience",
        ProofError::OtherKey => "proof-other-key",
        ProofError::OtherToken => "proof-other-token",
        ProofError::Challenge => "proof-wrong-challenge",
    }
}
