//! Accepts clients' connections: a PROXY header if there is to be one, TLS, and then the stream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Shared;
use super::proxy_header::ProxyHeader;
use super::session::Session;
use crate::downstream::proxy_header as read;
use crate::sandbox::connection::Connection;

/// Connections served at the same time; sessions that wait for one are not among them. More wait in the listener's queue.
const CONNECTIONS: usize = 4096;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the whole of a PROXY header, which a proxy sends at once.
const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long nothing is accepted after that has failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the gatekeeper closes, and waits until all sessions have ended. When the task is aborted, so are the
/// sessions: they belong to its set.
pub(super) async fn serve_all(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    shared.closing.or(accept_connections(listener, acceptor, &shared, &mut sessions)).await;
    while sessions.join_next().await.is_some() {}
}

async fn accept_connections(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shared: &Arc<Shared>,
    sessions: &mut JoinSet<()>,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(permit) = permits.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let session = serve(stream, peer, acceptor.clone(), shared.clone(), permit);
                sessions.spawn(session);
            }
            // Most often there are no file descriptors left, and some will be free again.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while sessions.try_join_next().is_some() {}
    }
}

/// One connection: the PROXY header if there is to be one, TLS, and the stream.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    permit: OwnedSemaphorePermit,
) {
    // A peer that sends no good header or fails the handshake has no stream to be told of an error.
    let accepted = shared.closing.or(accept_tls(stream, &acceptor, shared.proxy_protocol)).await;
    let Some((stream, proxy)) = accepted.flatten() else { return };
    let connection = Connection::new(stream);
    let connection = if shared.transcripts { connection } else { connection.without_transcripts() };
    let mut session = Session::new(connection, peer, proxy, shared.clone());
    let (ending, resumable) = session.run().await;
    let farewell = async {
        session.end(ending).await;
        // A session that waits without a connection takes no connection's place.
        drop(permit);
    };
    // It can be claimed already while a client that does not read is said farewell.
    tokio::join!(farewell, async {
        if let Some(resumable) = resumable {
            shared.closing.or(resumable.wait()).await;
        }
    });
}

async fn accept_tls(
    mut stream: TcpStream,
    acceptor: &TlsAcceptor,
    proxy_protocol: bool,
) -> Option<(TlsStream<TcpStream>, Option<ProxyHeader>)> {
    // A stanza is written at once, and what is asked behind it must not wait for its acknowledgement.
    stream.set_nodelay(true).ok()?;
    let proxy = if proxy_protocol {
        let header = tokio::time::timeout(PROXY_HEADER_TIMEOUT, read::ProxyHeader::read(&mut stream));
        Some(header.await.ok()?.ok()?.into())
    } else {
        None
    };
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
    Some((handshake.await.ok()?.ok()?, proxy))
}
