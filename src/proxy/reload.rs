//! A reload: all of a configuration is taken over, or nothing.
//!
//! Whatever can fail comes first and leaves nothing behind; then the metadata policy is put on record and takes effect,
//! and what follows cannot fail.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, MutexGuard, PoisonError};

use crate::config::{Config, Host as HostConfig};
use crate::content_types::SeedError;
use crate::downstream::ListenerConfig;
use crate::downstream::tls::AcceptorError;
use crate::process;
use crate::telemetry::diagnostics::HostChange;
use crate::telemetry::{AccessLogTarget, AuditLogConfig, Diagnostic};

use super::Proxy;
use super::configuration::Configuration;
use super::metadata::{Policies, PolicyError};
use super::server::{Server, seeds};

/// Why a configuration is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error("a new process is needed for what has changed in {}; a running one keeps it", keys(.0))]
    Fixed(Vec<&'static str>),
    #[error("the process is about to end")]
    Stopping,
    #[error(transparent)]
    Tls(#[from] AcceptorError),
    #[error(transparent)]
    Capabilities(#[from] SeedError),
    #[error(transparent)]
    Metadata(#[from] PolicyError),
}

/// What is set up once, when the process starts.
pub(super) struct Fixed {
    listeners: Vec<ListenerConfig>,
    admin: Option<SocketAddr>,
    workers: Option<NonZeroUsize>,
    access_log: AccessLogTarget,
    audit_log: Option<AuditLogConfig>,
    name_servers: Vec<SocketAddr>,
}

impl Fixed {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            listeners: config.listeners.clone(),
            admin: config.admin,
            workers: config.workers,
            access_log: config.access_log.clone(),
            audit_log: config.audit_log.clone(),
            name_servers: config.name_servers.clone(),
        }
    }

    /// The error names every key under which something else stands.
    fn hold(&self, config: &Config) -> Result<(), ReloadError> {
        let same = [
            ("listeners", self.listeners == config.listeners),
            ("admin", self.admin == config.admin),
            ("workers", self.workers == config.workers),
            ("access_log", self.access_log == config.access_log),
            ("audit_log", self.audit_log == config.audit_log),
            ("resolver", self.name_servers == config.name_servers),
        ];
        let changed: Vec<_> = same.iter().filter(|(_, same)| !same).map(|(key, _)| *key).collect();
        if changed.is_empty() { Ok(()) } else { Err(ReloadError::Fixed(changed)) }
    }
}

impl Server {
    /// New connections are served by this configuration from here on; or, if that cannot be, nothing has changed.
    pub(super) fn reload(&self, mut config: Config) -> Result<(), ReloadError> {
        let _reloading = self.one_reload();
        if self.readiness.is_draining() {
            return Err(ReloadError::Stopping);
        }
        self.fixed.hold(&config)?;
        let policies = Policies::of(&mut config);
        let digest = policies.metadata.digest;
        let max_connections = Proxy::most_connections(&config, process::allowed_descriptors());
        let memory = config.memory;
        let ticket_keys = std::mem::take(&mut config.ticket_keys);
        let before = self.configuration();
        let seeds = seeds(&config.hosts)?;
        let after = Configuration::new(config, &self.foundation, &before.addresses, Some(&before))?;
        self.metadata.replace(policies)?;
        self.connections.set_limit(max_connections);
        self.metrics.limit_connections(max_connections);
        self.budget.set_limit(memory);
        self.metrics.buffer_budget(memory);
        self.foundation.capabilities.replace_seeds(seeds);
        self.foundation.tickets.replace(ticket_keys);
        let after = Arc::new(after);
        self.in_force.store(Arc::clone(&after));
        report_changes(&before.hosts, &after.hosts);
        Diagnostic::Reloaded { digest }.report();
        Ok(())
    }

    /// Returns when no reload is under way.
    pub(super) fn wait_for_reload(&self) {
        drop(self.one_reload());
    }

    fn one_reload(&self) -> MutexGuard<'_, ()> {
        self.reloading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report_changes(before: &[HostConfig], after: &[HostConfig]) {
    fn of<'h>(hosts: &'h [HostConfig], name: &str) -> Option<&'h HostConfig> {
        hosts.iter().find(|host| host.name == name)
    }
    for host in before.iter().filter(|host| of(after, &host.name).is_none()) {
        Diagnostic::HostReloaded { host: &host.name, change: HostChange::Removed }.report();
    }
    for host in after {
        let change = match of(before, &host.name) {
            None => HostChange::Added,
            Some(same) if same == host => continue,
            Some(_) => HostChange::Changed,
        };
        Diagnostic::HostReloaded { host: &host.name, change }.report();
    }
}

fn keys(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
