//! What an operator of the sandbox can see and do over HTTP.

use std::sync::Arc;

use axum::Router;

use super::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
}
