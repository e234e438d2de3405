//! The media of the provider's users: uploaded by them, and fetched by whoever was told where a blob is.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};

use super::asking::User;
use crate::sandbox::http::Problem;
use crate::sandbox::media::{self, MEDIA};
use crate::sandbox::provider::Shared;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new().route(MEDIA, post(upload)).route(&format!("{MEDIA}/{{name}}"), get(download).delete(delete))
}

async fn upload(
    State(shared): State<Arc<Shared>>,
    user: Result<User, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    match user {
        Ok(User(visible_id)) => media::upload(&shared.media, &visible_id, request).await,
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
    User(visible_id): User,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(name) = path.map_err(|_| Problem::not_found())?;
    media::delete(&shared.media, &visible_id, &name)
}
