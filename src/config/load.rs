//! Puts a [`Config`] together: checks what the documents say against each other and against the files they name.
//! Everything that is wrong is found in one run, so that no check stops because another one failed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls_pki_types::ServerName;

use super::certificate::Leaf;
use super::document::{
    AccessLogDocument, CertificateDocument, HostDocument, ListenerDocument, UpstreamDocument,
};
use super::files::{Files, FromFile, of_file, resolve};
use super::{Config, ConfigDocument, ConfigError, ConfigWarning, FileProblem, Host, LoadError};
use crate::content_types::{Advertiser, ContentTypesDocument, DialectDocument};
use crate::disclosure::document::MetadataDocument;
use crate::downstream::ListenerConfig;
use crate::downstream::tls::Certificate;
use crate::limit::{Limits, LimitsDocument};
use crate::policy::{Cause, HostName, Located, Position, Problem};
use crate::stanza;
use crate::telemetry::AccessLogTarget;
use crate::upstream::tls::{Connector, Roots};
use crate::upstream::{Endpoint, UpstreamConfig};

/// A configuration, and what its author should think about again.
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<FileProblem>,
}

/// Reads the configuration and every file that it names.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    let mut assembly = Assembly::new(path);
    let document = assembly.files.configuration(path);
    let config = document.and_then(|document| assembly.config(document));
    let Files { mut problems, mut warnings } = assembly.files;
    // The configuration first, then the files that it names.
    problems.sort_by_key(|found| (found.file != path, found.file.clone(), found.problem.at));
    warnings.sort_by_key(|found| (found.file != path, found.file.clone(), found.problem.at));
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded { config, warnings }),
        _ => Err(LoadError { problems }),
    }
}

struct Assembly<'a> {
    path: &'a Path,
    now: SystemTime,
    files: Files,
    /// Policies that several hosts name are read, and complained about, once.
    limits: BTreeMap<String, Option<Arc<Limits>>>,
    content_types: BTreeMap<String, Option<Arc<Advertiser>>>,
    /// Whose certificate each server name has.
    certificates: BTreeMap<HostName, (Certificate, Position)>,
}

type Upstreams = BTreeMap<String, Option<Arc<UpstreamConfig>>>;

impl<'a> Assembly<'a> {
    fn new(path: &'a Path) -> Self {
        Self {
            path,
            now: SystemTime::now(),
            files: Files::default(),
            limits: BTreeMap::new(),
            content_types: BTreeMap::new(),
            certificates: BTreeMap::new(),
        }
    }

    fn config(&mut self, document: ConfigDocument) -> Option<Config> {
        let listeners = self.listeners(&document.listeners);
        let upstreams = self.upstreams(&document);
        let hosts = self.hosts(&document.hosts, &upstreams);
        let metadata = self.files.policy::<MetadataDocument>(self.path, &document.metadata);
        let hosts = hosts?;
        let memory = self.memory(&document, &hosts)?;
        let watched: Vec<&str> = hosts
            .iter()
            .filter_map(|host| host.content_types.as_deref())
            .map(Advertiser::namespace)
            .collect();
        Some(Config {
            listeners,
            vocabulary: Arc::new(stanza::vocabulary(&watched)),
            hosts,
            metadata: metadata?.value,
            access_log: match document.access_log {
                AccessLogDocument::Stdout => AccessLogTarget::StandardOutput,
                AccessLogDocument::File(path) => AccessLogTarget::File(resolve(self.path, &path)),
            },
            admin: document.admin.map(|admin| admin.address.value.0),
            workers: workers(document.workers),
            max_connections: usize::try_from(document.max_connections).unwrap_or(usize::MAX),
            memory,
        })
    }

    fn listeners(&mut self, documents: &[ListenerDocument]) -> Vec<ListenerConfig> {
        let mut seen: BTreeMap<SocketAddr, Position> = BTreeMap::new();
        for ListenerDocument { address, .. } in documents {
            // Port 0 is any free port, and so another one each time.
            if address.value.0.port() == 0 {
                continue;
            }
            match seen.get(&address.value.0) {
                Some(&first) => self.problem(address.at, &ConfigError::DuplicateListener { first }),
                None => drop(seen.insert(address.value.0, address.at)),
            }
        }
        documents.iter().map(|document| ListenerConfig { address: document.address.value.0 }).collect()
    }

