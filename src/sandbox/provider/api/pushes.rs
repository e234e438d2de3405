//! Pushes over HTTP: gatekeepers order them, and users see their own.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Name;
use super::asking::{Gatekeeper, User};
use crate::sandbox::http::{Body, Problem};
use crate::sandbox::provider::refusal::Refusal;
use crate::sandbox::provider::{Push, Shared};

const LONGEST_KEY: usize = 64;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/push", post(push)).route("/pushes", get(own_pushes))
}

/// Whom to wake. Why is not the provider's to know.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PushOrder {
    visible_id: Name,
}

#[derive(Serialize)]
pub struct PushList {
    pub pushes: Vec<Push>,
}

async fn push(
    State(shared): State<Arc<Shared>>,
    Gatekeeper(gatekeeper): Gatekeeper,
    IdempotencyKey(key): IdempotencyKey,
    OriginalOrder { order, body }: OriginalOrder,
) -> Result<StatusCode, Problem> {
    let visible_id = order.visible_id.as_str();
    if !shared.accounts.exists(visible_id) {
        return Err(Refusal::UnknownAccount.into());
    }
    shared.pushes.take(&gatekeeper, &key, visible_id, &body)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn own_pushes(State(shared): State<Arc<Shared>>, User(visible_id): User) -> Json<PushList> {
    Json(PushList { pushes: shared.pushes.of(&visible_id) })
}

/// An order, and the bytes in which it came.
struct OriginalOrder {
    order: PushOrder,
    body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for OriginalOrder {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let body = Bytes::from_request(request, state).await.map_err(|_| Problem::unreadable())?;
        let request = Request::from_parts(parts, body.clone().into());
        let Body(order) = Body::from_request(request, state).await?;
        Ok(Self { order, body })
    }
}

/// The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), whose value is a string of RFC 8941,
/// section 3.3.3, here of visible characters that need no escaping.
struct IdempotencyKey(String);

impl FromRequestParts<Arc<Shared>> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Refusal::IdempotencyKey.into());
        };
        let key = value.to_str().ok().and_then(quoted).ok_or(Refusal::IdempotencyKey)?;
        Ok(Self(key.to_owned()))
    }
}

fn quoted(value: &str) -> Option<&str> {
    let key = value.strip_prefix('"')?.strip_suffix('"')?;
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    ((1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(fits)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_is_a_quoted_string_of_visible_characters() {
        let longest = format!("\"{}\"", "a".repeat(LONGEST_KEY));
        for value in ["\"a\"", "\"!#[]~\"", &longest] {
            assert_eq!(quoted(value), Some(value.trim_matches('"')));
        }
        let longer = format!("\"{}\"", "a".repeat(LONGEST_KEY + 1));
        for value in
            ["", "a", "\"", "\"\"", "\"a", "a\"", "\"a b\"", "\"a\"b\"", r#""a\\""#, "\"ä\"", &longer]
        {
            assert_eq!(quoted(value), None, "{value}");
        }
    }
}
