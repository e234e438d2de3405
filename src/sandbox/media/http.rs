//! A store's requests that do not depend on whose it is: what is answered to an upload, to a download and to a deletion.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{BlobName, Store, receive, serve};
use crate::sandbox::http::{NOT_STORED, Problem};

/// What is told of a blob that is kept from now on. Where it is, `Location` says, relative to where it was sent.
#[derive(Serialize)]
struct Kept {
    /// As it stands in the blob's URL.
    name: String,
    /// In bytes.
    size: u64,
    sha256: String,
    /// In seconds.
    expires_in: u64,
}

/// Keeps what an account uploads.
pub async fn upload(store: &Arc<Store>, account: &str, request: Request) -> Result<Response, Problem> {
    let stored = receive(store, account, request).await?;
    let name = stored.name.text();
    let location = [(header::LOCATION, format!("media/{name}"))];
    let (size, sha256, expires_in) = (stored.size, stored.sha256.text(), stored.expires_in.as_secs());
    let kept = Kept { name, size, sha256, expires_in };
    Ok((StatusCode::CREATED, NOT_STORED, location, Json(kept)).into_response())
}

/// Gives a blob to whoever knows its name. One whose time is over is not told from one that never was.
pub fn download(
    store: &Store,
    name: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let name = BlobName::parse(name).ok_or_else(Problem::not_found)?;
    let blob = store.find(name, Instant::now()).ok_or_else(Problem::not_found)?;
    Ok(serve(blob, method, headers))
}

/// Drops a blob of this account.
pub fn delete(store: &Store, account: &str, name: &str) -> Result<StatusCode, Problem> {
    let name = BlobName::parse(name).ok_or_else(Problem::not_found)?;
    if store.delete(account, name) { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
