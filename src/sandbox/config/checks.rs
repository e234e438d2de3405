//! What several of the files have: secrets, names, times, certificates and roots. Each check notes what is wrong and
//! goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};

use super::SandboxConfigError;
use super::document::CertificateDocument;
use crate::config::Files;
use crate::policy::{Located, Period, Position, Problem};
use crate::sandbox::certificates::{Identity, trusting};
use crate::sandbox::http::base_url;
use crate::sandbox::limits::{LONGEST_TEXT, LONGEST_TIME, SHORTEST_TIME, is_name};
use crate::stanza::Jid;

/// Shorter ones can be guessed by trying.
const SHORTEST_SECRET: usize = 8;
const LONGEST_SECRET: usize = 1024;

/// The reader of the files, with what has been found so far.
pub(super) struct Checks {
    pub files: Files,
}

impl Checks {
    pub fn problem(&mut self, at: Position, error: SandboxConfigError) {
        self.files.report(Problem::invalid(at, &error));
    }

    /// The text, if it is right; otherwise it is noted with this error.
    pub fn text(
        &mut self,
        text: Located<String>,
        is_right: impl FnOnce(&str) -> bool,
        error: SandboxConfigError,
    ) -> String {
        if !is_right(&text.value) {
            self.problem(text.at, error);
        }
        text.value
    }

    pub fn password(&mut self, text: Located<String>) -> String {
        let fits = |password: &str| (1..=LONGEST_TEXT).contains(&password.chars().count());
        self.text(text, fits, SandboxConfigError::Password { most: LONGEST_TEXT })
    }

    /// What is shown as `Authorization: Bearer` (RFC 6750, section 2.1).
    pub fn secret(&mut self, text: Located<String>) -> String {
        let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let fits = |secret: &str| {
            (SHORTEST_SECRET..=LONGEST_SECRET).contains(&secret.len()) && secret.bytes().all(is_of_token)
        };
        let error = SandboxConfigError::Secret { least: SHORTEST_SECRET, most: LONGEST_SECRET };
        self.text(text, fits, error)
    }

    pub fn url(&mut self, text: Located<String>) -> String {
        self.text(text, |url| base_url(url).is_some(), SandboxConfigError::Url)
    }

    pub fn visible_id(&mut self, text: Located<String>) -> String {
        let is_one = |id: &str| {
            let jid = Jid::parse(id).ok().filter(|_| is_name(id));
            jid.is_some_and(|jid| jid.local().is_some() && jid.resource().is_none())
        };
        self.text(text, is_one, SandboxConfigError::VisibleId { most: LONGEST_TEXT })
    }

    pub fn local_part(&mut self, text: Located<String>) -> String {
        let is_one = |name: &str| {
            let address = format!("{name}@x");
            Jid::parse(&address).is_ok_and(|jid| jid.local() == Some(name))
        };
        self.text(text, is_one, SandboxConfigError::LocalPart)
    }

    pub fn time(&mut self, period: &Located<Period>) -> Duration {
        let time = period.value.duration();
        if !(SHORTEST_TIME..=LONGEST_TIME).contains(&time) {
            self.problem(period.at, SandboxConfigError::Time);
        }
        time
    }

    /// Notes each text that stands more than once.
    pub fn distinct<'t, T: Ord + 't>(&mut self, texts: impl IntoIterator<Item = &'t Located<T>>) {
        let mut seen: BTreeMap<&T, Position> = BTreeMap::new();
        for text in texts {
            if let Some(first) = seen.get(&text.value).copied() {
                self.problem(text.at, SandboxConfigError::Duplicate { first });
            }
            seen.entry(&text.value).or_insert(text.at);
        }
    }

    pub fn identity(&mut self, document: &CertificateDocument) -> Option<Identity> {
        // These are for what can be told of the files exactly.
        let certificates = self.files.certificates(&document.chain);
        let private_key = self.files.private_key(&document.key);
        let chain = self.files.text_named_by_configuration(&document.chain);
        let key = self.files.text_named_by_configuration(&document.key);
        let (_, _) = (certificates?, private_key?);
        let identity = Identity { chain: chain?, key: key? };
        if identity.server_config().is_err() {
            self.problem(document.chain.at, SandboxConfigError::Identity);
            return None;
        }
        Some(identity)
    }

    /// TLS that trusts the machine's store (`system`) or the certificates of a file.
    pub fn trusting(&mut self, roots: &Located<String>) -> Option<Arc<ClientConfig>> {
        let certificates = match roots.value.as_str() {
            "system" => rustls_native_certs::load_native_certs().certs,
            _ => self.files.certificates(roots)?,
        };
        let mut store = RootCertStore::empty();
        let (added, _) = store.add_parsable_certificates(certificates);
        let tls = if added == 0 { None } else { trusting(store).ok() };
        if tls.is_none() {
            self.problem(roots.at, SandboxConfigError::Roots);
        }
        tls
    }
}
