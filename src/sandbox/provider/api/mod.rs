//! The provider's HTTP interface, as `docs/openapi/provider.yaml` describes it.

mod asking;
mod discovery;
mod media;
mod operator;
mod pushes;
mod tokens;

use std::sync::Arc;

use axum::Router;

use super::Shared;
use crate::sandbox::http::Text;
use crate::sandbox::limits::LONGEST_TEXT;

/// A visible identifier or a password, as a request has them.
type Name = Text<LONGEST_TEXT>;

pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let public = discovery::routes().merge(tokens::routes()).merge(pushes::routes()).merge(media::routes());
    let router = if shared.operator.is_some() { public.merge(operator::routes()) } else { public };
    router.with_state(shared.clone())
}
