//! The process's own log: the only place that calls `tracing`.
//!
//! A [`Diagnostic`] is one of a closed list and holds words from closed lists, numbers of our own and configured
//! addresses. What is about a connection or a session comes as a [`Disclosed`] of the sink `diagnostics` only. Who sets up a subscriber should let only
//! [`TARGET`] through: what libraries log is not held to this.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::audit_log::Head;
use super::line::render_fields;
use super::metrics::{ConnectResult, Label, LogName};
use crate::content_types::ContentClass;
use crate::disclosure::{Diagnostics, Digest, Disclosed};
use crate::upstream::{EndpointChange, EndpointNews};

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
    /// No new sessions are taken, and so many that are open are ended: after the delay, within the spread.
    Draining {
        sessions: i64,
        delay: Duration,
        spread: Duration,
    },
    Stopped,
    /// The process ends without waiting any longer for so many sessions, as it was told to once more.
    StoppedAtOnce {
        sessions: i64,
    },
    /// The system gives us no connection, for instance because no file descriptors are left; told once in a while.
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
    /// A reload has changed something about this configured host: for new connections.
    HostReloaded {
        host: &'a str,
        change: HostChange,
    },
    /// A configuration was taken over. The metadata policy with this digest decides from here on.
    Reloaded {
        digest: Digest,
    },
    /// A reload came to nothing: what was in force stays in force.
    ReloadRefused,
    /// Why: one of the things that are wrong with the configuration.
    ReloadProblem {
        problem: &'a str,
    },
    /// The audit log does not take a record of something that does not wait for it.
    NotAudited,
    /// There are no keys for pseudonyms any more, so that nothing is disclosed.
    KeysLost,
    /// What the metadata policy lets into this log.
    Disclosed(&'a Disclosed<Diagnostics>),
    /// An address of a gatekeeper's endpoint is passed over, or back; told seldom of each.
    Endpoint(EndpointNews<'a>),
    /// The gatekeeper keeps sending clients of this configured host what they were not said to receive; told seldom.
    UnadvertisedContent {
        host: &'a str,
        class: ContentClass,
        /// How many since it was told last, or since the start.
        contents: u32,
    },
}

/// What a reload has done to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostChange {
    Added,
    Removed,
    /// Its certificate, its limits, its content types or its upstream are others.
    Changed,
}

impl HostChange {
    fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

impl Diagnostic<'_> {
    /// Writes the line. What happens for each connection is told at the level `debug`.
    pub fn report(self) {
        match self {
            Self::Starting => info!(target: TARGET, version = env!("CARGO_PKG_VERSION"), "starting"),
            Self::Listening { address } => info!(target: TARGET, %address, "listening"),
            Self::AdminListening { address } => info!(target: TARGET, %address, "admin server listening"),
            Self::Draining { sessions, delay, spread } => {
                let (delay_seconds, spread_seconds) = (delay.as_secs(), spread.as_secs());
                info!(target: TARGET, sessions, delay_seconds, spread_seconds, "draining");
            }
            Self::Stopped => info!(target: TARGET, "stopped"),
            Self::StoppedAtOnce { sessions } => {
                warn!(target: TARGET, sessions, "stopped without waiting for the sessions");
            }
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
            Self::HostReloaded { host, change } => {
                info!(target: TARGET, host, change = change.name(), "host reloaded");
            }
            Self::Reloaded { digest } => {
                info!(target: TARGET, metadata = %digest, "configuration reloaded");
            }
            Self::ReloadRefused => error!(target: TARGET, "reload refused: nothing has changed"),
            Self::ReloadProblem { problem } => error!(target: TARGET, "the reload is refused for {problem}"),
            Self::NotAudited => error!(target: TARGET, "the audit log takes no records"),
            Self::KeysLost => {
                error!(target: TARGET, "no memory for keys of pseudonyms: nothing is disclosed any more");
            }
            Self::Disclosed(disclosed) => {
                debug!(target: TARGET, "{{{}}}", rendered(disclosed));
            }
            Self::Endpoint(EndpointNews { upstream, endpoint, change }) => match change {
                EndpointChange::Ejected(error) => {
                    let result = ConnectResult::from(error).name();
                    warn!(target: TARGET, upstream, endpoint, result, %error, "an endpoint is passed over");
                }
                EndpointChange::Back => info!(target: TARGET, upstream, endpoint, "an endpoint is back"),
            },
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
    use crate::upstream::ConnectError;

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
    fn what_becomes_of_an_endpoint_is_told_in_the_words_of_the_configuration_and_of_the_metrics() {
        let told = |change| {
            let (upstream, endpoint) = ("gatekeeper", "gatekeeper.example:5223");
            logged(Diagnostic::Endpoint(EndpointNews { upstream, endpoint, change }))
        };
        let ejected = told(EndpointChange::Ejected(ConnectError::Timeout));
        let expected = " WARN vestibule: an endpoint is passed over upstream=\"gatekeeper\" \
             endpoint=\"gatekeeper.example:5223\" result=\"timeout\" error=not connected in time\n";
        assert!(ejected.ends_with(expected), "{ejected}");
        let back = told(EndpointChange::Back);
        let expected = " INFO vestibule: an endpoint is back upstream=\"gatekeeper\" endpoint=\"gatekeeper.example:5223\"\n";
        assert!(back.ends_with(expected), "{back}");
    }

    #[test]
    fn what_a_reload_has_done_to_a_host_is_told_by_its_configured_name() {
        let text = logged(Diagnostic::HostReloaded { host: "gatekeeper.example", change: HostChange::Added });
        let expected = "INFO vestibule: host reloaded host=\"gatekeeper.example\" change=\"added\"\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn the_end_of_the_process_is_told_with_the_sessions_that_it_ends() {
        let (delay, spread) = (Duration::ZERO, Duration::from_secs(30));
        let draining = logged(Diagnostic::Draining { sessions: 12, delay, spread });
        assert!(
            draining.ends_with(" INFO vestibule: draining sessions=12 delay_seconds=0 spread_seconds=30\n"),
            "{draining}"
        );
        let stopped = logged(Diagnostic::StoppedAtOnce { sessions: 3 });
        let expected = " WARN vestibule: stopped without waiting for the sessions sessions=3\n";
        assert!(stopped.ends_with(expected), "{stopped}");
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
