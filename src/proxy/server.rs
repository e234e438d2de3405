//! What all connections share, built from the configuration.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use aws_lc_rs::rand;

use crate::config::{Config, Host as HostConfig};
use crate::content_types::{CacheLimits, CapabilitiesCache, ContentTypesPolicy, Rules};
use crate::downstream::Connections;
use crate::downstream::tls::{Acceptor, Certificates};
use crate::framing::Vocabulary;
use crate::limit::{Limits, Timeouts};
use crate::relay::{Budget, Host, Hosts};
use crate::session::Stop;
use crate::telemetry::{
    AccessLog, AccessLogTarget, AccessLogWriter, AuditLog, AuditLogConfig, AuditLogWriter, Metrics, Readiness,
};
use crate::upstream::Gatekeeper;

use super::metadata::{Metadata, Policies};
use super::{LOG_PATIENCE, StartError};

/// Far more builds than the clients of one provider have; so a client that makes them up pushes out only its like.
const CAPABILITIES: CacheLimits = CacheLimits { entries: 4096, bytes: 8 << 20 };

pub(super) struct Server {
    pub(super) acceptor: Acceptor,
    pub(super) vocabulary: Arc<Vocabulary>,
    /// What holds for a connection until it has named its host: the most that any host allows.
    pub(super) limits: Arc<Limits>,
    pub(super) budget: Arc<Budget>,
    pub(super) connections: Connections,
    pub(super) stop: Arc<Stop>,
    pub(super) metrics: Metrics,
    pub(super) readiness: Readiness,
    pub(super) metadata: Metadata,
    /// Where they go; what a policy says of retention holds for these.
    logs: (AccessLogTarget, Option<AuditLogConfig>),
    log_writers: Mutex<Option<(AccessLogWriter, Option<AuditLogWriter>)>>,
    gatekeepers: HashMap<String, Arc<Gatekeeper>>,
    /// The hosts that may be named under a server name; under none, if there is no choice of certificate.
    hosts: HashMap<String, Hosts>,
    unnamed: Hosts,
}

impl Server {
    pub(super) fn new(mut config: Config) -> Result<Self, StartError> {
        let policies = Policies::of(&mut config);
        let metrics = Metrics::new(config.hosts.iter().map(|host| host.name.as_str()))?;
        let (access_log, access_log_writer) =
            AccessLog::open(&config.access_log, metrics.clone()).map_err(StartError::AccessLog)?;
        let budget = Arc::new(Budget::new(config.memory));
        let gauged = Arc::clone(&budget);
        metrics.watch_buffers(config.memory, move || gauged.used());
        let (hosts, unnamed) = doors(&config)?;
        let acceptor = Acceptor::new(certificates(&config.hosts))?;
        let audit_log =
            config.audit_log.as_ref().map(|config| AuditLog::open(config, metrics.clone())).transpose()?;
        let (audit_log, audit_log_writer) = audit_log.unzip();
        // Last, because with it the policy is on record.
        let metadata = Metadata::start(policies, access_log, audit_log, metrics.clone())?;
        Ok(Server {
            acceptor,
            vocabulary: config.vocabulary,
            limits: Arc::new(before_the_host(&config.hosts)),
            budget,
            connections: Connections::new(config.max_connections),
            stop: Arc::default(),
            metrics,
            readiness: Readiness::new(),
            metadata,
            logs: (config.access_log, config.audit_log),
            log_writers: Mutex::new(Some((access_log_writer, audit_log_writer))),
            gatekeepers: gatekeepers(&config.hosts),
            hosts,
            unnamed,
        })
    }
}

impl Server {
    /// The hosts that a client may name which asked for `server_name`.
    pub(super) fn hosts(&self, server_name: Option<&str>) -> Hosts {
        let hosts = match server_name {
            Some(name) => self.hosts.get(name),
            None => Some(&self.unnamed),
        };
        hosts.cloned().unwrap_or_default()
    }

    /// The gatekeeper of a host. Every host has one.
    pub(super) fn gatekeeper(&self, host: &str) -> Option<Arc<Gatekeeper>> {
        self.gatekeepers.get(host).cloned()
    }

    /// Ends the logs once the last session has ended.
    pub(super) fn close_logs(self: &Arc<Self>) {
        let writers = self.log_writers.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((access_log, audit_log)) = writers else { return };
        access_log.close(LOG_PATIENCE);
        if let Some(audit_log) = audit_log {
            audit_log.close(LOG_PATIENCE);
            let server = Arc::clone(self);
            within(LOG_PATIENCE, move || server.metadata.record_stop());
        }
    }

