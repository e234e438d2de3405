//! The way of one connection: permit, TLS, session, and what is written down of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::disclosure::{Event, Field, SessionId};
use crate::downstream::ConnectionPermit;
use crate::downstream::tls::{ClientStream, HandshakeError, Negotiated};
use crate::relay::{ContentCounts, Counters, Host, Opening, Outcome, Relay};
use crate::session::{Connecting, Session, Surroundings};
use crate::socket;
use crate::telemetry::Diagnostic;
use crate::telemetry::metrics::{ConnectResult, ConnectionRefusal, HandshakeResult, SessionMetrics};
use crate::upstream::ConnectError;
use crate::upstream::tls::GatekeeperStream;

use super::record::{self, Connection};
use super::server::{self, Server};

/// Serves a connection on the current runtime, if there may be one more.
pub(super) fn spawn(server: &Arc<Server>, stream: TcpStream, peer: SocketAddr) {
    match server.connections.permit() {
        Some(permit) => {
            tokio::spawn(serve(Arc::clone(server), stream, peer, permit));
        }
        None => {
            let reason = ConnectionRefusal::Capacity;
            server.metrics.connection_refused(reason);
            Diagnostic::ConnectionRefused { reason }.report();
        }
    }
}

async fn serve(server: Arc<Server>, stream: TcpStream, peer: SocketAddr, _permit: ConnectionPermit) {
    let _open = server.metrics.connection_accepted();
    let accepted = Instant::now();
    // The handshake's state is large: it is gone before the session is driven.
    let handshake = Box::pin(async {
        tokio::select! {
            established = handshake(&server, stream) => established,
            () = server.stop.stopped() => None,
        }
    });
    let Some(downstream) = handshake.await else { return };
    // Without randomness there are no ids, and TLS would not have come this far.
    let Ok(id) = server::random() else { return };
    let negotiated = Negotiated::of(&downstream);
    let connection = Connection { id: SessionId::new(id), peer, accepted, negotiated };
    let Some(session) = open(&server, &connection, downstream) else { return };
    let summary = session.await;
    record::session(&server, &connection, &summary);
}

/// TLS with the client, within its time.
async fn handshake(server: &Server, stream: TcpStream) -> Option<ClientStream> {
    let began = Instant::now();
    let accept = async {
        socket::prepare(&stream).map_err(|_| HandshakeError::Lost)?;
        server.acceptor.accept(stream).await
    };
    let accepted = timeout(server.limits.timeouts.tls_handshake, accept).await;
    let result = match &accepted {
        Err(_) => HandshakeResult::Timeout,
        Ok(Ok(_)) => HandshakeResult::Completed,
        Ok(Err(HandshakeError::UnknownName)) => HandshakeResult::UnknownName,
        Ok(Err(HandshakeError::Failed)) => HandshakeResult::Failed,
        Ok(Err(HandshakeError::Lost)) => HandshakeResult::Lost,
    };
    server.metrics.tls_handshake(result, began.elapsed());
    if result != HandshakeResult::Completed {
        Diagnostic::HandshakeFailed { result }.report();
    }
    accepted.ok()?.ok()
}

/// The session of a client whose TLS is established.
fn open(
    server: &Arc<Server>,
    connection: &Connection,
    downstream: ClientStream,
) -> Option<Session<ClientStream, GatekeeperStream, Gate>> {
    let wants = |field| Event::ALL.into_iter().any(|event| server.interest.wants(event, field));
    let stream_id = u128::from_be_bytes(server::random().ok()?);
    let opening = Opening {
        hosts: server.hosts(connection.negotiated.server_name.as_deref()),
        vocabulary: Arc::clone(&server.vocabulary),
        limits: Arc::clone(&server.limits),
        server_name: connection.negotiated.server_name.as_deref().map(Box::from),
        budget: Arc::clone(&server.budget),
        stream_id,
        learn_account: wants(Field::Account) || wants(Field::Resource),
        accepted: connection.accepted,
    };
    let gate = Gate { server: Arc::clone(server), id: connection.id, host: None, metrics: None };
    let relay = Relay::new(opening, Instant::now());
    Some(Session::new(relay, downstream, gate, Arc::clone(&server.stop)))
}

/// A session's surroundings: its gatekeeper, and its metrics once its host is known.
struct Gate {
    server: Arc<Server>,
    id: SessionId,
    /// The host's name, once it is known.
    host: Option<Box<str>>,
    metrics: Option<SessionMetrics>,
}

impl Surroundings<GatekeeperStream> for Gate {
    fn connect(&mut self, host: &Host) -> Connecting<GatekeeperStream> {
        self.host = Some(host.name.as_str().into());
        self.metrics = self.server.metrics.session(&host.name);
        let connects = self.metrics.as_ref().map(SessionMetrics::connects);
        let gatekeeper = self.server.gatekeeper(&host.name);
        let session = self.id;
        Box::pin(async move {
            let began = Instant::now();
            let connected = match gatekeeper {
                Some(gatekeeper) => gatekeeper.connect().await,
                None => Err(ConnectError::Resolution),
            };
            let result = match &connected {
                Ok(_) => ConnectResult::Completed,
                Err(error) => ConnectResult::from(*error),
            };
            if let Some(connects) = connects {
                connects.count(result, began.elapsed());
            }
            if result != ConnectResult::Completed {
                Diagnostic::ConnectFailed { session, result }.report();
            }
            connected.ok()
        })
    }

    fn observe(&mut self, counters: &Counters, content: Option<&ContentCounts>) {
        let Some(metrics) = &mut self.metrics else { return };
        metrics.observe(counters);
        if let (Some(content), Some(host)) = (content, &self.host) {
            for (class, contents) in metrics.observe_content(content) {
                Diagnostic::UnadvertisedContent { host, class, contents }.report();
            }
        }
    }

    fn ended(&mut self, outcome: Outcome) {
        if let Some(metrics) = &mut self.metrics {
            metrics.end(record::end_reason(outcome));
        }
    }
}
