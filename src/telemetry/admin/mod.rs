//! The admin server: `/metrics`, `/status`, `/live` and `/ready` over HTTP/1.1, for the operator's own network.
//!
//! It shows nothing that came from a peer, changes nothing, and has no other pages. It uses neither TLS nor passwords:
//! bind it to an address that only the operator reaches.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use super::Diagnostic;
use super::metrics::Metrics;
use crate::http_server::{self, Bounds};

/// A few scrapers and probes use one connection each.
const BOUNDS: Bounds = Bounds { connections: 64, connection_time: Duration::from_secs(300) };

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
    let plain = |stream: TcpStream| std::future::ready(Some(stream));
    let failed = |error: &std::io::Error| {
        Diagnostic::AcceptFailed { errno: error.raw_os_error() }.report();
    };
    tokio::select! {
        never = http_server::serve(listener, router, BOUNDS, plain, failed) => match never {},
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
