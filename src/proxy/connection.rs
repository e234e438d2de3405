//! The way of one connection: permit, PROXY header, limits of its address, STARTTLS, TLS, session, and what is written down of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout_at;

use crate::disclosure::{Disclosed, Gatekeeper, SessionId};
use crate::downstream::tls::{ClientStream, HandshakeError, Negotiated};
use crate::downstream::{ConnectionPermit, Entry, TlsBegin};
use crate::limit::AddressPermit;
use crate::relay::{ContentCounts, Counters, Host, Learn, Opening, Outcome, PassedStanza, Relay};
use crate::session::{Connecting, Session, Surroundings};
use crate::socket;
use crate::telemetry::Diagnostic;
use crate::telemetry::metrics::{
    ConnectResult, ConnectionRefusal, HandshakeKind, HandshakeResult, Label, SessionMetrics, TlsVersion,
};
use crate::upstream::tls::GatekeeperStream;
use crate::upstream::{Answered, ConnectError, ConnectRequest, Connected, Provenance};

use super::addresses;
use super::configuration::{Behind, Configuration};
use super::introduction;
use super::record::{self, Connection};
use super::server::{self, Server};
use super::starttls;

/// Serves a connection on the current runtime, if there may be one more. Behind a balancer it has to be from there.
pub(super) fn spawn(server: &Arc<Server>, stream: TcpStream, peer: SocketAddr, entry: &Entry) {
    // Without randomness there are no ids, and no TLS either.
    let Ok(id) = server::random() else { return };
    let untrusted = entry.proxies.as_ref().is_some_and(|proxies| !proxies.contains(peer.ip()));
    let introduced = entry.proxies.is_some() && !untrusted;
    let connection = Connection {
        id: SessionId::new(id),
        configuration: server.configuration(),
        peer,
        provenance: if introduced { Provenance::Absent } else { Provenance::Observed },
        accepted: Instant::now(),
        named: None,
        server_name: None,
        handshake: Duration::ZERO,
        negotiated: None,
    };
    match server.connections.permit() {
        None => refuse(server, &connection, ConnectionRefusal::Capacity),
        Some(_) if untrusted => refuse(server, &connection, ConnectionRefusal::UntrustedProxy),
        Some(permit) => {
            // Whoever is over the limits of its address costs no task, where the address is known already.
            let address = if introduced { None } else { addresses::admit(server, &connection) };
            if introduced || address.is_some() {
                tokio::spawn(serve(Arc::clone(server), stream, connection, entry.tls, permit, address));
            }
        }
    }
}

/// Takes note of a connection that is closed before TLS, of as many as there is room for in the logs.
pub(super) fn refuse(server: &Server, connection: &Connection, reason: ConnectionRefusal) {
    server.metrics.connection_refused(reason);
    if server.refusals.admits(connection.accepted) {
        record::connection(server, connection, reason.name());
    }
}

async fn serve(
    server: Arc<Server>,
    mut stream: TcpStream,
    mut connection: Connection,
    tls: TlsBegin,
    _permit: ConnectionPermit,
    address: Option<AddressPermit>,
) {
    let _open = server.metrics.connection_opened();
    // The handshake's state is large: it is gone before the session is driven.
    let handshake = Box::pin(async {
        let establish = async {
            let address = match address {
                Some(address) => address,
                None => {
                    introduction::read(&server, &mut stream, &mut connection).await?;
                    addresses::admit(&server, &connection)?
                }
            };
            server.metrics.connection_accepted();
            Some((address, handshake(&server, stream, &mut connection, tls).await?))
        };
        tokio::select! {
            established = establish => established,
            () = server.stop.stopped() => None,
        }
    });
    let Some((address, downstream)) = handshake.await else { return };
    let connection = Arc::new(connection);
    let Some(session) = open(&server, &connection, address, downstream) else { return };
    let summary = session.await;
    record::session(&server, &connection, &summary);
}

/// TLS with the client, and STARTTLS before it where the listener has that.
async fn handshake(
    server: &Server,
    stream: TcpStream,
    connection: &mut Connection,
    tls: TlsBegin,
) -> Option<ClientStream> {
    let began = Instant::now();
    let established = establish(server, stream, connection, tls).await;
    let result = established.as_ref().err().copied().unwrap_or(HandshakeResult::Completed);
    server.metrics.tls_handshake(result, began.elapsed());
    let established = established.ok();
    connection.handshake = connection.accepted.elapsed();
    connection.negotiated = established.as_ref().map(Negotiated::of);
    if let Some(negotiated) = &connection.negotiated {
        count_negotiated(server, negotiated);
    }
    record::connection(server, connection, result.name());
    established
}

