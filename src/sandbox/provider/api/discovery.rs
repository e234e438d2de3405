//! What anybody can know of the provider: where it is asked what, and its keys.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::sandbox::http::OPENID_CONFIGURATION;
use crate::sandbox::media::MEDIA;
use crate::sandbox::provider::Shared;
use crate::sandbox::token::{Algorithm, seconds_since_epoch};

const DESCRIPTION: &str = include_str!("../../../../docs/openapi/provider.yaml");
/// In seconds. Whoever meets a key that is not known yet asks before this is over.
const KEYS_CACHED: &str = "public, max-age=300";

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(OPENID_CONFIGURATION, get(configuration))
        .route("/jwks.json", get(keys))
        .route("/openapi.yaml", get(description))
}

/// OpenID Connect Discovery 1.0, section 3, and RFC 8414, section 2: what of it applies here. `push_endpoint` and
/// `media_endpoint` are the sandbox's own.
#[derive(Serialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
    token_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    push_endpoint: String,
    media_endpoint: String,
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [Algorithm; 1],
    service_documentation: String,
}

async fn configuration(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let issuer = shared.tokens.issuer();
    let below = |path: &str| format!("{issuer}{path}");
    Json(Configuration {
        issuer: issuer.to_owned(),
        jwks_uri: below("/jwks.json"),
        token_endpoint: below("/tokens"),
        introspection_endpoint: below("/introspect"),
        revocation_endpoint: below("/revoke"),
        push_endpoint: below("/push"),
        media_endpoint: below(MEDIA),
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: [shared.tokens.keys.algorithm()],
        service_documentation: below("/openapi.yaml"),
    })
}

async fn keys(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let keys = shared.tokens.keys.published(seconds_since_epoch(SystemTime::now()));
    ([(header::CACHE_CONTROL, KEYS_CACHED)], Json(keys))
}

async fn description() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/yaml")], DESCRIPTION)
}
