//! The status, gathered from all parts when somebody asks for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::{Config, Host};
use crate::content_types::{Carrier, ContentTypesPolicy};
use crate::limit::{Limits, Rate};
use crate::telemetry::Status;
use crate::telemetry::metrics::{EndpointState, HostStatus as Counts, Label, Snapshot};
use crate::telemetry::status::{
    AddressStatus, CertificateStatus, ContentTypesOutline, Fullness, HostOutline, HostStatus, LimitsOutline,
    RateOutline, ShownTo, State, Unit, UpstreamStatus, troubles,
};
use crate::upstream::{Gatekeeper, UpstreamConfig};

use super::configuration::Configuration;
use super::server::Server;
use super::workers;

/// The beginning of the process.
pub(super) struct Started {
    workers: usize,
    at: SystemTime,
    /// The same moment by a clock that is never set.
    began: Instant,
}

impl Started {
    pub(super) fn now(config: &Config) -> Self {
        Self { workers: workers(config), at: SystemTime::now(), began: Instant::now() }
    }
}

/// How everything fares now.
pub(super) fn of(server: &Server) -> Status {
    let (now, started, snapshot) = (SystemTime::now(), &server.started, server.metrics.snapshot());
    let state = server.readiness.state();
    let configuration = server.configuration();
    let mut counts = server.metrics.status();
    let sessions_open = counts.values().map(|counts| counts.sessions_open).sum();
    let hosts = hosts(&configuration, &mut counts);
    // Of one without sessions there is something left as long as some session has the configuration that had it.
    counts.retain(|_, counts| counts.sessions_open != 0);
    Status {
        version: env!("CARGO_PKG_VERSION"),
        state,
        ready: state == State::Ready,
        now: moment(now),
        started: moment(started.at),
        uptime_seconds: started.began.elapsed().as_secs(),
        loaded: moment(configuration.since),
        last_reload_successful: snapshot.sum("vestibule_config_last_reload_successful") != 0.0,
        workers: started.workers,
        fullness: fullness(&snapshot),
        sessions_open,
        hosts,
        hosts_taken_out: counts,
        upstreams: upstreams(&configuration),
        certificates: certificates(&configuration, now),
        metadata: server.metadata.status(),
        troubles: troubles(&snapshot),
    }
}

/// A time in the form of RFC 3339, in whole seconds.
pub(super) fn moment(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}

/// What stops taking more when it is full.
fn fullness(snapshot: &Snapshot) -> Vec<Fullness> {
    let known = [
        ("Connections", "vestibule_connections_open", "vestibule_connections_max", Unit::Count),
        ("Buffers", "vestibule_buffered_bytes", "vestibule_buffer_budget_bytes", Unit::Bytes),
        ("File descriptors", "process_open_fds", "process_max_fds", Unit::Count),
    ];
    let fullness = known.map(|(of, used, most, unit)| Fullness {
        of: of.to_owned(),
        // Neither is below zero, and both are whole.
        used: snapshot.sum(used) as u64,
        most: snapshot.sum(most) as u64,
        unit,
    });
    fullness.into_iter().filter(|fullness| fullness.most > 0).collect()
}

/// Those that are configured, whose counts are taken out of `counts`.
fn hosts(
    configuration: &Configuration,
    counts: &mut BTreeMap<String, Counts>,
) -> BTreeMap<String, HostStatus> {
    let status = |host: &Host| {
        let counts = counts.remove(&host.name)?;
        Some((host.name.clone(), HostStatus { counts, configured: outline(host) }))
    };
    configuration.hosts.iter().filter_map(status).collect()
}

fn outline(host: &Host) -> HostOutline {
    HostOutline {
        upstream: host.upstream.name.clone(),
        server_names: host.server_names.clone(),
        limits: limits(&host.limits),
        content_types: host.content_types.as_deref().map(content_types),
    }
}

fn limits(limits: &Limits) -> LimitsOutline {
    let rate = |rate: Rate| RateOutline {
        stanzas_per_second: rate.stanzas_per_second.get(),
        kib_per_second: rate.kib_per_second.get(),
    };
    LimitsOutline {
        connections_per_address: limits.connections.at_once.get(),
        sessions_per_account: limits.accounts.sessions.get(),
        client_rate: limits.client_rate.map(rate),
        gatekeeper_rate: limits.gatekeeper_rate.map(rate),
    }
}

fn content_types(policy: &ContentTypesPolicy) -> ContentTypesOutline {
    let carriers = Carrier::ALL.into_iter().filter(|carrier| policy.carriers.contains(*carrier));
    ContentTypesOutline {
        dialect: policy.dialect.namespace().to_owned(),
        carriers: carriers.map(Carrier::name).collect(),
        profiles: policy.profiles.iter().map(|profile| profile.name.clone()).collect(),
    }
}

fn upstreams(configuration: &Configuration) -> BTreeMap<String, UpstreamStatus> {
    let status = |gatekeeper: &Arc<Gatekeeper>| (gatekeeper.name().to_owned(), upstream(gatekeeper));
    configuration.gatekeepers().map(status).collect()
}

fn upstream(gatekeeper: &Gatekeeper) -> UpstreamStatus {
    let counts = gatekeeper.counts();
    let mut addresses: Vec<_> = gatekeeper.addresses().into_iter().map(address).collect();
    addresses.sort();
    UpstreamStatus {
        endpoints: gatekeeper.config().endpoints.to_string(),
        up: counts.health.up,
        ejected: counts.health.ejected,
        connecting: counts.connecting,
        connecting_max: counts.most_connecting,
        addresses,
    }
}

fn address((address, up): (SocketAddr, bool)) -> AddressStatus {
    let state = if up { EndpointState::Up } else { EndpointState::Ejected };
    AddressStatus { address: address.to_string(), state: state.name() }
}

/// What clients and gatekeepers are shown, in the order of their ends.
fn certificates(configuration: &Configuration, now: SystemTime) -> Vec<CertificateStatus> {
    let upstreams: BTreeMap<&str, &UpstreamConfig> =
        configuration.hosts.iter().map(|host| (host.upstream.name.as_str(), &*host.upstream)).collect();
    let shown = upstreams.into_values().filter(|upstream| upstream.tls.has_certificate());
    let of_host = |host: &Host| {
        let names = host.server_names.clone();
        (host.certificate_end, certificate(ShownTo::Clients, &host.name, names, host.certificate_end, now))
    };
    let of_upstream = |upstream: &UpstreamConfig| {
        let UpstreamConfig { name, certificate_end: end, .. } = upstream;
        (*end, certificate(ShownTo::Gatekeeper, name, Vec::new(), *end, now))
    };
    let mut certificates: Vec<_> =
        configuration.hosts.iter().map(of_host).chain(shown.map(of_upstream)).collect();
    certificates.sort_by_key(|(end, _)| *end);
    certificates.into_iter().map(|(_, certificate)| certificate).collect()
}

fn certificate(
    shown_to: ShownTo,
    of: &str,
    server_names: Vec<String>,
    end: Option<SystemTime>,
    now: SystemTime,
) -> CertificateStatus {
    let left = |end: SystemTime| match end.duration_since(now) {
        Ok(left) => i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        Err(past) => i64::try_from(past.duration().as_secs()).map_or(i64::MIN, |past| -past),
    };
    let of = of.to_owned();
    CertificateStatus { shown_to, of, server_names, ends: end.map(moment), ends_in_seconds: end.map(left) }
}