fn count_negotiated(server: &Server, negotiated: &Negotiated) {
    let kind = if negotiated.resumed { HandshakeKind::Resumed } else { HandshakeKind::Full };
    if let Some(version) = TlsVersion::named(negotiated.version) {
        server.metrics.tls_negotiated(version, kind);
    }
}

/// Each step has its time, and none lasts longer than the client has for authentication.
async fn establish(
    server: &Server,
    mut stream: TcpStream,
    connection: &mut Connection,
    tls: TlsBegin,
) -> Result<ClientStream, HandshakeResult> {
    socket::prepare(&stream, connection.configuration.peer_timeout).map_err(|_| HandshakeResult::Lost)?;
    if tls == TlsBegin::StartTls {
        connection.named = Some(starttls::negotiate(server, &mut stream, connection).await?);
    }
    let Configuration { acceptor, limits, .. } = &*connection.configuration;
    let timeouts = &limits.timeouts;
    let deadline =
        (Instant::now() + timeouts.tls_handshake).min(connection.accepted + timeouts.authentication);
    let server_name = &mut connection.server_name;
    let named = |name: &str| *server_name = Some(name.to_owned());
    let accept = acceptor.accept(stream, connection.named.as_deref(), named);
    let accepted = timeout_at(deadline.into(), accept).await.map_err(|_| HandshakeResult::Timeout)?;
    accepted.map_err(|error| match error {
        HandshakeError::UnknownName => HandshakeResult::UnknownName,
        HandshakeError::Failed => HandshakeResult::Failed,
        HandshakeError::Lost => HandshakeResult::Lost,
    })
}

/// The session of a client whose TLS is established.
fn open(
    server: &Arc<Server>,
    connection: &Arc<Connection>,
    address: AddressPermit,
    downstream: ClientStream,
) -> Option<Session<ClientStream, Answered<GatekeeperStream>, Gate>> {
    let stream_id = u128::from_be_bytes(server::random().ok()?);
    let server_name = connection.server_name.as_deref();
    let configuration = &connection.configuration;
    let opening = Opening {
        hosts: configuration.hosts(server_name),
        vocabulary: Arc::clone(&configuration.vocabulary),
        limits: Arc::clone(&configuration.limits),
        named: connection.named.clone(),
        server_name: server_name.map(Box::from),
        budget: Arc::clone(&server.budget),
        address,
        accounts: Arc::clone(&server.accounts),
        stream_id,
        learn: server.metadata.learn(),
        accepted: connection.accepted,
    };
    let gate = Gate {
        server: Arc::clone(server),
        connection: Arc::clone(connection),
        host: None,
        metrics: None,
        told: None,
    };
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
    /// What the gatekeeper may be told of the connection.
    told: Option<Disclosed<Gatekeeper>>,
}

impl Surroundings<Answered<GatekeeperStream>> for Gate {
    fn signals(&mut self, host: &Host) -> Option<Box<[u8]>> {
        let gatekeeper = &self.connection.configuration.behind(&host.name)?.gatekeeper;
        self.told = record::for_gatekeeper(&self.server, &self.connection);
        gatekeeper.signals().element(self.told.as_ref(), self.connection.provenance)
    }

    fn connect(&mut self, host: &Host) -> Connecting<Answered<GatekeeperStream>> {
        self.host = Some(host.name.as_str().into());
        let behind = self.connection.configuration.behind(&host.name).cloned();
        self.metrics = behind.as_ref().map(|behind| behind.metrics.session());
        let connects = self.metrics.as_ref().map(SessionMetrics::connects);
        let told = self.told.take();
        let (server, connection) = (Arc::clone(&self.server), Arc::clone(&self.connection));
        let host: Box<str> = host.name.as_str().into();
        let client = connection.peer.ip();
        Box::pin(async move {
            let began = Instant::now();
            let connected = match behind {
                Some(Behind { gatekeeper, .. }) => {
                    let header = gatekeeper.signals().header(told.as_ref());
                    gatekeeper
                        .connect(ConnectRequest {
                            client,
                            host: &host,
                            header: &header,
                            vocabulary: &connection.configuration.vocabulary,
                        })
                        .await
                }
                None => Err(ConnectError::Resolution),
            };
            let took = began.elapsed();
            let note = move |result| {
                if let Some(connects) = connects {
                    connects.count(result, took);
                }
                record::upstream(&server, &connection, &host, result, took);
            };
            match connected {
                Ok(Connected { stream, attempt }) => Some(Answered::new(stream, move |answer| {
                    // Who has left before the gatekeeper's answer was connected.
                    note(answer.and_then(Result::err).map_or(ConnectResult::Completed, ConnectResult::from));
                    match answer {
                        Some(answer) => attempt.end(answer),
                        None => attempt.give_back(),
                    }
                })),
                Err(error) => {
                    note(ConnectResult::from(error));
                    None
                }
            }
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
