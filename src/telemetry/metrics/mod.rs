//! The process's metrics, as Prometheus reads them. docs/metrics.md describes each.
//!
//! Labels are configured hosts and words from closed lists. A text that a peer sent cannot become one: the methods take
//! enums, or `&'static str` for the names of lists that other modules own.

mod content;
mod events;
mod families;
mod hosts;
mod in_force;
mod labels;
mod session;
mod snapshot;
#[cfg(test)]
mod tests;

pub use content::ClassStatus;
pub use events::EventMetrics;
pub use in_force::InForce;
pub use labels::{
    ConnectResult, ConnectionRefusal, EndReason, EndpointState, HandshakeKind, HandshakeResult, Label,
    LimitRefusal, LogName, LossReason, ReloadResult, TlsVersion,
};
pub use session::{ConnectMetrics, HostMetrics, SessionMetrics};
pub use snapshot::{Count, Snapshot};

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Histogram, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder};
use serde::Serialize;

use crate::disclosure::{Event, Field, SinkName};
use crate::relay::Side;
use families::{ConnectionFamilies, ProcessFamilies, SessionFamilies};
use hosts::Hosts;
use in_force::{AskInForce, timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    #[error("the metric `{0}` cannot be registered")]
    Register(&'static str),
}

/// All metrics. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Metrics(Arc<Registered>);

struct Registered {
    registry: Registry,
    process: ProcessFamilies,
    connections: ConnectionFamilies,
    hosts: Arc<Hosts>,
    /// Of the metadata policy in force.
    events: ArcSwapOption<EventMetrics>,
    /// Asked for each scrape, so that nothing is counted twice while sessions run.
    held: OnceLock<Box<dyn Fn() -> usize + Send + Sync>>,
    in_force: OnceLock<Box<AskInForce>>,
    diagnostics_lost: OnceLock<Box<dyn Fn() -> u64 + Send + Sync>>,
}

impl Metrics {
    /// The media type of [`render`](Self::render)'s text.
    pub const MEDIA_TYPE: &'static str = prometheus::TEXT_FORMAT;

    /// Registers all metrics. Everything starts at zero and is there from the first scrape on, those of sessions for each
    /// [`host`](Self::host); but for refusals, stream errors and what a shadow policy discloses, which appear with the first of their kind.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        register_process(&registry)?;
        let process = ProcessFamilies::register(&registry)?;
        let connections = ConnectionFamilies::register(&registry)?;
        let sessions = SessionFamilies::register(&registry)?;
        process.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        create_all::<LossReason>(&process.access_log.lost);
        create_all::<LossReason>(&process.audit_log.lost);
        create_all::<ConnectionRefusal>(&connections.refused);
        create_all::<LimitRefusal>(&connections.limit_refusals);
        create_all::<HandshakeResult>(&connections.handshakes);
        for version in TlsVersion::ALL {
            for kind in HandshakeKind::ALL {
                connections.negotiated.with_label_values(&[version.name(), kind.name()]);
            }
        }
        create_all::<ReloadResult>(&process.reloads);
        let hosts = Arc::new(Hosts::new(sessions));
        let events = ArcSwapOption::empty();
        let (held, in_force, diagnostics_lost) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ok(Self(Arc::new(Registered {
            registry,
            process,
            connections,
            hosts,
            events,
            held,
            in_force,
            diagnostics_lost,
        })))
    }

    /// A connection was accepted: it is whole from its PROXY header on, and its address may have it.
    pub fn connection_accepted(&self) {
        self.0.connections.accepted.inc();
    }

    /// A connection counts as open until the returned guard is dropped, whatever becomes of it.
    pub fn connection_opened(&self) -> OpenConnection {
        self.0.connections.open.inc();
        OpenConnection(self.0.connections.open.clone())
    }

    /// A connection was closed before TLS.
    pub fn connection_refused(&self, reason: ConnectionRefusal) {
        self.0.connections.refused.with_label_values(&[reason.name()]).inc();
    }

    /// A balancer asked whether Vestibule is there, and nothing more.
    pub fn health_checked(&self) {
        self.0.connections.health_checks.inc();
    }

    /// A TLS handshake with a client ended.
    pub fn tls_handshake(&self, result: HandshakeResult, duration: Duration) {
        self.0.connections.handshakes.with_label_values(&[result.name()]).inc();
        if result == HandshakeResult::Completed {
            self.0.connections.handshake_duration.observe(duration.as_secs_f64());
        }
    }

    /// What a completed handshake agreed on.
    pub fn tls_negotiated(&self, version: TlsVersion, kind: HandshakeKind) {
        self.0.connections.negotiated.with_label_values(&[version.name(), kind.name()]).inc();
    }

    /// The gate refused the stream of `side`; `kind` is the refusal's name.
    pub fn gate_refused(&self, side: Side, kind: &'static str) {
        self.0.connections.gate_refusals.with_label_values(&[side.name(), kind]).inc();
    }

    /// A limit of the client's address or account ended its stream behind TLS.
    pub fn limit_refused(&self, refusal: LimitRefusal) {
        self.0.connections.limit_refusals.with_label_values(&[refusal.name()]).inc();
    }

    /// Vestibule sent a stream error to `side`; `condition` is the element's name (RFC 6120, 4.9.3).
    pub fn stream_error_sent(&self, side: Side, condition: &'static str) {
        self.0.connections.stream_errors.with_label_values(&[side.name(), condition]).inc();
    }

    /// The metrics of a configured host. They are shown as long as somebody holds them.
    pub fn host(&self, name: &str) -> Arc<HostMetrics> {
        self.0.hosts.of(name)
    }

    /// Says how many connections may be open at one time from here on.
    pub fn limit_connections(&self, most: usize) {
        self.0.connections.most.set(saturating(most));
    }

    /// Says whether new clients are taken.
    pub fn show_ready(&self, ready: bool) {
        self.0.process.ready.set(ready.into());
    }

    /// The delays of one of the workers.
    pub fn worker(&self, number: usize) -> WorkerMetrics {
        WorkerMetrics(self.0.process.worker_delay.with_label_values(&[number.to_string()]))
    }

    /// Says how to ask what all sessions together hold in their buffers, in bytes.
    pub fn watch_buffers(&self, held: impl Fn() -> usize + Send + Sync + 'static) {
        // The first one stays: a process has one budget.
        let _ = self.0.held.set(Box::new(held));
    }

    /// What all sessions together may hold in their buffers from here on, in bytes.
    pub fn buffer_budget(&self, budget: usize) {
        self.0.process.buffer_budget.set(saturating(budget));
    }

    /// Says how to ask what is in force.
    pub fn watch_in_force(&self, ask: impl Fn() -> InForce + Send + Sync + 'static) {
        // The first one stays: it tells of one configuration after the other.
        let _ = self.0.in_force.set(Box::new(ask));
    }

    /// Says how to ask how many lines of the process's own log were lost.
    pub fn watch_diagnostics(&self, lost: impl Fn() -> u64 + Send + Sync + 'static) {
        // The first one stays: a process has one log of its own.
        let _ = self.0.diagnostics_lost.set(Box::new(lost));
    }

    /// From here on these counters of events are shown. What was counted under another policy is forgotten.
    pub fn follow(&self, events: Arc<EventMetrics>) {
        self.0.events.store(Some(events));
    }

    /// The shadow policy would have let `field` of `event` into `sink`.
    pub fn shadow_disclosed(&self, sink: SinkName, event: Event, field: Field) {
        self.0.process.shadow.with_label_values(&[sink.name(), event.name(), field.name()]).inc();
    }

    /// A reload was asked for.
    pub fn reloaded(&self, result: ReloadResult) {
        self.0.process.reloads.with_label_values(&[result.name()]).inc();
        match result {
            ReloadResult::Accepted => self.loaded(SystemTime::now()),
            ReloadResult::Refused => self.0.process.last_reload_successful.set(0),
        }
    }

    /// A configuration was taken over, at the start or by a reload.
    pub fn loaded(&self, now: SystemTime) {
        self.0.process.last_reload_successful.set(1);
        self.0.process.last_reload_success.set(timestamp(now));
    }

    /// The counters of one log.
    pub fn log(&self, name: LogName) -> LogMetrics {
        let family = match name {
            LogName::Access => &self.0.process.access_log,
            LogName::Audit => &self.0.process.audit_log,
        };
        LogMetrics { written: family.written.clone(), lost: family.lost.clone() }
    }

    /// Sessions that are open now, of all hosts.
    pub fn sessions_open(&self) -> i64 {
        self.0.hosts.all().iter().map(|host| host.open.get()).sum()
    }

    /// How each host fares, for people and scripts that want to see it at a glance.
    pub fn status(&self) -> BTreeMap<String, HostStatus> {
        let status = |host: &HostMetrics| HostStatus {
            sessions_open: host.open.get(),
            content: host.content.status(),
        };
        self.0.hosts.all().iter().map(|host| (host.name.clone(), status(host))).collect()
    }

    /// Upstreams and certificates as they are in force now.
    fn in_force(&self) -> InForce {
        self.0.in_force.get().map(|ask| ask()).unwrap_or_default()
    }

    /// The counters and gauges as they are now.
    pub fn snapshot(&self) -> Snapshot {
        self.refresh();
        // Gathering fails only where two metrics have the same name.
        Snapshot::of(&self.gather().unwrap_or_default())
    }

    /// Everything as it is now, in Prometheus' text format. `None` if a metric cannot be encoded.
    pub fn render(&self) -> Option<Vec<u8>> {
        self.refresh();
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.gather().ok()?, &mut text).ok()?;
        Some(text)
    }

    /// Asks for what is not counted as it happens.
    fn refresh(&self) {
        if let Some(held) = self.0.held.get() {
            self.0.process.buffered.set(saturating(held()));
        }
        if let Some(lost) = self.0.diagnostics_lost.get() {
            let counter = &self.0.process.diagnostics_lost;
            counter.inc_by(lost().saturating_sub(counter.get()));
        }
    }

    fn gather(&self) -> Result<Vec<MetricFamily>, MetricsError> {
        let mut families = self.0.registry.gather();
        families.extend(self.in_force().gather()?);
        if let Some(events) = &*self.0.events.load() {
            families.extend(events.gather());
        }
        Ok(families)
    }
}

