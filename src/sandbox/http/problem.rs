//! What a client is told when its request cannot be fulfilled: a problem document (RFC 9457).

use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

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
}

impl Problem {
    /// A problem of the type `kind`, which is one word in lower case with hyphens, with the same words for all of its
    /// type.
    pub fn new(status: StatusCode, kind: &str, title: impl Into<String>) -> Self {
        Self { kind: format!("{TYPES}{kind}"), title: title.into(), status }
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
        Self::new(StatusCode::UNAUTHORIZED, "no-credentials", "this needs the header Authorization: Bearer")
    }

    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The request's body: one JSON document that has to be a `T`.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(json_problem(&rejection)),
        }
    }
}

/// The request's body: a form (`application/x-www-form-urlencoded`) that has to be a `T`.
pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Form::<T>::from_request(request, state).await {
            Ok(axum::Form(form)) => Ok(Self(form)),
            Err(rejection) => Err(form_problem(&rejection)),
        }
    }
}

fn json_problem(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => wrong_type("application/json"),
        JsonRejection::JsonSyntaxError(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "malformed", "the body is no JSON")
        }
        JsonRejection::JsonDataError(_) => not_as_described(),
        other => unreadable(other.status()),
    }
}

fn form_problem(rejection: &FormRejection) -> Problem {
    match rejection {
        FormRejection::InvalidFormContentType(_) => wrong_type("application/x-www-form-urlencoded"),
        FormRejection::FailedToDeserializeForm(_) | FormRejection::FailedToDeserializeFormBody(_) => {
            not_as_described()
        }
        other => unreadable(other.status()),
    }
}

fn wrong_type(right: &str) -> Problem {
    let title = format!("the body's Content-Type has to be {right}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", title)
}

fn not_as_described() -> Problem {
    let title = "the body does not have the members that the description of this interface asks for";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-as-described", title)
}

fn unreadable(status: StatusCode) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(status, "too-large", "the body is too large");
    }
    Problem::new(StatusCode::BAD_REQUEST, "unreadable", "the body cannot be read")
}

fn write_status<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
