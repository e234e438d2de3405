//! Taking an upload over HTTP into a store, as it comes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;

use super::store::Upload;
use super::{OCTETS, Store, StoreError, Stored, poll_data};
use crate::sandbox::http::Problem;

/// For the next bytes of an upload.
const IDLE: Duration = Duration::from_secs(10);
/// For a whole upload.
const LONGEST: Duration = Duration::from_secs(300);
/// When there may be room again.
const PAUSE: Duration = Duration::from_secs(60);
/// Of what is read of an upload that is refused, so that its client hears of it, in bytes.
const LARGEST_DISCARDED: u64 = 1024 * 1024;

/// Keeps what a request uploads for an account. What came of an upload that is refused or breaks off is dropped.
pub async fn receive(store: &Arc<Store>, account: &str, request: Request) -> Result<Stored, Problem> {
    let (parts, mut body) = request.into_parts();
    let received = tokio::time::timeout(LONGEST, take(store, account, &parts.headers, &mut body)).await;
    let refused = match received.unwrap_or_else(|_| Err(Problem::too_slow())) {
        Ok(stored) => return Ok(stored),
        Err(refused) => refused,
    };
    discard(&mut body).await;
    Err(refused)
}

/// Reads what is still to come of a request that is refused, as far as that can be done.
pub async fn discard(body: &mut Body) {
    let reading = async {
        let mut left = LARGEST_DISCARDED;
        while let Ok(Some(bytes)) = next(body).await {
            let Some(now) = left.checked_sub(bytes.len() as u64) else { return };
            left = now;
        }
    };
    // Who sends too slowly does not hear of it.
    let _ = tokio::time::timeout(IDLE, reading).await;
}

async fn take(
    store: &Arc<Store>,
    account: &str,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Stored, Problem> {
    let is_octets = headers.get(header::CONTENT_TYPE).is_some_and(|value| value == OCTETS);
    if !is_octets || headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::media_type());
    }
    // Who says so is refused before anything is kept.
    if declared(headers).is_some_and(|length| length > store.largest()) {
        return Err(StoreError::TooLarge.into());
    }
    let mut upload: Upload = store.begin(account, Instant::now())?;
    while let Some(bytes) = next(body).await? {
        upload.push(&bytes)?;
    }
    Ok(upload.finish(Instant::now())?)
}

/// The next bytes of a body.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    let next = poll_fn(|context| poll_data(Pin::new(&mut *body), context));
    let next = tokio::time::timeout(IDLE, next).await.map_err(|_| Problem::too_slow())?;
    next.transpose().map_err(|_| Problem::unreadable())
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let problem = |status, kind| Self::new(status, kind, error.to_string());
        match error {
            StoreError::TooLarge => Problem::too_large(),
            StoreError::AccountFull => problem(StatusCode::INSUFFICIENT_STORAGE, "media-account-full"),
            StoreError::Full => problem(StatusCode::SERVICE_UNAVAILABLE, "media-full").retry_after(PAUSE),
            StoreError::TooManyUploads => {
                problem(StatusCode::TOO_MANY_REQUESTS, "media-too-many").retry_after(Duration::from_secs(1))
            }
            StoreError::AccountGone => Self::wrong_credential(),
            StoreError::Random(_) => Self::internal(),
        }
    }
}