    fn upstreams(&mut self, document: &ConfigDocument) -> Upstreams {
        let used = |name: &str| document.hosts.value.values().any(|host| host.upstream.value == name);
        let mut upstreams = Upstreams::new();
        for (name, upstream) in in_order(&document.upstreams) {
            if !used(&name.value) {
                self.files.warning(self.path, name.at, &ConfigWarning::UnusedUpstream);
            }
            let upstream = self.upstream(upstream).map(Arc::new);
            upstreams.insert(name.value.clone(), upstream);
        }
        upstreams
    }

    fn upstream(&mut self, document: &UpstreamDocument) -> Option<UpstreamConfig> {
        let connect_timeout = document.connect_timeout.value.duration();
        if connect_timeout.is_zero() {
            self.problem(document.connect_timeout.at, &ConfigError::NoTime);
        }
        let roots = match document.roots.value.as_str() {
            "system" => Roots::System,
            _ => Roots::These(self.files.certificates(self.path, &document.roots)?),
        };
        let server_name = self.server_name(&document.server_name)?;
        let endpoint = |address: &crate::policy::ServerAddress| Endpoint {
            host: address.host.clone(),
            port: address.port,
        };
        match Connector::new(server_name, roots) {
            Ok(tls) => Some(UpstreamConfig {
                endpoints: document.endpoints.iter().map(endpoint).collect(),
                connect_timeout,
                tls,
            }),
            Err(error) => {
                self.problem(document.roots.at, &ConfigError::Roots(error));
                None
            }
        }
    }

    fn hosts(
        &mut self,
        documents: &Located<BTreeMap<Located<String>, HostDocument>>,
        upstreams: &Upstreams,
    ) -> Option<Vec<Host>> {
        if documents.value.is_empty() {
            self.problem(documents.at, &ConfigError::NoHost);
        }
        let mut seen: BTreeMap<String, Position> = BTreeMap::new();
        let mut hosts = Vec::new();
        for (name, document) in in_order(&documents.value) {
            let host = self.host(name, document, upstreams);
            if let Some(first) = seen.insert(name.value.to_ascii_lowercase(), name.at) {
                self.problem(name.at, &ConfigError::DuplicateHost { first });
            }
            hosts.push(host);
        }
        hosts.into_iter().collect()
    }

    fn host(
        &mut self,
        name: &Located<String>,
        document: &HostDocument,
        upstreams: &Upstreams,
    ) -> Option<Host> {
        let host_name = self.host_name(name);
        let server_names = match &document.server_names {
            Some(names) => names.clone(),
            None => host_name.clone().into_iter().map(|value| Located { value, at: name.at }).collect(),
        };
        let certificate = self.certificate(&document.certificate, &server_names);
        let upstream = match upstreams.get(&document.upstream.value) {
            Some(upstream) => upstream.clone(),
            None => {
                self.unknown_upstream(&document.upstream, upstreams);
                None
            }
        };
        let content_types = document.content_types.as_ref().map(|policy| self.content_types(policy));
        let limits = document.limits.as_ref().map(|policy| self.limits(policy));
        Some(Host {
            name: host_name?.to_string(),
            server_names: server_names.iter().map(|name| name.value.to_string()).collect(),
            certificate: certificate?,
            upstream: upstream?,
            content_types: content_types.map_or(Some(None), |advertiser| advertiser.map(Some))?,
            limits: limits.unwrap_or_else(|| Some(Arc::new(Limits::default())))?,
        })
    }

    fn host_name(&mut self, name: &Located<String>) -> Option<HostName> {
        HostName::parse(&name.value)
            .map_err(|error| {
                let problem = Problem::new(name.at, Cause::BadFormat { expected: error.expected });
                self.files.problems.extend(of_file(self.path, [problem]));
            })
            .ok()
    }

    fn unknown_upstream(&mut self, name: &Located<String>, upstreams: &Upstreams) {
        let known = upstreams.keys().map(String::as_str);
        let problem = Problem::unknown_reference(name.at, &name.value, "upstream", known);
        self.files.problems.extend(of_file(self.path, [problem]));
    }

    fn certificate(
        &mut self,
        document: &CertificateDocument,
        server_names: &[Located<HostName>],
    ) -> Option<Certificate> {
        let chain = self.files.certificates(self.path, &document.chain);
        let key = self.files.private_key(self.path, &document.key);
        let chain = chain?;
        self.check_leaf(&chain, document.chain.at, server_names);
        match Certificate::new(chain, key?) {
            Ok(certificate) => {
                self.claim_server_names(&certificate, server_names);
                Some(certificate)
            }
            Err(error) => {
                self.problem(document.chain.at, &ConfigError::Certificate(error));
                None
            }
        }
    }

