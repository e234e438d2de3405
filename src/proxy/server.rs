//! What lives as long as the process, and what it serves by at the moment.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use aws_lc_rs::rand;

use crate::config::{Config, Host as HostConfig};
use crate::content_types::{CacheLimits, CapabilitiesCache, SeedError, Seeds};
use crate::downstream::Connections;
use crate::downstream::tickets::Tickets;
use crate::downstream::tls::Ticketer;
use crate::limit::{Accounts, Addresses, EventLimit};
use crate::process;
use crate::relay::Budget;
use crate::session::Stop;
use crate::telemetry::{AccessLog, AccessLogWriter, AuditLog, AuditLogWriter, Metrics, Readiness};
use crate::upstream::Resolver;

use super::configuration::{Configuration, Foundation};
use super::metadata::{Metadata, Policies};
use super::pulse::Pulses;
use super::reload::Fixed;
use super::status::Started;
use super::{LOG_PATIENCE, Proxy, StartError};

/// Far more builds than the clients of one provider have; so a client that makes them up pushes out only its like.
const CAPABILITIES: CacheLimits = CacheLimits { entries: 4096, bytes: 8 << 20 };

/// Connections that are turned away and taken note of, in a second and at once after a pause. Turning one away costs so little
/// that an attack could otherwise fill the logs. All of them are counted.
const REFUSALS: (NonZeroU32, NonZeroU32) = (NonZeroU32::new(10).unwrap(), NonZeroU32::new(100).unwrap());

pub(super) struct Server {
    pub(super) budget: Arc<Budget>,
    pub(super) connections: Connections,
    pub(super) accounts: Arc<Accounts>,
    /// Of which refusals note is taken.
    pub(super) refusals: EventLimit,
    pub(super) stop: Arc<Stop>,
    pub(super) metrics: Metrics,
    pub(super) readiness: Readiness,
    pub(super) pulses: Pulses,
    pub(super) metadata: Metadata,
    pub(super) started: Started,
    pub(super) foundation: Foundation,
    /// What new connections are served by. Sessions have their own.
    pub(super) in_force: Arc<ArcSwap<Configuration>>,
    /// What no reload changes.
    pub(super) fixed: Fixed,
    /// Reloads come one after the other.
    pub(super) reloading: Mutex<()>,
    log_writers: Mutex<Option<(AccessLogWriter, Option<AuditLogWriter>)>>,
}

impl Server {
    pub(super) fn new(mut config: Config) -> Result<Self, StartError> {
        let (fixed, started) = (Fixed::of(&config), Started::now(&config));
        let policies = Policies::of(&mut config);
        let metrics = Metrics::new()?;
        let (access_log, access_log_writer) =
            AccessLog::open(&config.access_log, metrics.clone()).map_err(StartError::AccessLog)?;
        let budget = Arc::new(Budget::new(config.memory));
        metrics.buffer_budget(config.memory);
        let gauged = Arc::clone(&budget);
        metrics.watch_buffers(move || gauged.used());
        let max_connections = Proxy::most_connections(&config, process::allowed_descriptors());
        metrics.limit_connections(max_connections);
        let connections = Connections::new(max_connections);
        let audit_log =
            config.audit_log.as_ref().map(|config| AuditLog::open(config, metrics.clone())).transpose()?;
        let (audit_log, audit_log_writer) = audit_log.unzip();
        let tickets = Tickets::new(std::mem::take(&mut config.ticket_keys));
        let foundation = Foundation {
            metrics: metrics.clone(),
            resolver: Arc::new(Resolver::new(&config.name_servers)?),
            ticketer: Arc::new(Ticketer::new(tickets.clone())?),
            tickets,
            capabilities: Arc::new(CapabilitiesCache::new(CAPABILITIES)),
        };
        foundation.capabilities.replace_seeds(seeds(&config.hosts)?);
        let addresses = Addresses::new([], &random()?, Instant::now());
        let configuration = Configuration::new(config, &foundation, &addresses, None)?;
        let in_force = Arc::new(ArcSwap::from_pointee(configuration));
        let shown = Arc::clone(&in_force);
        metrics.watch_in_force(move || shown.load().in_force());
        // Last, because with it the policy is on record.
        let metadata = Metadata::start(policies, access_log, audit_log, metrics.clone())?;
        metrics.loaded(SystemTime::now());
        Ok(Server {
            budget,
            connections,
            accounts: Arc::new(Accounts::new(&random()?)),
            refusals: EventLimit::new(REFUSALS.0, REFUSALS.1, Instant::now()),
            stop: Arc::default(),
            metrics,
            readiness: Readiness::new(),
            pulses: Pulses::default(),
            metadata,
            started,
            foundation,
            in_force,
            fixed,
            reloading: Mutex::default(),
            log_writers: Mutex::new(Some((access_log_writer, audit_log_writer))),
        })
    }

    /// What a connection is served by that is accepted now.
    pub(super) fn configuration(&self) -> Arc<Configuration> {
        self.in_force.load_full()
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

/// What the hosts' policies know of clients' capabilities.
pub(super) fn seeds(hosts: &[HostConfig]) -> Result<Seeds, SeedError> {
    let policies = hosts.iter().filter_map(|host| host.content_types.as_ref());
    Seeds::read(policies.flat_map(|policy| policy.seeds.iter().map(String::as_bytes)))
}
