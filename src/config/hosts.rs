//! The hosts of a configuration: names, certificates, and the policies and the upstream they name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;

use super::certificate::{Leaf, Validity, server_name};
use super::document::{CertificateDocument, HostDocument};
use super::files::Files;
use super::policies;
use super::upstreams::Upstreams;
use super::{ConfigError, ConfigWarning, Host, certificate_end};
use crate::content_types::{ContentTypesDocument, ContentTypesPolicy};
use crate::downstream::tls::Certificate;
use crate::limit::{Limits, LimitsDocument};
use crate::policy::{Cause, HostName, Located, Position, Problem, in_order};
use crate::upstream::UpstreamConfig;

pub(super) struct Hosts<'a> {
    files: &'a mut Files,
    upstreams: &'a Upstreams,
    now: SystemTime,
    /// Whose certificate each server name has.
    certificates: BTreeMap<HostName, (Certificate, Position)>,
}

impl<'a> Hosts<'a> {
    /// `now` is for the certificates' dates.
    pub fn new(files: &'a mut Files, upstreams: &'a Upstreams, now: SystemTime) -> Self {
        Self { files, upstreams, now, certificates: BTreeMap::new() }
    }

    /// All hosts, in the file's order.
    pub fn build(
        mut self,
        documents: &Located<BTreeMap<Located<String>, HostDocument>>,
    ) -> Option<Vec<Host>> {
        if documents.value.is_empty() {
            self.files.problem(documents.at, &ConfigError::NoHost);
        }
        let mut seen: BTreeMap<String, Position> = BTreeMap::new();
        let mut hosts = Vec::new();
        for (name, document) in in_order(&documents.value) {
            if let Some(first) = seen.insert(name.value.to_ascii_lowercase(), name.at) {
                self.files.problem(name.at, &ConfigError::DuplicateHost { first });
            }
            hosts.push(self.host(name, document));
        }
        hosts.into_iter().collect()
    }

    fn host(&mut self, name: &Located<String>, document: &HostDocument) -> Option<Host> {
        let host_name = self.host_name(name);
        let server_names = match &document.server_names {
            Some(names) => names.clone(),
            None => host_name.clone().into_iter().map(|value| Located { value, at: name.at }).collect(),
        };
        let certificate = self.certificate(&document.certificate, &server_names);
        let (certificate, certificate_end) = certificate.unzip();
        let upstream = self.upstream(&document.upstream);
        let content_types = document.content_types.as_ref().map(|policy| self.content_types(policy));
        let limits = document.limits.as_ref().map(|policy| self.files.policy::<LimitsDocument>(policy));
        Some(Host {
            name: host_name?.to_string(),
            server_names: server_names.iter().map(|name| name.value.to_string()).collect(),
            certificate: certificate?,
            certificate_end: certificate_end?,
            upstream: upstream?,
            content_types: match content_types {
                Some(policy) => Some(Arc::new(policy?)),
                None => None,
            },
            limits: Arc::new(match limits {
                Some(limits) => limits?.value.limits,
                None => Limits::default(),
            }),
        })
    }

    fn host_name(&mut self, name: &Located<String>) -> Option<HostName> {
        HostName::parse(&name.value)
            .map_err(|error| {
                self.files.report(Problem::new(name.at, Cause::BadFormat { expected: error.expected }));
            })
            .ok()
    }

    fn upstream(&mut self, name: &Located<String>) -> Option<Arc<UpstreamConfig>> {
        if let Some(upstream) = self.upstreams.get(&name.value) {
            return upstream.clone();
        }
        let known = self.upstreams.keys().map(String::as_str);
        self.files.report(Problem::unknown_reference(name.at, &name.value, "upstream", known));
        None
    }

    fn content_types(&mut self, reference: &Located<String>) -> Option<ContentTypesPolicy> {
        let policy = self.files.policy::<ContentTypesDocument>(reference)?;
        policies::content_types(self.files, policy)
    }

    /// The certificate, and when it ends.
    fn certificate(
        &mut self,
        document: &CertificateDocument,
        server_names: &[Located<HostName>],
    ) -> Option<(Certificate, Option<SystemTime>)> {
        let chain = self.files.certificates(&document.chain);
        let key = self.files.private_key(&document.key);
        let chain = chain?;
        let end = chain.first().and_then(certificate_end);
        self.warn_of_refusals(&chain, document.chain.at, server_names);
        let certificate = Certificate::new(chain, key?)
            .map_err(|error| self.files.problem(document.chain.at, &ConfigError::Certificate(error)))
            .ok()?;
        self.claim(server_names, &certificate);
        Some((certificate, end))
    }

    /// What clients will refuse is a warning only: it is not wrong before they come.
    fn warn_of_refusals(
        &mut self,
        chain: &[CertificateDer<'_>],
        at: Position,
        server_names: &[Located<HostName>],
    ) {
        let Some(leaf) = chain.first().and_then(Leaf::read) else { return };
        match leaf.validity(self.now) {
            Validity::Valid => {}
            Validity::Ending { days } => {
                self.files.warning(at, &ConfigWarning::CertificateEndsSoon { days });
            }
            Validity::NotNow => self.files.warning(at, &ConfigWarning::CertificateNotValidNow),
        }
        for name in server_names {
            if server_name(&name.value).is_some_and(|server_name| !leaf.is_for(&server_name)) {
                self.files.warning(name.at, &ConfigWarning::CertificateForOtherNames);
            }
        }
    }

    /// A client says the server name before it says the host, so that a name can have one certificate only.
    fn claim(&mut self, server_names: &[Located<HostName>], certificate: &Certificate) {
        for name in server_names {
            match self.certificates.get(&name.value) {
                Some((first, at)) if !first.is_same_as(certificate) => {
                    self.files.problem(name.at, &ConfigError::CertificateConflict { other: *at });
                }
                Some(_) => {}
                None => {
                    self.certificates.insert(name.value.clone(), (certificate.clone(), name.at));
                }
            }
        }
    }
}
