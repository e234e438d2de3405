//! Tokens over HTTP: asked for by users, asked about by gatekeepers, revoked by whoever holds them.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Name;
use super::asking::Gatekeeper;
use crate::sandbox::http::{Body, Form, NOT_STORED, Problem, Text, Thumbprint, present};
use crate::sandbox::provider::Shared;
use crate::sandbox::provider::refusal::Refusal;
use crate::sandbox::token::Claims;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/tokens", post(issue))
        .route("/introspect", post(introspect))
        .route("/revoke", post(revoke))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    account: Name,
    password: Name,
    /// A gatekeeper's domain.
    audience: Text<253>,
    #[serde(default, deserialize_with = "present")]
    key_thumbprint: Option<Thumbprint>,
}

#[derive(Serialize)]
struct TokenAnswer {
    token: String,
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
}

async fn issue(
    State(shared): State<Arc<Shared>>,
    Body(request): Body<TokenRequest>,
) -> Result<impl IntoResponse, Problem> {
    let TokenRequest { account, password, audience, key_thumbprint } = request;
    shared.accounts.authenticate(account.as_str(), password.into_string()).await?;
    if !shared.gatekeepers.iter().any(|gatekeeper| gatekeeper.audience == audience.as_str()) {
        return Err(Refusal::UnknownAudience.into());
    }
    let key = key_thumbprint.map(Thumbprint::into_string);
    let token = shared
        .tokens
        .issue(account.as_str(), audience.as_str(), key, SystemTime::now())
        .map_err(Refusal::from)?;
    let expires_in = shared.tokens.lifetime().as_secs();
    let answer = TokenAnswer { token, token_type: "Bearer", expires_in };
    Ok((StatusCode::CREATED, NOT_STORED, Json(answer)))
}

/// RFC 7662, section 2.1, and RFC 7009, section 2.1. The hint is of no use, as there is one type of token, and
/// parameters that are not known are not looked at (RFC 6749, section 3.2).
#[derive(Deserialize)]
struct TokenForm {
    token: Text<4096>,
}

/// RFC 7662, section 2.2.
#[derive(Serialize)]
struct Introspection {
    active: bool,
    #[serde(flatten)]
    claims: Option<Claims>,
}

async fn introspect(
    State(shared): State<Arc<Shared>>,
    Gatekeeper(audience): Gatekeeper,
    Form(form): Form<TokenForm>,
) -> impl IntoResponse {
    let claims = shared.tokens.claims(form.token.as_str(), &audience, SystemTime::now());
    (NOT_STORED, Json(Introspection { active: claims.is_some(), claims }))
}

/// That a token is not known is no error: it is not good either way (RFC 7009, section 2.2).
async fn revoke(State(shared): State<Arc<Shared>>, Form(form): Form<TokenForm>) -> StatusCode {
    if let Some(claims) = shared.claims(form.token.as_str()) {
        shared.tokens.revoke(&claims);
    }
    StatusCode::OK
}
