//! The process's own log: the only place that calls `tracing`.
//!
//! A [`Diagnostic`] is one of a closed list and holds words from closed lists, numbers of our own and configured
//! addresses. What is about a connection or a session comes as a [`Disclosed`] of the sink `diagnostics` only. Who sets up a subscriber should let only
//! [`TARGET`] through: what libraries log is not held to this.

use std::io::ErrorKind;
use std::net::SocketAddr;

use tracing::{debug, error, info, warn};

use super::access_log::render;
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
    /// Lines of the access log are being lost; told when it begins.
    AccessLogFailed {
        kind: ErrorKind,
    },
    /// The metadata policy with this digest decides from here on.
    Reloaded {
        digest: Digest,
    },
    /// A reload came to nothing: what was in force stays in force.
    ReloadRefused,
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
            Self::AccessLogFailed { kind } => error!(target: TARGET, %kind, "cannot write the access log"),
            Self::Reloaded { digest } => info!(target: TARGET, %digest, "metadata policy reloaded"),
            Self::ReloadRefused => error!(target: TARGET, "reload refused: nothing has changed"),
            Self::KeysLost => {
                error!(target: TARGET, "no memory for keys of pseudonyms: nothing is disclosed any more");
            }
            Self::Disclosed(disclosed) => {
                let event = disclosed.event().name();
                debug!(target: TARGET, event, "{}", rendered(disclosed));
            }
            Self::UnadvertisedContent { host, class, contents } => {
                let class = class.name();
                warn!(target: TARGET, host, class, contents, "the gatekeeper sends what was not advertised");
            }
        }
    }
}

/// As a line of the access log shows it.
fn rendered(disclosed: &Disclosed<Diagnostics>) -> String {
    let mut line = Vec::new();
    render(disclosed, &mut line);
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
             fields: { account: keep, side: keep } }]",
        );
        let policy = policy.unwrap().value.policy;
        let mut observation = policy.interest(UNIX_EPOCH).observe(Event::Refusal, UNIX_EPOCH).unwrap();
        observation.record(Value::Side("downstream"));
        observation.record(Value::Account("juliet@client.example\u{1b}[2K"));
        observation.record(Value::Resource("balcony"));
        let keys = PseudonymKeys::new(Zeroizing::new([1; 32]));
        let text = logged(Diagnostic::Disclosed(&policy.disclose(&observation, &keys).unwrap()));
        let fields = r#"{"account":"juliet@client.example\u001b[2K","side":"downstream"}"#;
        assert!(text.ends_with(&format!(" DEBUG vestibule: {fields} event=\"refusal\"\n")), "{text}");
    }

    #[test]
    fn what_an_operator_must_act_on_is_told_as_a_warning_or_an_error() {
        let kind = ErrorKind::StorageFull;
        let accept = logged(Diagnostic::AcceptFailed { errno: Some(24) });
        assert!(accept.contains(" WARN vestibule: ") && accept.contains("Too many open files"), "{accept}");
        assert!(logged(Diagnostic::AccessLogFailed { kind }).contains("ERROR vestibule: "));
        let (host, class) = ("gatekeeper.example", ContentClass::VoiceCall);
        let drift = logged(Diagnostic::UnadvertisedContent { host, class, contents: 12 });
        let expected = "host=\"gatekeeper.example\" class=\"voice-call\" contents=12\n";
        assert!(drift.contains(" WARN vestibule: ") && drift.ends_with(expected), "{drift}");
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
