//! Why the provider refuses, and the problem document that says so.

use std::time::Duration;

use axum::http::StatusCode;

use super::tokens::IssueError;
use crate::sandbox::http::Problem;
use crate::sandbox::token::KeyError;

/// Why the provider does not do what it is asked. Problems of HTTP itself are `http`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the account does not exist or has another password")]
    WrongPassword,
    #[error("the account had too many wrong passwords")]
    TooManyAttempts(Duration),
    #[error("too many passwords are being checked")]
    Busy,
    #[error("there is no agreement with a gatekeeper of this name")]
    UnknownAudience,
    #[error("the header Idempotency-Key has to be a string of 1 to 64 visible characters, in double quotes")]
    IdempotencyKey,
    #[error("the idempotency key has been used with another body")]
    IdempotencyKeyReused,
    #[error("there is no account of this name")]
    UnknownAccount,
    #[error("the provider failed")]
    Failed,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = |status, kind| Self::new(status, kind, refusal.to_string());
        match refusal {
            Refusal::WrongPassword => problem(StatusCode::UNAUTHORIZED, "wrong-password"),
            Refusal::TooManyAttempts(left) => {
                problem(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts").retry_after(left)
            }
            Refusal::Busy => {
                problem(StatusCode::SERVICE_UNAVAILABLE, "busy").retry_after(Duration::from_secs(1))
            }
            Refusal::UnknownAudience => problem(StatusCode::FORBIDDEN, "unknown-audience"),
            Refusal::IdempotencyKey => problem(StatusCode::BAD_REQUEST, "idempotency-key"),
            Refusal::IdempotencyKeyReused => {
                problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused")
            }
            Refusal::UnknownAccount => problem(StatusCode::NOT_FOUND, "unknown-account"),
            Refusal::Failed => Self::internal(),
        }
    }
}

impl From<IssueError> for Refusal {
    fn from(_: IssueError) -> Self {
        Self::Failed
    }
}

impl From<KeyError> for Refusal {
    fn from(_: KeyError) -> Self {
        Self::Failed
    }
}
