//! The process's own log: the only place that calls `tracing`.
//!
//! A [`Diagnostic`] is one of a closed list and holds words from closed lists, numbers of our own and configured
//! addresses. What is about a connection or a session comes as a [`Disclosed`] of the sink `diagnostics` only. Who sets up a subscriber should let only
//! [`TARGET`] through: what libraries log is not held to this.

use std::io::ErrorKind;
use std::net::SocketAddr;

use tracing::{debug, error, info, warn};

use super::audit_log::Head;
use super::line::render_fields;
use super::metrics::{Label, LogName};
use crate::content_types::ContentClass;
use crate::disclosure::{Diagnostics, Digest, Disclosed};

/// The target of every line.
pub const TARGET: &str = "vestibule";

/// Something to tell whoever runs the process.
#[derive(Clone, Copy)]
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
    /// Something in a log's folder has the name of a segment and is no regular file, so that it is left alone.
    LogNotAFile {
        log: LogName,
    },
    /// A record of the audit log is on the disk. Whatever keeps this line anchors the record's chain.
    AuditRecord {
        head: Head,
    },
    /// The metadata policy with this digest decides from here on.
    Reloaded {
        digest: Digest,
    },
    /// A reload came to nothing: what was in force stays in force.
    ReloadRefused,
    /// The audit log does not take a record of something that does not wait for it.
    NotAudited,
    /// There are no keys for pseudonyms any more, so that nothing is disclosed.
    KeysLost,
    /// What the metadata policy lets into this log.
    Disclosed(&'a Disclosed<Diagnostics>),
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
            Self::LogNotAFile { log } => {
                let log = log.name();
                error!(target: TARGET, log, "what has a segment's name and is no regular file is not deleted");
            }
            Self::AuditRecord { head } => {
                info!(target: TARGET, sequence = head.sequence, hash = %head.hexadecimal(), "audit record");
            }
            Self::Reloaded { digest } => info!(target: TARGET, %digest, "metadata policy reloaded"),
            Self::ReloadRefused => error!(target: TARGET, "reload refused: nothing has changed"),
            Self::NotAudited => error!(target: TARGET, "the audit log takes no records"),
            Self::KeysLost => {
                error!(target: TARGET, "no memory for keys of pseudonyms: nothing is disclosed any more");
            }
            Self::Disclosed(disclosed) => {
                debug!(target: TARGET, "{{{}}}", rendered(disclosed));
            }
            Self::UnadvertisedContent { host, class, contents } => {
                let class = class.name();
                warn!(target: TARGET, host, class, contents, "the gatekeeper sends what was not advertised");
            }
        }
    }
}

/// The event and the fields as the members of a JSON object.
fn rendered(disclosed: &Disclosed<Diagnostics>) -> String {
    let mut line = Vec::new();
    render_fields(disclosed, &mut line);
    String::from_utf8(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use std::time::UNIX_EPOCH;

    use tracing_subscriber::fmt::MakeWriter;
    use zeroize::Zeroizing;

    use super::*;
    use crate::disclosure::document::MetadataDocument;
    use crate::disclosure::{Event, PseudonymKeys, Value};
    use crate::policy;

    #[test]
    fn what_the_policy_lets_in_is_told_at_debug_with_its_event_and_fields() {
        let policy = policy::load::<MetadataDocument>(
            "rules: [{ sink: diagnostics, events: [refusal], purpose: tests, basis: tests, retention: 1d, \
             fields: { time: keep, account: keep, side: keep } }]",
        );
        let policy = policy.unwrap().value.policy;
        let mut observation = policy.interest(UNIX_EPOCH).observe(Event::Refusal, UNIX_EPOCH).unwrap();
        observation.record(Value::Side("downstream"));
        observation.record(Value::Account("juliet@client.example\u{1b}[2K"));
        observation.record(Value::Resource("balcony"));
        let keys = PseudonymKeys::new(Zeroizing::new([1; 32]));
        let text = logged(Diagnostic::Disclosed(&policy.disclose(&observation, &keys).unwrap()));
        let line = r#"{"event":"refusal","time":"1970-01-01T00:00:00.000Z","account":"juliet@client.example\u001b[2K","side":"downstream"}"#;
        assert!(text.ends_with(&format!(" DEBUG vestibule: {line}\n")), "{text}");
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
        assert!(logged(Diagnostic::LogNotAFile { log }).contains("ERROR vestibule: "));
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
