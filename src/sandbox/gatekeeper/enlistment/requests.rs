//! The requests of the Enlistment API, as `docs/openapi/gatekeeper.yaml` describes them.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::asker::Asker;
use super::challenges::LIFETIME;
use super::{Enlisted, Enlistment, refusal};
use crate::sandbox::gatekeeper::Shared;
use crate::sandbox::http::{After, Body, NOT_STORED, Problem, Text, TextError, Thumbprint, next};
use crate::sandbox::token::seconds_since_epoch;

/// Enlistments in one answer.
const PAGE: usize = 1000;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/challenges", post(challenge))
        .route("/enlistments", get(list).post(enlist))
        .route("/enlistments/{internal_id}", delete(opt_out))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChallengeRequest {
    key_thumbprint: Thumbprint,
}

#[derive(Serialize)]
struct Challenge {
    challenge: String,
    /// In seconds.
    expires_in: u64,
}

async fn challenge(
    State(shared): State<Arc<Shared>>,
    Body(request): Body<ChallengeRequest>,
) -> Result<impl IntoResponse, Problem> {
    let key = request.key_thumbprint.into_string();
    let challenge = shared.enlistments.challenges.issue(&key, now()).map_err(|_| Problem::internal())?;
    Ok((NOT_STORED, Json(Challenge { challenge, expires_in: LIFETIME })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnlistmentRequest {
    token: Text<8192>,
    proof: Text<8192>,
}

/// An enlistment, as it is told.
#[derive(Serialize)]
struct Listed {
    internal_id: String,
    visible_id: String,
    /// The bare JID.
    jid: String,
}

impl Listed {
    fn new(Enlistment { internal_id, visible_id, .. }: Enlistment, host: &str) -> Self {
        Self { jid: format!("{internal_id}@{host}"), internal_id, visible_id }
    }
}

async fn enlist(
    State(shared): State<Arc<Shared>>,
    Body(request): Body<EnlistmentRequest>,
) -> Result<impl IntoResponse, Problem> {
    let (token, proof) = (request.token.as_str(), request.proof.as_str());
    let signed = shared.providers.verify(token).await.map_err(refusal::in_body)?;
    // Who cannot prove that the token is theirs does not have the provider asked about it.
    let proven = shared.enlistments.prove((token, signed.subject()), proof, &shared.host, now())?;
    let subject = shared.providers.confirm(signed).await.map_err(refusal::in_body)?;
    let Enlisted { enlistment, is_new } = shared.enlistments.enlist(&subject, &proven, now())?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, NOT_STORED, Json(Listed::new(enlistment, &shared.host))))
}

/// An internal identifier, as a request has it.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct InternalId(String);

impl TryFrom<String> for InternalId {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 32 && text.bytes().all(is_digit) { Ok(Self(text)) } else { Err(TextError) }
    }
}

#[derive(Serialize)]
struct List {
    enlistments: Vec<Listed>,
    /// What to ask for the rest with, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    After(after): After<InternalId>,
) -> impl IntoResponse {
    let after = after.as_ref().map(|InternalId(id)| id.as_str());
    let found: Vec<Enlistment> = match &asker {
        Asker::Provider { issuer } => {
            shared.enlistments.kept().register.of_provider(issuer, after).take(PAGE).cloned().collect()
        }
        Asker::User { issuer, visible_id } => {
            let own = shared.enlistments.of(issuer, visible_id);
            own.into_iter().filter(|own| after.is_none_or(|after| own.internal_id.as_str() > after)).collect()
        }
    };
    let next = next(&found, PAGE, |last| last.internal_id.clone());
    let enlistments = found.into_iter().map(|enlistment| Listed::new(enlistment, &shared.host)).collect();
    (NOT_STORED, Json(List { enlistments, next }))
}

/// Whether somebody else's enlistment exists is not told.
async fn opt_out(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(internal_id) = path.map_err(|_| Problem::not_found())?;
    let may_end = |enlistment: &Enlistment| asker.may_end(enlistment);
    if !shared.enlistments.kept().register.strike_out(&internal_id, may_end) {
        return Err(Problem::not_found());
    }
    shared.forget(&internal_id);
    Ok(StatusCode::NO_CONTENT)
}

/// In seconds since the Unix epoch.
fn now() -> u64 {
    seconds_since_epoch(SystemTime::now())
}