/// How a host fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostStatus {
    pub sessions_open: i64,
    /// By class: what was advertised, received and replaced since the process started.
    pub content: BTreeMap<&'static str, ClassStatus>,
}

/// The counters of one log.
#[derive(Clone)]
pub struct LogMetrics {
    written: IntCounter,
    lost: IntCounterVec,
}

impl LogMetrics {
    /// A line was written.
    pub fn written(&self) {
        self.written.inc();
    }

    /// `lines` were not written.
    pub fn lost(&self, reason: LossReason, lines: u64) {
        self.lost.with_label_values(&[reason.name()]).inc_by(lines);
    }
}

/// How late one worker comes to do what is due.
pub struct WorkerMetrics(Histogram);

impl WorkerMetrics {
    /// It came so much later than it was due.
    pub fn delayed(&self, delay: Duration) {
        self.0.observe(delay.as_secs_f64());
    }
}

/// Counts a connection as open until it is dropped.
pub struct OpenConnection(IntGauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Makes a metric appear with zero for each word of its label: a rate needs the zero before the first event.
fn create_all<L: Label>(family: &IntCounterVec) {
    for word in L::ALL {
        family.with_label_values(&[word.name()]);
    }
}

/// The `process_*` metrics that every Prometheus client library has: CPU, memory, file descriptors, start time.
#[cfg(target_os = "linux")]
fn register_process(registry: &Registry) -> Result<(), MetricsError> {
    let collector = prometheus::process_collector::ProcessCollector::for_self();
    registry.register(Box::new(collector)).map_err(|_| MetricsError::Register("process"))
}

#[cfg(not(target_os = "linux"))]
fn register_process(_registry: &Registry) -> Result<(), MetricsError> {
    Ok(())
}

fn saturating(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
