//! What a client is told when its request cannot be fulfilled: a problem document (RFC 9457).

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Types of problems are names below this one.
const TYPES: &str = "urn:x-vestibule:problem:";

/// A problem document. It never holds what the client sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The problem's type: a URI.
    #[serde(rename = "type")]
    kind: String,
    /// The type in words.
    title: String,
    #[serde(serialize_with = "write_status")]
    status: StatusCode,
    /// After how long another attempt has a point.
    #[serde(skip)]
    retry_after: Option<Duration>,
    /// Whether it is the fault of the token in the header `Authorization`.
    #[serde(skip)]
    invalid_token: bool,
    /// Whether a password is asked for, and no token.
    #[serde(skip)]
    of_password: bool,
}

impl Problem {
    /// A problem of the type `kind`, which is one word in lower case with hyphens, with the same words for all of its
    /// type.
    pub fn new(status: StatusCode, kind: &str, title: impl Into<String>) -> Self {
        let kind = format!("{TYPES}{kind}");
        Self {
            kind,
            title: title.into(),
            status,
            retry_after: None,
            invalid_token: false,
            of_password: false,
        }
    }

    /// The same problem, which will have passed after this time.
    #[must_use]
    pub fn retry_after(self, time: Duration) -> Self {
        Self { retry_after: Some(time), ..self }
    }

    /// The same problem, which another token in the header `Authorization` would not have (RFC 6750, section 3.1).
    #[must_use]
    pub fn of_token(self) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, invalid_token: true, ..self }
    }

    /// The same problem, where a name and a password are to be shown in the header `Authorization` (RFC 7617).
    #[must_use]
    pub fn of_password(self) -> Self {
        Self { of_password: true, ..self }
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is nothing here")
    }

    pub fn method_not_allowed() -> Self {
        let title = "this cannot be done here; the header Allow says what can";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", title)
    }

    /// Nobody said who is asking.
    pub fn no_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "no-credentials", "this needs the header Authorization")
    }

    /// Who is asking is not known by this, or not any more.
    pub fn wrong_credential() -> Self {
        let title = "the credential is not known here, or is not good any more";
        Self::new(StatusCode::UNAUTHORIZED, "wrong-credential", title)
    }

    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed")
    }

    pub(super) fn no_host() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "no-host", "the request has no header Host, or several")
    }

    pub(super) fn malformed() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "the body is no JSON")
    }

    pub fn media_type() -> Self {
        let title =
            "the body's Content-Type is not the one that the description has, or it has a Content-Encoding";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", title)
    }

    pub(super) fn not_as_described() -> Self {
        let title = "the body does not have the members that the description of this interface asks for";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-as-described", title)
    }

    pub fn query() -> Self {
        let title = "the query is not as the description of this interface has it";
        Self::new(StatusCode::BAD_REQUEST, "query", title)
    }

    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is too large")
    }

    pub fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "the body did not come in time")
    }

    pub fn unreadable() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable", "the body cannot be read")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let challenge = match (self.of_password, self.invalid_token) {
            (true, _) => "Basic realm=\"media\", charset=\"UTF-8\"",
            (false, true) => "Bearer error=\"invalid_token\"",
            (false, false) => "Bearer",
        };
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(time) = retry_after {
            // Whole seconds (RFC 9110, section 10.2.3), none too few.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(time.as_secs().saturating_add(1)));
        }
        response
    }
}

fn write_status<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
