//! One of the sandbox's HTTP interfaces, over TLS, until it is dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, header};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::Problem;
use crate::http_server::{self, Bounds};

/// Clients keep their connections.
const BOUNDS: Bounds = Bounds { connections: 1024, connection_time: Duration::from_secs(600) };
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a request's body, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// A running HTTP server. Dropping it ends it, with its connections.
pub struct Server {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Server {
    /// Serves in a task of the current runtime. What the router does not know is answered by a problem document.
    pub fn start(listener: TcpListener, tls: Arc<ServerConfig>, router: Router) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(tls);
        let open = move |stream| {
            let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
            async { handshake.await.ok()?.ok() }
        };
        let router = router
            .fallback(async || Problem::not_found())
            .method_not_allowed_fallback(async || Problem::method_not_allowed())
            .layer(DefaultBodyLimit::max(LARGEST_BODY));
        let serving =
            tokio::spawn(
                async move { match http_server::serve(listener, router, BOUNDS, open, |_| ()).await {} },
            );
        Ok(Self { address, serving })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The token of `Authorization: Bearer` (RFC 6750, section 2.1).
pub fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) =
        value.and_then(|value| value.split_once(' ')).ok_or_else(Problem::no_credentials)?;
    if scheme.eq_ignore_ascii_case("Bearer") { Ok(token.trim()) } else { Err(Problem::no_credentials()) }
}
