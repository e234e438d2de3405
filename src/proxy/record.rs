//! What is taken note of: each event of a connection, with everything that is known of it. What becomes of it is the
//! metadata policy's to decide.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::disclosure::{Disclosed, Event, Gatekeeper, Observation, SessionId, Value};
use crate::downstream::starttls::{Failed as FailedStartTls, StartTlsError};
use crate::downstream::tls::Negotiated;
use crate::relay::{Failed, Failure, Outcome, PassedStanza, Side};
use crate::session::Summary;
use crate::socket;
use crate::stanza::Jid;
use crate::telemetry::metrics::{ConnectResult, EndReason, HandshakeResult, Label, LimitRefusal};
use crate::upstream::Provenance;

use super::configuration::Configuration;
use super::server::Server;

/// What is known of a connection before its stream.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) id: SessionId,
    /// What it is served by: what was in force when it was accepted.
    pub(super) configuration: Arc<Configuration>,
    /// The client, unless its address is absent: then it is a balancer that has not said it. Address limits and the order
    /// of the endpoints go by it in either case.
    pub(super) peer: SocketAddr,
    pub(super) provenance: Provenance,
    pub(super) accepted: Instant,
    /// The host that the client has named before TLS, as it is configured; `None` if it came by direct TLS.
    pub(super) named: Option<Box<str>>,
    /// As the client asked for it, in lower case.
    pub(super) server_name: Option<String>,
    /// From its acceptance to the end of its TLS handshake.
    pub(super) handshake: Duration,
    /// `None` if there is no TLS yet.
    pub(super) negotiated: Option<Negotiated>,
}

impl Connection {
    fn describe<'a>(&'a self, observation: &mut Observation<'a>) {
        observation.record(Value::SessionId(self.id));
        if self.provenance != Provenance::Absent {
            observation.record(Value::ClientAddress(self.peer.ip()));
            observation.record(Value::ClientPort(self.peer.port()));
        }
        if let Some(name) = &self.server_name {
            observation.record(Value::Sni(name));
        }
        if let Some(negotiated) = &self.negotiated {
            observation.record(Value::TlsVersion(negotiated.version));
            observation.record(Value::TlsCipher(negotiated.cipher));
            observation.record(Value::Alpn(if negotiated.alpn { socket::ALPN_NAME } else { "none" }));
        }
    }
}

/// A client's stream before TLS did not come to TLS; if it was refused, that is an event of its own.
pub(super) fn starttls(server: &Server, connection: &Connection, failed: &FailedStartTls) {
    let told = failed.told.map(|error| error.condition.name());
    if let Some(condition) = told {
        server.metrics.stream_error_sent(Side::Downstream, condition);
    }
    if let StartTlsError::Refused(refusal) = failed.error {
        server.metrics.gate_refused(Side::Downstream, refusal.kind.name());
    }
    let Some(kind) = failed.error.kind() else { return };
    server.metadata.observe(Event::Refusal, |observation| {
        connection.describe(observation);
        observation.record(Value::Side(Side::Downstream.name()));
        observation.record(Value::RefusalKind(kind));
        if let StartTlsError::Refused(refusal) = failed.error {
            observation.record(Value::RefusalOffset(refusal.offset));
            observation.record(Value::RefusalRule(refusal.kind.rule()));
        }
        if let Some(condition) = told {
            observation.record(Value::StreamError(condition));
        }
    });
}

/// A connection was turned away, or its TLS handshake ended; `result` is the word for it.
pub(super) fn connection(server: &Server, connection: &Connection, result: &'static str) {
    let took = connection.accepted.elapsed();
    server
        .metadata
        .observe(Event::Connection, |observation| describe_handshake(observation, connection, result, took));
}

/// What the gatekeeper may be told of a connection whose TLS handshake is completed.
pub(super) fn for_gatekeeper(server: &Server, connection: &Connection) -> Option<Disclosed<Gatekeeper>> {
    let (result, took) = (HandshakeResult::Completed.name(), connection.handshake);
    server.metadata.tell_gatekeeper(|observation| describe_handshake(observation, connection, result, took))
}

fn describe_handshake<'a>(
    observation: &mut Observation<'a>,
    connection: &'a Connection,
    result: &'static str,
    took: Duration,
) {
    connection.describe(observation);
    observation.record(Value::HandshakeResult(result));
    observation.record(Value::Duration(took));
}

/// An attempt to connect to the gatekeeper of `host` ended.
pub(super) fn upstream(
    server: &Server,
    connection: &Connection,
    host: &str,
    result: ConnectResult,
    took: Duration,
) {
    server.metadata.observe(Event::Upstream, |observation| {
        connection.describe(observation);
        observation.record(Value::Host(host));
        observation.record(Value::ConnectResult(result.name()));
        observation.record(Value::Duration(took));
    });
}

