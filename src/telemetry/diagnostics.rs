//! The process's own log: the only place that calls `tracing`.
//!
//! A [`Diagnostic`] is one of a closed list and holds words from closed lists, numbers of our own, configured addresses
//! and a session's random id: nothing that a peer chose can be put into one. Who sets up a subscriber should let only
//! [`TARGET`] through: what libraries log is not held to this.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;

use tracing::{debug, error, info, warn};

use super::audit_log::Head;
use super::metrics::{ConnectResult, ConnectionRefusal, EndReason, HandshakeResult, Label, LogName};
use crate::content_types::ContentClass;
use crate::disclosure::SessionId;
use crate::relay::Side;

/// The target of every line.
pub const TARGET: &str = "vestibule";

/// Something to tell whoever runs the process.
#[derive(Clone, Copy, Debug)]
pub enum Diagnostic<'a> {
    Starting,
    /// Clients can connect to this address of ours.
    Listening {
        address: SocketAddr,
    },
    /// The admin server answers at this address of ours.
    AdminListening {
        address: SocketAddr,
    },
    Draining,
    Stopped,
    /// The system gives us no connection, for instance because no file descriptors are left; told when it begins.
    AcceptFailed {
        errno: Option<i32>,
    },
    /// A log cannot be written, and its lines are being lost; told when it begins.
    LogFailed {
        log: LogName,
        kind: ErrorKind,
    },
    /// A log's lines come faster than they are written, and some are being lost; told when it begins.
    LogQueueFull {
        log: LogName,
    },
    /// A log is written again; `lost` lines are missing in it.
    LogResumed {
        log: LogName,
        lost: u64,
    },
    /// What has reached its retention could not be deleted; told when it begins.
    LogNotDeleted {
        log: LogName,
        kind: ErrorKind,
    },
    /// A record of the audit log is on the disk. Whatever keeps this line anchors the record's chain.
    AuditRecord {
        head: Head,
    },
    ConnectionRefused {
        reason: ConnectionRefusal,
    },
    HandshakeFailed {
        result: HandshakeResult,
    },
    /// The gatekeeper was not reached.
    ConnectFailed {
        session: SessionId,
        result: ConnectResult,
    },
    /// A stream was refused; `kind` is the refusal's name from its module's closed list, `rule` where the rule stands if
    /// it is one of the gate's.
    StreamRefused {
        session: SessionId,
        side: Side,
        kind: &'static str,
        rule: Option<&'static str>,
    },
    SessionEnded {
        session: SessionId,
        reason: EndReason,
    },
    /// The gatekeeper keeps sending clients of this configured host what they were not said to receive; told seldom.
    UnadvertisedContent {
        host: &'a str,
        class: ContentClass,
        /// How many since it was told last, or since the start.
        contents: u32,
    },
}

impl Diagnostic<'_> {
    /// Writes the line. What happens for each connection is told at the level `debug`.
    pub fn report(self) {
        match self {
            Self::Starting => info!(target: TARGET, version = env!("CARGO_PKG_VERSION"), "starting"),
            Self::Listening { address } => info!(target: TARGET, %address, "listening"),
            Self::AdminListening { address } => info!(target: TARGET, %address, "admin server listening"),
            Self::Draining => info!(target: TARGET, "draining"),
            Self::Stopped => info!(target: TARGET, "stopped"),
            Self::AcceptFailed { errno } => {
                let error = errno.map(std::io::Error::from_raw_os_error);
                warn!(target: TARGET, error = error.map(tracing::field::display), "cannot accept connections");
            }
            Self::LogFailed { log, kind } => {
                error!(target: TARGET, log = log.name(), %kind, "cannot write the log");
            }
            Self::LogQueueFull { log } => warn!(target: TARGET, log = log.name(), "losing lines of the log"),
            Self::LogResumed { log, lost } => {
                warn!(target: TARGET, log = log.name(), lost, "writing the log again");
            }
            Self::LogNotDeleted { log, kind } => {
                error!(target: TARGET, log = log.name(), %kind, "cannot delete what has reached its retention");
            }
            Self::AuditRecord { head } => {
                info!(target: TARGET, sequence = head.sequence, hash = %head.hexadecimal(), "audit record");
            }
            Self::ConnectionRefused { reason } => {
                debug!(target: TARGET, reason = reason.name(), "connection refused");
            }
            Self::HandshakeFailed { result } => {
                debug!(target: TARGET, result = result.name(), "TLS handshake failed");
            }
            Self::ConnectFailed { session, result } => {
                let session = Hex(session);
                debug!(target: TARGET, %session, result = result.name(), "gatekeeper not reached");
            }
            Self::StreamRefused { session, side, kind, rule } => {
                let session = Hex(session);
                debug!(target: TARGET, %session, side = side.name(), kind, rule, "stream refused");
            }
            Self::SessionEnded { session, reason } => {
                let session = Hex(session);
                debug!(target: TARGET, %session, reason = reason.name(), "session ended");
            }
            Self::UnadvertisedContent { host, class, contents } => {
                let class = class.name();
                warn!(target: TARGET, host, class, contents, "the gatekeeper sends what was not advertised");
            }
        }
    }
}

