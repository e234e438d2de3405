//! Serving HTTP/1.1 within bounds: connections at a time, their time, and the heads of requests. What is served is a
//! router's part.

mod connections;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time;

use connections::{Activity, Connections, Observed};

/// For the head of a request, from its connection's start or the previous response on.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// For the head of a request, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Before trying to accept again when the system had no connection to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How much a server lets itself be used.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at a time. One more takes the place of the one that has been quiet for longest; where all have a request
    /// at work, it waits.
    pub connections: usize,
    /// For a connection, however many requests it carries: a client that does not read its response ends by this.
    pub connection_time: Duration,
}

/// Serves every connection that the listener has, until it is dropped, which drops the connections.
///
/// `open` makes of a TCP connection what requests are read from, or `None` if nothing can be; it is a part of the
/// connection's time. `failed` is told why a connection could not be accepted.
pub async fn serve<S, F>(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    open: impl Fn(TcpStream) -> F,
    mut failed: impl FnMut(&io::Error),
) -> Infallible
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Option<S>> + Send + 'static,
{
    let mut connections = Connections::new(bounds.connections);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let permit = connections.make_room().await;
                let activity = connections.activity();
                let served = serve_connection(open(stream), router.clone(), Arc::clone(&activity));
                connections.add(activity, async move {
                    let _permit = permit;
                    // However a connection ends, there is nobody to tell.
                    let _ = time::timeout(bounds.connection_time, served).await;
                });
            }
            Err(error) => {
                failed(&error);
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection<S>(
    opened: impl Future<Output = Option<S>>,
    router: Router,
    activity: Arc<Activity>,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(stream) = opened.await else { return Ok(()) };
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request| {
        let (answer, activity) = (router.call(request), Arc::clone(&activity));
        async move {
            // From when it is asked for: hyper takes the next request while its client reads nothing of the last answer.
            let _work = activity.work();
            answer.await
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(Observed { stream, activity: Arc::clone(&activity) }), service)
        .await
}