/// A stanza was passed on.
pub(super) fn stanza(
    server: &Server,
    connection: &Connection,
    host: &str,
    account: Option<&str>,
    stanza: &PassedStanza,
) {
    server.metadata.observe(Event::Stanza, |observation| {
        connection.describe(observation);
        observation.record(Value::Host(host));
        describe_account(observation, account);
        observation.record(Value::Side(stanza.side.name()));
        observation.record(Value::StanzaKind(stanza.kind));
        observation.record(Value::StanzaBytes(stanza.bytes));
        let optional = [
            stanza.type_.map(Value::StanzaType),
            stanza.id.as_deref().map(Value::StanzaId),
            stanza.from.as_deref().map(Value::From),
            stanza.to.as_deref().map(Value::To),
        ];
        optional.into_iter().flatten().for_each(|value| observation.record(value));
    });
}

/// A session has ended, and with it perhaps a stream was refused.
pub(super) fn session(server: &Server, connection: &Connection, summary: &Summary) {
    if let Some(failed) = summary.failure {
        if let Some(condition) = condition_sent(failed) {
            server.metrics.stream_error_sent(failed.side, condition);
        }
        if let Some(limit) = LimitRefusal::of(failed.failure) {
            server.metrics.limit_refused(limit);
        }
        if failed.failure.is_refusal() {
            refusal(server, connection, summary, failed);
        }
    }
    server.metadata.observe(Event::Session, |observation| {
        describe_session(observation, connection, summary);
        describe_relayed(observation, connection, summary);
        observation.record(Value::EndReason(end_reason(summary.outcome).name()));
    });
}

/// A stream was refused.
fn refusal(server: &Server, connection: &Connection, summary: &Summary, failed: Failed) {
    if let Failure::Refused(refusal) = failed.failure {
        server.metrics.gate_refused(failed.side, refusal.kind.name());
    }
    server.metadata.observe(Event::Refusal, |observation| {
        describe_session(observation, connection, summary);
        observation.record(Value::Side(failed.side.name()));
        observation.record(Value::RefusalKind(failed.failure.kind()));
        if let Failure::Refused(refusal) = failed.failure {
            observation.record(Value::RefusalOffset(refusal.offset));
            observation.record(Value::RefusalRule(refusal.kind.rule()));
        }
    });
}

/// Who it was, how they came, and what Vestibule told them in the end.
fn describe_session<'a>(observation: &mut Observation<'a>, connection: &'a Connection, summary: &'a Summary) {
    connection.describe(observation);
    if let Some(host) = &summary.host {
        observation.record(Value::Host(&host.name));
    }
    describe_account(observation, summary.account.as_deref());
    if let Some(condition) = summary.failure.and_then(condition_sent) {
        observation.record(Value::StreamError(condition));
    }
}

fn describe_account<'a>(observation: &mut Observation<'a>, account: Option<&'a str>) {
    if let Some(jid) = account.and_then(|account| Jid::parse(account).ok()) {
        observation.record(Value::Account(jid.bare()));
        if let Some(resource) = jid.resource() {
            observation.record(Value::Resource(resource));
        }
    }
}

/// How long it lasted, and how much was relayed.
fn describe_relayed(observation: &mut Observation<'_>, connection: &Connection, summary: &Summary) {
    let counters = &summary.counters;
    observation.record(Value::Duration(connection.accepted.elapsed()));
    observation.record(Value::BytesFromClient(counters.bytes.downstream));
    observation.record(Value::BytesFromGatekeeper(counters.bytes.upstream));
    observation.record(Value::StanzasFromClient(counters.stanzas.downstream));
    observation.record(Value::StanzasFromGatekeeper(counters.stanzas.upstream));
    observation.record(Value::Edits(counters.edits.iter().sum()));
    observation.record(Value::AuthenticationFailures(counters.authentication_failures));
    observation.record(Value::Throttled(counters.client_throttled()));
}

/// The condition of the stream error that was sent, if one was.
fn condition_sent(failed: Failed) -> Option<&'static str> {
    failed.told.then(|| failed.failure.stream_error().condition.name())
}

/// How a session ended, in the words of the metrics.
pub(super) fn end_reason(outcome: Outcome) -> EndReason {
    match outcome {
        Outcome::Closed(_) => EndReason::Closed,
        Outcome::Lost(Side::Downstream) => EndReason::ClientLost,
        Outcome::Lost(Side::Upstream) => EndReason::GatekeeperLost,
        Outcome::Cut => EndReason::Shutdown,
        Outcome::Failed(side, failure) => match failure {
            Failure::ConnectFailed => EndReason::Unreachable,
            Failure::HeaderTimeout => EndReason::HeaderTimeout,
            Failure::AuthenticationTimeout => EndReason::AuthenticationTimeout,
            Failure::Idle => EndReason::Idle,
            Failure::WriteStall => EndReason::WriteStall,
            Failure::NoMemory => EndReason::NoMemory,
            Failure::Shutdown => EndReason::Shutdown,
            Failure::BadEdit | Failure::Unreadable => EndReason::Internal,
            _ if side == Side::Downstream => EndReason::ClientRefused,
            _ => EndReason::GatekeeperRefused,
        },
    }
}
