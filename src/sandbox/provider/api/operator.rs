//! What an operator of the sandbox can see and do.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Name;
use super::pushes::PushList;
use crate::sandbox::http::{Body, Operator, Problem};
use crate::sandbox::provider::Shared;
use crate::sandbox::provider::refusal::Refusal;
use crate::sandbox::token::seconds_since_epoch;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/operator/accounts", get(accounts))
        .route("/operator/keys/rotate", post(rotate_keys))
        .route("/operator/pushes", get(all_pushes))
        .route("/operator/revocations", post(revoke_tokens))
}

#[derive(Serialize)]
struct AccountList {
    accounts: Vec<AccountEntry>,
}

#[derive(Serialize)]
struct AccountEntry {
    visible_id: String,
    /// How many of the account's tokens are good.
    tokens: usize,
}

async fn accounts(State(shared): State<Arc<Shared>>, _: Operator) -> Json<AccountList> {
    let now = SystemTime::now();
    let entry = |visible_id: String| {
        let tokens = shared.tokens.count(&visible_id, now);
        AccountEntry { visible_id, tokens }
    };
    Json(AccountList { accounts: shared.accounts.visible_ids().into_iter().map(entry).collect() })
}

async fn rotate_keys(State(shared): State<Arc<Shared>>, _: Operator) -> Result<StatusCode, Problem> {
    shared.tokens.keys.rotate(seconds_since_epoch(SystemTime::now())).map_err(Refusal::from)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn all_pushes(State(shared): State<Arc<Shared>>, _: Operator) -> Json<PushList> {
    Json(PushList { pushes: shared.pushes.all() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    visible_id: Name,
}

#[derive(Serialize)]
struct Revoked {
    /// How many tokens were good until now.
    revoked: usize,
}

async fn revoke_tokens(
    State(shared): State<Arc<Shared>>,
    _: Operator,
    Body(revocation): Body<Revocation>,
) -> Result<Json<Revoked>, Problem> {
    let visible_id = revocation.visible_id.as_str();
    if !shared.accounts.exists(visible_id) {
        return Err(Refusal::UnknownAccount.into());
    }
    Ok(Json(Revoked { revoked: shared.tokens.revoke_all(visible_id, SystemTime::now()) }))
}
