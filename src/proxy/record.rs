//! What is written down of a session: metrics as it goes, one observation when it ends.

use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use crate::disclosure::{Event, Observation, SessionId, Value};
use crate::downstream::tls::Negotiated;
use crate::relay::{Failure, Outcome, Side};
use crate::session::Summary;
use crate::stanza::Jid;
use crate::telemetry::Diagnostic;
use crate::telemetry::metrics::{EndReason, Label};

use super::server::Server;

/// What is known of a connection before its stream.
pub(super) struct Connection {
    pub(super) id: SessionId,
    pub(super) peer: SocketAddr,
    pub(super) accepted: Instant,
    pub(super) negotiated: Negotiated,
}

/// Writes down that a session has ended, as far as the policy allows.
pub(super) fn session(server: &Server, connection: &Connection, summary: &Summary) {
    let reason = end_reason(summary.outcome);
    Diagnostic::SessionEnded { session: connection.id, reason }.report();
    if let Some(mut observation) = server.interest.observe(Event::Session, SystemTime::now()) {
        describe(&mut observation, connection, summary);
        describe_relayed(&mut observation, connection, summary);
        observation.record(Value::EndReason(reason.name()));
        server.disclose(&observation);
    }
    if let Some(failed) = summary.failure {
        if failed.told {
            let condition = failed.failure.stream_error().condition;
            server.metrics.stream_error_sent(failed.side, condition.name());
        }
        if failed.failure.is_refusal() {
            refusal(server, connection, summary, failed.side, failed.failure);
        }
    }
}

/// Writes down that a stream was refused.
fn refusal(server: &Server, connection: &Connection, summary: &Summary, side: Side, failure: Failure) {
    if let Failure::Refused(refusal) = failure {
        server.metrics.gate_refused(side, refusal.kind.name());
    }
    let (session, kind, rule) = (connection.id, failure.kind(), failure.rule());
    Diagnostic::StreamRefused { session, side, kind, rule }.report();
    if let Some(mut observation) = server.interest.observe(Event::Refusal, SystemTime::now()) {
        describe(&mut observation, connection, summary);
        observation.record(Value::Side(side.name()));
        observation.record(Value::RefusalKind(failure.kind()));
        if let Failure::Refused(refusal) = failure {
            observation.record(Value::RefusalOffset(refusal.offset));
            observation.record(Value::RefusalRule(refusal.kind.rule()));
        }
        server.disclose(&observation);
    }
}

/// Who it was, and how they came.
fn describe<'a>(observation: &mut Observation<'a>, connection: &'a Connection, summary: &'a Summary) {
    observation.record(Value::SessionId(connection.id));
    observation.record(Value::ClientAddress(connection.peer.ip()));
    observation.record(Value::ClientPort(connection.peer.port()));
    observation.record(Value::TlsVersion(connection.negotiated.version));
    observation.record(Value::TlsCipher(connection.negotiated.cipher));
    if let Some(name) = &connection.negotiated.server_name {
        observation.record(Value::Sni(name));
    }
    if let Some(host) = &summary.host {
        observation.record(Value::Host(&host.name));
    }
    if let Some(jid) = summary.account.as_deref().and_then(|account| Jid::parse(account).ok()) {
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
