//! Puts a [`Config`] together out of the document and the files that it names. Everything that is wrong is found in one
//! run: no check stops because another one failed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::document::ListenerDocument;
use super::files::Files;
use super::hosts::Hosts;
use super::logs;
use super::policies::metadata_of_configuration;
use super::upstreams::upstreams;
use super::{Config, ConfigDocument, ConfigError, FileProblem, Host, LoadError};
use crate::content_types::ExpandedName;
use crate::downstream::ListenerConfig;
use crate::framing::Vocabulary;
use crate::policy::{Position, in_order};
use crate::stanza;

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
    let access_log = logs::access_log(files, &document.access_log);
    let upstreams = upstreams(files, &document);
    let now = SystemTime::now();
    let hosts = Hosts::new(files, &upstreams, now).build(&document.hosts);
    let metadata = metadata_of_configuration(files, &document.metadata, now);
    let audit_log = logs::audit_log(files, &document, metadata.as_ref().map(|metadata| &metadata.policy));
    let (hosts, metadata) = (hosts?, metadata?);
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
        workers: workers(document.workers),
        max_connections: usize::try_from(document.max_connections).unwrap_or(usize::MAX),
        memory: memory?,
    })
}

/// The gate's table for all hosts together: a connection needs it before it names its host.
fn vocabulary(files: &mut Files, document: &ConfigDocument, hosts: &[Host]) -> Option<Vocabulary> {
    let mut watched = Vec::new();
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
    ListenerConfig { address: document.address.value.0 }
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

fn workers(configured: Option<u16>) -> NonZeroUsize {
    configured
        .and_then(|workers| NonZeroUsize::new(workers.into()))
        .or_else(|| std::thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN)
}
