//! Why a blob was not fetched, and the problem document that says so. What an origin said is never passed on.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::sandbox::http::Problem;
use crate::sandbox::media::unsatisfiable;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("the URL is no https URL, or it has a user or a fragment")]
    Url,
    #[error("the URL is of no origin that media are fetched from")]
    Origin,
    #[error("the URL's host has no address that may be connected to")]
    Address,
    #[error("the user has too many fetches under way")]
    TooMany,
    #[error("too many fetches are under way")]
    Busy,
    #[error("the provider cannot be reached, or cannot answer")]
    Unreachable,
    #[error("the provider does not have the blob, or not any more")]
    Vanished,
    #[error("the blob is larger than what is fetched")]
    TooLarge,
    #[error("the provider is too slow")]
    TooSlow,
    #[error("the provider gave another part of the blob than it was asked for")]
    WrongRange,
    #[error("the provider's answer is none to what it was asked")]
    WrongAnswer,
    #[error("the blob has nothing of what the header Range asks for")]
    Unsatisfiable(u64),
    /// Known only when the answer has begun: the connection to the client ends by it.
    #[error("the blob broke off")]
    BrokenOff,
}

impl FetchError {
    fn problem(self) -> Problem {
        let problem = |status, kind| Problem::new(status, kind, self.to_string());
        let pause = Duration::from_secs(1);
        match self {
            Self::Url => problem(StatusCode::FORBIDDEN, "media-url"),
            Self::Origin => problem(StatusCode::FORBIDDEN, "media-origin"),
            Self::Address => problem(StatusCode::FORBIDDEN, "media-address"),
            Self::TooMany => problem(StatusCode::TOO_MANY_REQUESTS, "media-too-many").retry_after(pause),
            Self::Busy => problem(StatusCode::SERVICE_UNAVAILABLE, "media-busy").retry_after(pause),
            Self::Unreachable => problem(StatusCode::BAD_GATEWAY, "media-unreachable"),
            Self::Vanished => problem(StatusCode::NOT_FOUND, "media-vanished"),
            Self::TooLarge => problem(StatusCode::BAD_GATEWAY, "media-too-large"),
            Self::TooSlow => problem(StatusCode::GATEWAY_TIMEOUT, "media-too-slow"),
            Self::WrongRange => problem(StatusCode::BAD_GATEWAY, "media-wrong-range"),
            Self::WrongAnswer | Self::BrokenOff => problem(StatusCode::BAD_GATEWAY, "media-wrong-answer"),
            Self::Unsatisfiable(_) => problem(StatusCode::RANGE_NOT_SATISFIABLE, "range"),
        }
    }
}

impl IntoResponse for FetchError {
    fn into_response(self) -> Response {
        match self {
            Self::Unsatisfiable(size) => unsatisfiable(size),
            other => other.problem().into_response(),
        }
    }
}
