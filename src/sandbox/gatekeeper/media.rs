//! The media of the gatekeeper's own users: what they upload, which the providers' clients fetch from here, and what they
//! fetch from the providers, through the media proxy.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::Shared;
use super::media_proxy::{Asked, FetchError, MediaProxyConfig};
use crate::sandbox::http::{Problem, Text, name_and_password};
use crate::sandbox::media::{self, Limits, MEDIA};
use crate::sandbox::passwords::Busy;

/// Of a URL, in characters.
const LONGEST_URL: usize = 1024;

/// What a gatekeeper does with media.
#[derive(Clone, Default)]
pub struct MediaConfig {
    /// For its own users' blobs.
    pub store: Limits,
    /// From where, and how, its users' clients fetch the providers' blobs.
    pub proxy: MediaProxyConfig,
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(MEDIA, post(upload))
        .route(&format!("{MEDIA}/{{name}}"), get(download).delete(delete))
        .route("/media-proxy", get(fetch))
}

/// One of the gatekeeper's own users, by name and password.
struct OwnUser(String);

impl FromRequestParts<Arc<Shared>> for OwnUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let (name, password) = name_and_password(&parts.headers)?;
        let verifier = shared.accounts.get(&name).map(|account| account.verifier.clone());
        let verifier = verifier.unwrap_or_else(|| shared.passwords.verifier_of_nobody(&name));
        match shared.passwords.check(verifier, password).await {
            Ok(true) => Ok(Self(name)),
            Ok(false) => Err(Problem::wrong_credential().of_password()),
            Err(busy @ Busy) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", busy.to_string())
                .retry_after(Duration::from_secs(1))),
        }
    }
}

async fn upload(
    State(shared): State<Arc<Shared>>,
    user: Result<OwnUser, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    match user {
        Ok(OwnUser(account)) => media::upload(&shared.media, &account, request).await,
        Err(refused) => {
            media::discard(&mut request.into_body()).await;
            Err(refused)
        }
    }
}

async fn download(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(name) = path.map_err(|_| Problem::not_found())?;
    media::download(&shared.media, &name, &method, &headers)
}

async fn delete(
    State(shared): State<Arc<Shared>>,
    OwnUser(account): OwnUser,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(name) = path.map_err(|_| Problem::not_found())?;
    media::delete(&shared.media, &account, &name)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    url: Text<LONGEST_URL>,
}

async fn fetch(
    State(shared): State<Arc<Shared>>,
    OwnUser(account): OwnUser,
    wanted: Result<Query<Wanted>, QueryRejection>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let Query(Wanted { url }) = wanted.map_err(|_| Problem::query().into_response())?;
    let asked = Asked::new(&method, &headers);
    let fetched = shared.media_proxy.fetch(&account, url.as_str(), asked).await;
    fetched.map_err(FetchError::into_response)
}
