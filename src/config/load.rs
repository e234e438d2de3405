//! Puts a [`Config`] together out of the document and the files that it names. Everything that is wrong is found in one
//! run: no check stops because another one failed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::document::{ListenerDocument, ListenerTls, ProxyProtocol};
use super::drain::drain;
use super::files::Files;
use super::hosts::Hosts;
use super::logs;
use super::policies::metadata_of_configuration;
use super::signals;
use super::tickets::ticket_keys;
use super::upstreams::upstreams;
use super::{Config, ConfigDocument, ConfigError, FileProblem, Host, LoadError};
use crate::content_types::ExpandedName;
use crate::downstream::{Entry, ListenerConfig, TlsBegin, TrustedProxies};
use crate::framing::Vocabulary;
use crate::policy::{Position, in_order};
use crate::stanza;

/// What `peer_timeout` can be: below, every lost packet would look like a lost peer; above, none is ever noticed.
const SHORTEST_PEER_TIMEOUT: Duration = Duration::from_secs(1);
const LONGEST_PEER_TIMEOUT: Duration = Duration::from_secs(3600);

/// A configuration, and what its author should think about again.
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<FileProblem>,
}

/// Reads the configuration and every file that it names.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    let mut files = Files::new(path);
    let config = files.document().and_then(|document| config(&mut files, document));
    let (problems, warnings) = files.findings();
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded { config, warnings }),
        _ => Err(LoadError { problems }),
    }
}

fn config(files: &mut Files, document: ConfigDocument) -> Option<Config> {
    distinct_addresses(files, &document);
    document.listeners.iter().for_each(|listener| trusted_proxies(files, listener));
    let access_log = logs::access_log(files, &document.access_log);
    let drain = drain(files, &document.drain);
    let ticket_keys = document.tickets.as_ref().map(|tickets| ticket_keys(files, tickets));
    let now = SystemTime::now();
    let peer_timeout = peer_timeout(files, &document);
    let upstreams = upstreams(files, &document, now);
    let hosts = Hosts::new(files, &upstreams, now).build(&document.hosts);
    let metadata = metadata_of_configuration(files, &document.metadata, now);
    let audit_log = logs::audit_log(files, &document, metadata.as_ref().map(|metadata| &metadata.policy));
    let (hosts, metadata) = (hosts?, metadata?);
    signals::check(files, &document, &hosts, &metadata.policy);
    let memory = memory(files, &document, &hosts);
    let vocabulary = vocabulary(files, &document, &hosts);
    Some(Config {
        listeners: document.listeners.iter().map(listener).collect(),
        vocabulary: Arc::new(vocabulary?),
        hosts,
        metadata: metadata.policy,
        shadow: metadata.shadow,
        access_log,
        audit_log,
        admin: document.admin.map(|admin| admin.address.value.0),
        workers: document.workers.and_then(|workers| NonZeroUsize::new(workers.into())),
        max_connections: usize::try_from(document.max_connections).unwrap_or(usize::MAX),
        peer_timeout: peer_timeout?,
        name_servers: document.resolver.map(|resolver| resolver.addresses()).unwrap_or_default(),
        memory: memory?,
        drain,
        ticket_keys: ticket_keys.unwrap_or_default(),
    })
}

/// The gate's table for all hosts together: a connection needs it before it names its host.
fn vocabulary(files: &mut Files, document: &ConfigDocument, hosts: &[Host]) -> Option<Vocabulary> {
    let mut watched: Vec<&str> = hosts.iter().map(|host| &*host.upstream.signals.namespace).collect();
    let mut names = BTreeSet::new();
    for ((_, document), host) in in_order(&document.hosts.value).into_iter().zip(hosts) {
        let Some((reference, policy)) = document.content_types.as_ref().zip(host.content_types.as_ref())
        else {
            continue;
        };
        watched.push(policy.dialect.namespace());
        names.extend(policy.dialect.names().map(ExpandedName::pair));
        if names.len() > stanza::ROOM {
            files.problem(reference.at, &ConfigError::TooManyElements { most: stanza::ROOM });
            return None;
        }
    }
    Some(stanza::vocabulary(&watched, &Vec::from_iter(names)))
}

fn listener(document: &ListenerDocument) -> ListenerConfig {
    let networks = document.trusted_proxies.iter().map(|network| network.value.0);
    let is_behind_a_balancer = document.proxy_protocol.value == ProxyProtocol::Required;
    let entry = Entry {
        proxies: is_behind_a_balancer.then(|| TrustedProxies::new(networks)),
        tls: match document.tls {
            ListenerTls::Direct => TlsBegin::Direct,
            ListenerTls::Starttls => TlsBegin::StartTls,
        },
    };
    ListenerConfig { address: document.address.value.0, entry }
}

/// A header is believed from those who are named, and from nobody else.
fn trusted_proxies(files: &mut Files, listener: &ListenerDocument) {
    match (listener.proxy_protocol.value, listener.trusted_proxies.first()) {
        (ProxyProtocol::Required, None) => {
            files.problem(listener.proxy_protocol.at, &ConfigError::NoTrustedProxy);
        }
        (ProxyProtocol::Off, Some(first)) => files.problem(first.at, &ConfigError::UnusedTrustedProxy),
        (ProxyProtocol::Required, Some(_)) | (ProxyProtocol::Off, None) => {}
    }
}

/// The system gives each address once: a second server on it could not start.
fn distinct_addresses(files: &mut Files, document: &ConfigDocument) {
    let listeners = document.listeners.iter().map(|listener| &listener.address);
    let admin = document.admin.as_ref().map(|admin| &admin.address);
    let mut seen: BTreeMap<SocketAddr, Position> = BTreeMap::new();
    for address in listeners.chain(admin) {
        // Port 0 is any free port, and so another one each time.
        if address.value.0.port() != 0
            && let Some(other) = seen.insert(address.value.0, address.at)
        {
            files.problem(address.at, &ConfigError::DuplicateAddress { other });
        }
    }
}

/// The budget has to hold what the gate may have to hold for one session at least.
fn memory(files: &mut Files, document: &ConfigDocument, hosts: &[Host]) -> Option<usize> {
    let stanzas =
        |host: &Host| host.limits.from_client.stanza_bytes + host.limits.from_gatekeeper.stanza_bytes;
    let minimum = hosts.iter().map(stanzas).max().unwrap_or(0) as u64;
    let memory = document.memory.value.bytes();
    if memory < minimum {
        files.problem(document.memory.at, &ConfigError::TooLittleMemory { minimum });
        return None;
    }
    Some(usize::try_from(memory).unwrap_or(usize::MAX))
}

/// The kernel counts whole seconds of silence.
fn peer_timeout(files: &mut Files, document: &ConfigDocument) -> Option<Duration> {
    let timeout = document.peer_timeout.value.duration();
    if timeout < SHORTEST_PEER_TIMEOUT || timeout > LONGEST_PEER_TIMEOUT {
        let (least, most) = (SHORTEST_PEER_TIMEOUT.as_secs(), LONGEST_PEER_TIMEOUT.as_secs());
        files.problem(document.peer_timeout.at, &ConfigError::PeerTimeout { least, most });
        return None;
    }
    Some(timeout)
}