    /// What clients will refuse is a warning only: a certificate may be renewed while the process runs.
    fn check_leaf(
        &mut self,
        chain: &[rustls_pki_types::CertificateDer<'_>],
        at: Position,
        server_names: &[Located<HostName>],
    ) {
        let Some(leaf) = chain.first().and_then(Leaf::read) else { return };
        if !leaf.is_valid_at(self.now) {
            self.files.warning(self.path, at, &ConfigWarning::CertificateNotValidNow);
        }
        for name in server_names {
            if self.server_name(name).is_some_and(|server_name| !leaf.is_for(&server_name)) {
                self.files.warning(self.path, name.at, &ConfigWarning::CertificateForOtherNames);
            }
        }
    }

    /// A client says the server name before it says the host, so that a name can have one certificate only.
    fn claim_server_names(&mut self, certificate: &Certificate, server_names: &[Located<HostName>]) {
        for name in server_names {
            match self.certificates.get(&name.value) {
                Some((other, at)) if !other.is_same_as(certificate) => {
                    let error = ConfigError::CertificateConflict { other: *at };
                    self.problem(name.at, &error);
                }
                _ => drop(self.certificates.insert(name.value.clone(), (certificate.clone(), name.at))),
            }
        }
    }

    /// Every host name is a DNS name to the TLS library; should it ever see that differently, it says so here.
    fn server_name(&mut self, name: &Located<HostName>) -> Option<ServerName<'static>> {
        ServerName::try_from(name.value.to_string())
            .map_err(|_| {
                let problem = Problem::new(name.at, Cause::Unreadable);
                self.files.problems.extend(of_file(self.path, [problem]));
            })
            .ok()
    }

    fn limits(&mut self, reference: &Located<String>) -> Option<Arc<Limits>> {
        if let Some(known) = self.limits.get(&reference.value) {
            return known.clone();
        }
        let limits =
            self.files.policy::<LimitsDocument>(self.path, reference).map(|found| Arc::new(found.value));
        self.limits.insert(reference.value.clone(), limits.clone());
        limits
    }

    fn content_types(&mut self, reference: &Located<String>) -> Option<Arc<Advertiser>> {
        if let Some(known) = self.content_types.get(&reference.value) {
            return known.clone();
        }
        let advertiser = self.advertiser(reference).map(Arc::new);
        self.content_types.insert(reference.value.clone(), advertiser.clone());
        advertiser
    }

    fn advertiser(&mut self, reference: &Located<String>) -> Option<Advertiser> {
        let FromFile { file, value: policy } =
            self.files.policy::<ContentTypesDocument>(self.path, reference)?;
        let dialect = self.files.policy::<DialectDocument>(&file, &policy.dialect)?.value;
        Some(Advertiser::new(&policy.content_types, &dialect, &policy.carriers))
    }

    /// The budget has to hold what the gate may have to hold for one session at least.
    fn memory(&mut self, document: &ConfigDocument, hosts: &[Host]) -> Option<usize> {
        let stanzas =
            |host: &Host| host.limits.from_client.stanza_bytes + host.limits.from_gatekeeper.stanza_bytes;
        let minimum = hosts.iter().map(stanzas).max().unwrap_or(0) as u64;
        let memory = document.memory.value.bytes();
        if memory < minimum {
            self.problem(document.memory.at, &ConfigError::TooLittleMemory { minimum });
            return None;
        }
        Some(usize::try_from(memory).unwrap_or(usize::MAX))
    }

    fn problem(&mut self, at: Position, error: &ConfigError) {
        self.files.problem(self.path, at, error);
    }
}

/// A mapping's entries as they stand in the file.
fn in_order<V>(mapping: &BTreeMap<Located<String>, V>) -> Vec<(&Located<String>, &V)> {
    let mut entries: Vec<_> = mapping.iter().collect();
    entries.sort_by_key(|(key, _)| key.at);
    entries
}

fn workers(configured: Option<u16>) -> NonZeroUsize {
    configured
        .and_then(|workers| NonZeroUsize::new(workers.into()))
        .or_else(|| std::thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN)
}