/// A session's id as this log shows it. Other sinks show ids derived from it with keys, so lines cannot be joined.
struct Hex(SessionId);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(*self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[test]
    fn a_line_has_the_target_its_words_and_the_session() {
        let session = SessionId::new([0xab; 16]);
        let (side, kind, rule) = (Side::Downstream, "comment", Some("RFC 6120, 11.1"));
        let text = logged(Diagnostic::StreamRefused { session, side, kind, rule });
        let expected = format!(
            "vestibule: stream refused session={} side=\"downstream\" kind=\"{kind}\" rule=\"RFC 6120, 11.1\"\n",
            "ab".repeat(16)
        );
        assert!(text.ends_with(&expected), "{text}");
    }

    #[test]
    fn what_happens_for_each_connection_is_told_at_debug_only() {
        let session = SessionId::new([1; 16]);
        for diagnostic in [
            Diagnostic::ConnectionRefused { reason: ConnectionRefusal::Capacity },
            Diagnostic::HandshakeFailed { result: HandshakeResult::Failed },
            Diagnostic::ConnectFailed { session, result: ConnectResult::Tls },
            Diagnostic::StreamRefused { session, side: Side::Upstream, kind: "any", rule: None },
            Diagnostic::SessionEnded { session, reason: EndReason::Closed },
        ] {
            let text = logged(diagnostic);
            assert!(text.contains(" DEBUG vestibule: "), "{text}");
        }
    }

    #[test]
    fn what_an_operator_must_act_on_is_told_as_a_warning_or_an_error() {
        let kind = ErrorKind::StorageFull;
        let accept = logged(Diagnostic::AcceptFailed { errno: Some(24) });
        assert!(accept.contains(" WARN vestibule: ") && accept.contains("Too many open files"), "{accept}");
        let log = LogName::Access;
        let failed = logged(Diagnostic::LogFailed { log, kind });
        assert!(failed.contains("ERROR vestibule: ") && failed.contains("log=\"access\""), "{failed}");
        assert!(logged(Diagnostic::LogNotDeleted { log, kind }).contains("ERROR vestibule: "));
        assert!(logged(Diagnostic::LogQueueFull { log }).contains(" WARN vestibule: "));
        assert!(logged(Diagnostic::LogResumed { log, lost: 7 }).ends_with(" lost=7\n"));
        let (host, class) = ("gatekeeper.example", ContentClass::VoiceCall);
        let drift = logged(Diagnostic::UnadvertisedContent { host, class, contents: 12 });
        let expected = "host=\"gatekeeper.example\" class=\"voice-call\" contents=12\n";
        assert!(drift.contains(" WARN vestibule: ") && drift.ends_with(expected), "{drift}");
    }

    #[test]
    fn a_record_of_the_audit_log_is_anchored_at_the_level_that_is_told_by_default() {
        let text = logged(Diagnostic::AuditRecord { head: Head { sequence: 12, hash: [0xab; 32] } });
        let expected = format!("INFO vestibule: audit record sequence=12 hash={}\n", "ab".repeat(32));
        assert!(text.ends_with(&expected), "{text}");
    }

    /// What one diagnostic writes at the most verbose level.
    fn logged(diagnostic: Diagnostic<'_>) -> String {
        let output = Output::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(output.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || diagnostic.report());
        String::from_utf8(output.0.lock().unwrap().clone()).unwrap()
    }

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Output {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }
}
