//! The admin server: `/metrics`, `/status`, `/live` and `/ready` over HTTP/1.1, for the operator's own network.
//!
//! It shows nothing that came from a peer, changes nothing, and has no other pages. It uses neither TLS nor passwords:
//! bind it to an address that only the operator reaches.

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time;

use super::Diagnostic;
use super::metrics::Metrics;

/// Connections at a time; more wait until one ends. A few scrapers and probes use one each.
const MAX_CONNECTIONS: usize = 64;
/// For the head of a request, from its connection's start or the previous response on.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// For a connection, however many requests it carries: a client that does not read its response ends by this.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// For the head of a request, in bytes. No page reads a body.
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Before trying to accept again when the system had no connection to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whether the proxy takes new clients: not until it listens, and no longer once it drains. Clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    const STARTING: u8 = 0;
    const READY: u8 = 1;
    const DRAINING: u8 = 2;

    /// Starting: not ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// All listeners are open. A proxy that drains does not become ready again.
    pub fn set_ready(&self) {
        let swap = (Self::STARTING, Self::READY);
        // That it is ready or draining already is no failure.
        let _ = self.0.compare_exchange(swap.0, swap.1, Ordering::AcqRel, Ordering::Acquire);
    }

    /// No new clients from here on.
    pub fn set_draining(&self) {
        self.0.store(Self::DRAINING, Ordering::Release);
    }

    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::READY
    }
}

/// What is in force of the metadata policy: the operator's own words and Vestibule's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetadataStatus {
    /// The policy's digest.
    pub policy: String,
    /// That of the policy that is tried beside it.
    pub shadow: Option<String>,
    /// Those that are not over yet.
    pub exceptions: Vec<ExceptionStatus>,
    /// The audit log's head, as `vestibule audit verify` takes it.
    pub audit_head: Option<String>,
}

/// Fields that are open for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExceptionStatus {
    pub sink: &'static str,
    pub event: &'static str,
    pub fields: Vec<&'static str>,
    pub reason: String,
    /// In seconds from now on.
    pub ends_in: u64,
}

/// Asked for each page.
pub type AskMetadata = Arc<dyn Fn() -> MetadataStatus + Send + Sync>;

/// Serves the admin pages until `shutdown` completes; connections that are open then are dropped.
pub async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    readiness: Readiness,
    metadata: AskMetadata,
    shutdown: impl Future<Output = ()>,
) {
    let router = router(metrics, readiness, metadata);
    tokio::select! {
        never = accept(listener, router) => match never {},
        () = shutdown => {}
    }
}

fn router(metrics: Metrics, readiness: Readiness, metadata: AskMetadata) -> Router {
    Router::new()
        .route("/metrics", get(render_metrics))
        .with_state(metrics.clone())
        .route("/status", get(status))
        .with_state((metrics, readiness.clone(), metadata))
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .with_state(readiness)
}

async fn accept(listener: TcpListener, router: Router) -> Infallible {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // The semaphore is never closed, so that there is always a permit in the end.
        let permit = Arc::clone(&permits).acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    let _permit = permit;
                    // However a connection ends, there is nobody to tell.
                    let _ = time::timeout(CONNECTION_TIMEOUT, serve_connection(stream, router)).await;
                });
            }
            Err(error) => {
                Diagnostic::AcceptFailed { errno: error.raw_os_error() }.report();
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, router: Router) -> hyper::Result<()> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await
}

async fn render_metrics(State(metrics): State<Metrics>) -> Response {
    match metrics.render() {
        Some(text) => ([(header::CONTENT_TYPE, Metrics::MEDIA_TYPE)], text).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What a person or a script asks first, as JSON. Counts are since the process started.
async fn status(State((metrics, readiness, metadata)): State<(Metrics, Readiness, AskMetadata)>) -> Response {
    let status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ready": readiness.is_ready(),
        "metadata": metadata(),
        "hosts": metrics.status(),
    });
    Json(status).into_response()
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}
