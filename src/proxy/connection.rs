//! The way of one connection: permit, TLS, session, and what is written down of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::disclosure::SessionId;
use crate::downstream::ConnectionPermit;
use crate::downstream::tls::{ClientStream, HandshakeError, Negotiated};
use crate::relay::{ContentCounts, Counters, Host, Learn, Opening, Outcome, PassedStanza, Relay};
use crate::session::{Connecting, Session, Surroundings};
use crate::socket;
use crate::telemetry::Diagnostic;
use crate::telemetry::metrics::{ConnectResult, ConnectionRefusal, HandshakeResult, Label, SessionMetrics};
use crate::upstream::ConnectError;
use crate::upstream::tls::GatekeeperStream;

use super::record::{self, Connection};
use super::server::{self, Server};

/// Serves a connection on the current runtime, if there may be one more.
pub(super) fn spawn(server: &Arc<Server>, stream: TcpStream, peer: SocketAddr) {
    // Without randomness there are no ids, and no TLS either.
    let Ok(id) = server::random() else { return };
    let connection = Connection {
        id: SessionId::new(id),
        peer,
        accepted: Instant::now(),
        server_name: None,
        negotiated: None,
    };
    match server.connections.permit() {
        Some(permit) => {
            tokio::spawn(serve(Arc::clone(server), stream, connection, permit));
        }
        None => {
            let reason = ConnectionRefusal::Capacity;
            server.metrics.connection_refused(reason);
            record::connection(server, &connection, reason.name());
        }
    }
}

async fn serve(
    server: Arc<Server>,
    stream: TcpStream,
    mut connection: Connection,
    _permit: ConnectionPermit,
) {
    let _open = server.metrics.connection_accepted();
    // The handshake's state is large: it is gone before the session is driven.
    let handshake = Box::pin(async {
        tokio::select! {
            established = handshake(&server, stream, &mut connection) => established,
            () = server.stop.stopped() => None,
        }
    });
    let Some(downstream) = handshake.await else { return };
    let connection = Arc::new(connection);
    let Some(session) = open(&server, &connection, downstream) else { return };
    let summary = session.await;
    record::session(&server, &connection, &summary);
}

/// TLS with the client, within its time.
async fn handshake(server: &Server, stream: TcpStream, connection: &mut Connection) -> Option<ClientStream> {
    let began = Instant::now();
    let server_name = &mut connection.server_name;
    let accept = async {
        socket::prepare(&stream).map_err(|_| HandshakeError::Lost)?;
        server.acceptor.accept(stream, |name| *server_name = Some(name.to_owned())).await
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
    let established = accepted.ok().and_then(Result::ok);
    connection.negotiated = established.as_ref().map(Negotiated::of);
    record::connection(server, connection, result.name());
    established
}

/// The session of a client whose TLS is established.
fn open(
    server: &Arc<Server>,
    connection: &Arc<Connection>,
    downstream: ClientStream,
) -> Option<Session<ClientStream, GatekeeperStream, Gate>> {
    let stream_id = u128::from_be_bytes(server::random().ok()?);
    let server_name = connection.server_name.as_deref();
    let opening = Opening {
        hosts: server.hosts(server_name),
        vocabulary: Arc::clone(&server.vocabulary),
        limits: Arc::clone(&server.limits),
        server_name: server_name.map(Box::from),
        budget: Arc::clone(&server.budget),
        stream_id,
        learn: server.metadata.learn(),
        accepted: connection.accepted,
    };
    let gate =
        Gate { server: Arc::clone(server), connection: Arc::clone(connection), host: None, metrics: None };
    let relay = Relay::new(opening, Instant::now());
    Some(Session::new(relay, downstream, gate, Arc::clone(&server.stop)))
}

/// A session's surroundings: its gatekeeper, its metrics once its host is known, and the metadata policy.
struct Gate {
    server: Arc<Server>,
    connection: Arc<Connection>,
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
        let (server, connection) = (Arc::clone(&self.server), Arc::clone(&self.connection));
        let host: Box<str> = host.name.as_str().into();
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
            let took = began.elapsed();
            if let Some(connects) = connects {
                connects.count(result, took);
            }
            record::upstream(&server, &connection, &host, result, took);
            connected.ok()
        })
    }

    fn learns(&self) -> Learn {
        self.server.metadata.learn()
    }

    fn passed(&mut self, stanzas: Vec<PassedStanza>, host: &Host, account: Option<&str>) {
        for stanza in &stanzas {
            record::stanza(&self.server, &self.connection, &host.name, account, stanza);
        }
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