    /// Whether the logs that are written are those of `config`.
    pub(super) fn logs_are(&self, config: &Config) -> bool {
        self.logs == (config.access_log.clone(), config.audit_log.clone())
    }
}

/// Does something that may wait for a disk, and does not wait for it longer than `patience`.
fn within(patience: Duration, act: impl FnOnce() + Send + 'static) {
    let (end, ended) = mpsc::sync_channel(1);
    let acting = thread::Builder::new().spawn(move || {
        act();
        // Nobody may be waiting any more.
        let _ = end.try_send(());
    });
    if acting.is_ok() {
        let _ = ended.recv_timeout(patience);
    }
}

/// Random bytes from the system's generator.
pub(super) fn random<const N: usize>() -> Result<[u8; N], StartError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| StartError::Randomness)?;
    Ok(bytes)
}

fn certificates(hosts: &[HostConfig]) -> Certificates {
    Certificates::new(
        hosts
            .iter()
            .flat_map(|host| host.server_names.iter().map(|name| (name.clone(), host.certificate.clone()))),
    )
}

/// Which hosts stand behind which server name.
fn doors(config: &Config) -> Result<(HashMap<String, Hosts>, Hosts), StartError> {
    let capabilities = Arc::new(known_capabilities(&config.hosts)?);
    let rules = |policy: &Arc<ContentTypesPolicy>| {
        let policy = ContentTypesPolicy::clone(policy);
        Arc::new(Rules::new(policy, &config.vocabulary, Arc::clone(&capabilities)))
    };
    let mut doors: HashMap<String, Vec<Arc<Host>>> = HashMap::new();
    let mut all = Vec::new();
    for config in &config.hosts {
        let host = Arc::new(Host {
            name: config.name.clone(),
            limits: Arc::clone(&config.limits),
            content_types: config.content_types.as_ref().map(rules),
        });
        all.push(Arc::clone(&host));
        for name in &config.server_names {
            doors.entry(name.clone()).or_default().push(Arc::clone(&host));
        }
    }
    Ok((doors.into_iter().map(|(name, hosts)| (name, hosts.into())).collect(), all.into()))
}

/// What is known of clients' capabilities from the start. What is learnt is shared by all hosts: a hash means the same
/// everywhere.
fn known_capabilities(hosts: &[HostConfig]) -> Result<CapabilitiesCache, StartError> {
    let capabilities = CapabilitiesCache::new(CAPABILITIES);
    for policy in hosts.iter().filter_map(|host| host.content_types.as_ref()) {
        for seed in &policy.seeds {
            capabilities.seed(seed.as_bytes())?;
        }
    }
    Ok(capabilities)
}

/// Hosts that are reached by the same upstream share its gatekeeper, and with it the bound on connecting.
fn gatekeepers(hosts: &[HostConfig]) -> HashMap<String, Arc<Gatekeeper>> {
    let mut by_upstream = HashMap::new();
    let mut of = |host: &HostConfig| {
        let upstream = Arc::as_ptr(&host.upstream);
        let new = || Arc::new(Gatekeeper::new(Arc::clone(&host.upstream)));
        Arc::clone(by_upstream.entry(upstream).or_insert_with(new))
    };
    hosts.iter().map(|host| (host.name.clone(), of(host))).collect()
}

/// What holds for a connection until it has named its host: in each respect the most that any host allows, so that no
/// host's client is cut off by another host's limits.
fn before_the_host(hosts: &[HostConfig]) -> Limits {
    let mut most = Limits::default();
    let all = |pick: fn(&Limits) -> usize| hosts.iter().map(|host| pick(&host.limits)).max();
    let longest =
        |pick: fn(&Timeouts) -> Duration| hosts.iter().map(|host| pick(&host.limits.timeouts)).max();
    let timeouts = &mut most.timeouts;
    timeouts.tls_handshake = longest(|timeouts| timeouts.tls_handshake).unwrap_or(timeouts.tls_handshake);
    timeouts.header = longest(|timeouts| timeouts.header).unwrap_or(timeouts.header);
    timeouts.write_stall = longest(|timeouts| timeouts.write_stall).unwrap_or(timeouts.write_stall);
    let header = &mut most.before_authentication;
    header.header_bytes =
        all(|limits| limits.before_authentication.header_bytes).unwrap_or(header.header_bytes);
    header.attributes = all(|limits| limits.before_authentication.attributes).unwrap_or(header.attributes);
    header.namespaces = all(|limits| limits.before_authentication.namespaces).unwrap_or(header.namespaces);
    most
}
