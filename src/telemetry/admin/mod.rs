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
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::{TcpListener, TcpStream};

use super::AcceptFailures;
use super::metrics::Metrics;
use super::status::{self, Status};
use crate::http_server::{self, Bounds};

/// A few scrapers and probes use one connection each, a browser some more.
pub const MOST_CONNECTIONS: usize = 16;

const BOUNDS: Bounds = Bounds { connections: MOST_CONNECTIONS, connection_time: Duration::from_secs(300) };

/// For who opens the status in a browser, in whatever form: it is shown inside of no other page, kept nowhere, and taken for
/// nothing else than it says it is.
const PROTECTION: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::VARY, "accept"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

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

    pub fn state(&self) -> status::State {
        match self.0.load(Ordering::Acquire) {
            Self::STARTING => status::State::Starting,
            Self::READY => status::State::Ready,
            _ => status::State::Draining,
        }
    }

    pub fn is_draining(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::DRAINING
    }
}

/// What the pages are made of.
pub struct Pages {
    pub metrics: Metrics,
    pub readiness: Readiness,
    /// Asked for each page.
    pub status: AskStatus,
    /// Asked for each probe: whether no thread hangs.
    pub live: AskLive,
}

pub type AskStatus = Arc<dyn Fn() -> Status + Send + Sync>;
pub type AskLive = Arc<dyn Fn() -> bool + Send + Sync>;

/// Serves the admin pages until `shutdown` completes; connections that are open then are dropped.
pub async fn serve(listener: TcpListener, pages: Pages, shutdown: impl Future<Output = ()>) {
    let router = router(pages);
    let plain = |stream: TcpStream| std::future::ready(Some(stream));
    let mut failures = AcceptFailures::default();
    let failed = |error: &std::io::Error| failures.report(error);
    tokio::select! {
        never = http_server::serve(listener, router, BOUNDS, plain, failed) => match never {},
        () = shutdown => {}
    }
}

fn router(Pages { metrics, readiness, status, live }: Pages) -> Router {
    let status = Router::new()
        .route("/status", get(answer_status))
        // For who types the address: relative, as the pages may stand behind another server's path.
        .route("/", get(async || Redirect::to("status")))
        .route("/status.json", get(async |State(status): State<AskStatus>| Json(status())))
        .layer(map_response(protect))
        .with_state(status);
    Router::new()
        .route("/metrics", get(render_metrics))
        .with_state((metrics, readiness.clone()))
        .merge(status)
        .route("/live", get(answer_live))
        .with_state(live)
        .route("/ready", get(answer_ready))
        .with_state(readiness)
}

async fn render_metrics(State((metrics, readiness)): State<(Metrics, Readiness)>) -> Response {
    metrics.show_ready(readiness.state() == status::State::Ready);
    match metrics.render() {
        Some(text) => ([(header::CONTENT_TYPE, Metrics::MEDIA_TYPE)], text).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A page for who asks for HTML, as browsers do; JSON for everybody else (RFC 9110, 12.5.1).
async fn answer_status(State(ask): State<AskStatus>, headers: HeaderMap) -> Response {
    let status = ask();
    if wants_page(&headers) {
        ([(header::CONTENT_SECURITY_POLICY, status::policy_of_content())], Html(status::page(&status)))
            .into_response()
    } else {
        Json(status).into_response()
    }
}

async fn protect(mut response: Response) -> Response {
    for (name, value) in PROTECTION {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether HTML is named, and JSON is not named before it. Weights are not looked at: browsers put first what they like
/// best.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let at = |media_type| accept.find(media_type);
    at("text/html").is_some_and(|html| at("application/json").is_none_or(|json| html < json))
}

async fn answer_live(State(live): State<AskLive>) -> (StatusCode, &'static str) {
    answer_probe(live(), "live\n", "a thread hangs\n")
}

async fn answer_ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    answer_probe(readiness.state() == status::State::Ready, "ready\n", "not ready\n")
}

fn answer_probe(holds: bool, yes: &'static str, no: &'static str) -> (StatusCode, &'static str) {
    if holds { (StatusCode::OK, yes) } else { (StatusCode::SERVICE_UNAVAILABLE, no) }
}
