//! One of the sandbox's HTTP interfaces, over TLS, until it is dropped.

use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::Problem;
use super::calls::{Calls, Served, note};
use super::intake::{require_host, take_whole};
use crate::http_server::{self, Bounds};

/// Clients keep their connections.
const BOUNDS: Bounds = Bounds { connections: 1024, connection_time: Duration::from_secs(600) };
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// What clients may ask for by ALPN (RFC 7301): there is no HTTP/2 here.
const ALPN: &[u8] = b"http/1.1";

/// Says that an answer is for who asked, now: it is with or about a token, or a user (RFC 6749, section 5.1).
pub const NOT_STORED: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// A running HTTP server. Dropping it ends it, with its connections.
pub struct Server {
    address: SocketAddr,
    calls: Arc<Calls>,
    serving: JoinHandle<()>,
}

impl Server {
    /// Serves in a task of the current runtime. What the router does not know is answered by a problem document.
    pub fn start(listener: TcpListener, tls: Arc<ServerConfig>, router: Router) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let mut tls = Arc::unwrap_or_clone(tls);
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let open = move |stream| {
            let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
            async { handshake.await.ok()?.ok() }
        };
        let calls = Arc::<Calls>::default();
        let router = router
            .fallback(async || Problem::not_found())
            .method_not_allowed_fallback(async || Problem::method_not_allowed())
            .layer(middleware::from_fn(take_whole))
            .layer(middleware::from_fn(require_host))
            .layer(middleware::from_fn(answer_anyway))
            .layer(middleware::from_fn_with_state(calls.clone(), note));
        let serving =
            tokio::spawn(
                async move { match http_server::serve(listener, router, BOUNDS, open, |_| ()).await {} },
            );
        Ok(Self { address, calls, serving })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first calls that were answered.
    pub fn served(&self) -> Vec<Served> {
        self.calls.served()
    }
}

/// Answers also when the code that should have answered panics. What it locked may be used further, as everywhere here.
async fn answer_anyway(request: Request, next: Next) -> Response {
    let mut answering = pin!(next.run(request));
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Problem::internal().into_response()))
    })
    .await
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
