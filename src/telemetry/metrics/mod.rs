//! The process's metrics, as Prometheus reads them. docs/metrics.md describes each.
//!
//! Labels are configured hosts and words from closed lists. A text that a peer sent cannot become one: the methods take
//! enums, or `&'static str` for the names of lists that other modules own.

mod content;
mod events;
mod families;
mod labels;
mod session;
#[cfg(test)]
mod tests;

pub use content::ClassStatus;
pub use events::EventMetrics;
pub use labels::{
    ConnectResult, ConnectionRefusal, EndReason, HandshakeResult, Label, LogName, LossReason, ReloadResult,
};
pub use session::{ConnectMetrics, SessionMetrics};

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder};
use serde::Serialize;

use crate::disclosure::{Event, Field, SinkName};
use crate::relay::Side;
use families::{ConnectionFamilies, ProcessFamilies, SessionFamilies};
use session::HostMetrics;

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
    hosts: BTreeMap<String, Arc<HostMetrics>>,
    /// Of the metadata policy in force.
    events: ArcSwapOption<EventMetrics>,
    /// Asked for each scrape, so that nothing is counted twice while sessions run.
    held: OnceLock<Box<dyn Fn() -> usize + Send + Sync>>,
    diagnostics_lost: OnceLock<Box<dyn Fn() -> u64 + Send + Sync>>,
}

impl Metrics {
    /// The media type of [`render`](Self::render)'s text.
    pub const MEDIA_TYPE: &'static str = prometheus::TEXT_FORMAT;

    /// Registers all metrics, those of sessions for each of the configured `hosts`. Everything starts at zero and is
    /// there from the first scrape on, but for refusals and stream errors, which appear with the first of their kind.
    pub fn new<'h>(hosts: impl IntoIterator<Item = &'h str>) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        register_process(&registry)?;
        let process = ProcessFamilies::register(&registry)?;
        let connections = ConnectionFamilies::register(&registry)?;
        let sessions = SessionFamilies::register(&registry)?;
        process.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        create_all::<LossReason>(&process.access_log.lost);
        create_all::<LossReason>(&process.audit_log.lost);
        create_all::<ConnectionRefusal>(&connections.refused);
        create_all::<HandshakeResult>(&connections.handshakes);
        create_all::<ReloadResult>(&process.reloads);
        let of_host = |host: &str| (host.to_owned(), Arc::new(HostMetrics::resolve(&sessions, host)));
        let hosts = hosts.into_iter().map(of_host).collect();
        let events = ArcSwapOption::empty();
        let (held, diagnostics_lost) = (OnceLock::new(), OnceLock::new());
        let registered = Registered { registry, process, connections, hosts, events, held, diagnostics_lost };
        Ok(Self(Arc::new(registered)))
    }

    /// A connection was accepted. It counts as open until the returned guard is dropped.
    pub fn connection_accepted(&self) -> OpenConnection {
        self.0.connections.accepted.inc();
        self.0.connections.open.inc();
        OpenConnection(self.0.connections.open.clone())
    }

    /// A connection was closed before TLS.
    pub fn connection_refused(&self, reason: ConnectionRefusal) {
        self.0.connections.refused.with_label_values(&[reason.name()]).inc();
    }

    /// A TLS handshake with a client ended.
    pub fn tls_handshake(&self, result: HandshakeResult, duration: Duration) {
        self.0.connections.handshakes.with_label_values(&[result.name()]).inc();
        if result == HandshakeResult::Completed {
            self.0.connections.handshake_duration.observe(duration.as_secs_f64());
        }
    }

    /// The gate refused the stream of `side`; `kind` is the refusal's name.
    pub fn gate_refused(&self, side: Side, kind: &'static str) {
        self.0.connections.gate_refusals.with_label_values(&[side.name(), kind]).inc();
    }

    /// Vestibule sent a stream error to `side`; `condition` is the element's name (RFC 6120, 4.9.3).
    pub fn stream_error_sent(&self, side: Side, condition: &'static str) {
        self.0.connections.stream_errors.with_label_values(&[side.name(), condition]).inc();
    }

    /// A session begins. `None` if `host` is not one of the configured ones.
    pub fn session(&self, host: &str) -> Option<SessionMetrics> {
        self.0.hosts.get(host).map(|host| SessionMetrics::start(Arc::clone(host)))
    }

    /// Says what all sessions together may hold in their buffers, and how to ask what they hold now, in bytes.
    pub fn watch_buffers(&self, budget: usize, held: impl Fn() -> usize + Send + Sync + 'static) {
        self.0.process.buffer_budget.set(saturating(budget));
        // The first one stays: a process has one budget.
        let _ = self.0.held.set(Box::new(held));
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
    }

    /// The counters of one log.
    pub fn log(&self, name: LogName) -> LogMetrics {
        let family = match name {
            LogName::Access => &self.0.process.access_log,
            LogName::Audit => &self.0.process.audit_log,
        };
        LogMetrics { written: family.written.clone(), lost: family.lost.clone() }
    }

    /// How each host fares, for people and scripts that want to see it at a glance.
    pub fn status(&self) -> BTreeMap<&str, HostStatus> {
        let status = |host: &HostMetrics| HostStatus {
            sessions_open: host.open.get(),
            content: host.content.status(),
        };
        self.0.hosts.iter().map(|(name, host)| (name.as_str(), status(host))).collect()
    }

    /// Everything as it is now, in Prometheus' text format. `None` if a metric cannot be encoded.
    pub fn render(&self) -> Option<Vec<u8>> {
        if let Some(held) = self.0.held.get() {
            self.0.process.buffered.set(saturating(held()));
        }
        if let Some(lost) = self.0.diagnostics_lost.get() {
            let counter = &self.0.process.diagnostics_lost;
            counter.inc_by(lost().saturating_sub(counter.get()));
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.gather(), &mut text).ok()?;
        Some(text)
    }

    fn gather(&self) -> Vec<MetricFamily> {
        let mut families = self.0.registry.gather();
        if let Some(events) = &*self.0.events.load() {
            families.extend(events.gather());
        }
        families
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
