//! Every metric's name, labels and help, in this one place. docs/metrics.md lists them for people; a test compares.

use prometheus::core::Collector;
use prometheus::{
    CounterVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry,
};

use super::MetricsError;

/// Upper bounds in seconds: from a handshake on the same network to the longest that is waited for one.
const HANDSHAKE_SECONDS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Of one log.
pub(super) struct LogFamilies {
    pub written: IntCounter,
    pub lost: IntCounterVec,
}

/// Of the process as a whole.
pub(super) struct ProcessFamilies {
    pub buffered: IntGauge,
    pub buffer_budget: IntGauge,
    pub access_log: LogFamilies,
    pub audit_log: LogFamilies,
    pub build_info: IntGaugeVec,
    pub diagnostics_lost: IntCounter,
    pub reloads: IntCounterVec,
    pub shadow: IntCounterVec,
}

impl ProcessFamilies {
    pub fn register(registry: &Registry) -> Result<Self, MetricsError> {
        let registrar = Registrar(registry);
        Ok(Self {
            buffered: registrar
                .gauge("vestibule_buffered_bytes", "Bytes that sessions hold until a side takes them.")?,
            buffer_budget: registrar
                .gauge("vestibule_buffer_budget_bytes", "Most bytes that all sessions together may hold.")?,
            access_log: LogFamilies {
                written: registrar.counter(
                    "vestibule_access_log_lines_written_total",
                    "Access-log lines that were written.",
                )?,
                lost: registrar.counters(
                    "vestibule_access_log_lines_lost_total",
                    "Access-log lines that were not written, by reason.",
                    &["reason"],
                )?,
            },
            audit_log: LogFamilies {
                written: registrar.counter(
                    "vestibule_audit_log_lines_written_total",
                    "Audit-log lines of disclosed events that were written.",
                )?,
                lost: registrar.counters(
                    "vestibule_audit_log_lines_lost_total",
                    "Audit-log lines of disclosed events that were not written, by reason.",
                    &["reason"],
                )?,
            },
            build_info: registrar.gauges(
                "vestibule_build_info",
                "Always 1; the label tells which version is running.",
                &["version"],
            )?,
            diagnostics_lost: registrar.counter(
                "vestibule_diagnostics_lines_lost_total",
                "Lines of the process's own log that were not written.",
            )?,
            reloads: registrar.counters(
                "vestibule_reloads_total",
                "Reloads that were asked for, by result.",
                &["result"],
            )?,
            shadow: registrar.counters(
                "vestibule_shadow_disclosures_total",
                "Fields that the shadow policy would have let out, by sink, event and field.",
                &["sink", "event", "field"],
            )?,
        })
    }
}

/// Of connections before they have a host, and of what is refused with or without one.
pub(super) struct ConnectionFamilies {
    pub accepted: IntCounter,
    pub open: IntGauge,
    pub refused: IntCounterVec,
    pub handshakes: IntCounterVec,
    pub handshake_duration: Histogram,
    pub gate_refusals: IntCounterVec,
    pub stream_errors: IntCounterVec,
}

impl ConnectionFamilies {
    pub fn register(registry: &Registry) -> Result<Self, MetricsError> {
        let registrar = Registrar(registry);
        Ok(Self {
            accepted: registrar.counter(
                "vestibule_connections_accepted_total",
                "Connections of clients that were accepted.",
            )?,
            open: registrar.gauge("vestibule_connections_open", "Connections of clients that are open.")?,
            refused: registrar.counters(
                "vestibule_connections_refused_total",
                "Connections of clients that were closed before TLS, by reason.",
                &["reason"],
            )?,
            handshakes: registrar.counters(
                "vestibule_tls_handshakes_total",
                "TLS handshakes with clients, by result.",
                &["result"],
            )?,
            handshake_duration: registrar.histogram(
                "vestibule_tls_handshake_duration_seconds",
                "How long completed TLS handshakes with clients took.",
            )?,
            gate_refusals: registrar.counters(
                "vestibule_gate_refusals_total",
                "Streams that the gate refused, by the side that sent them and the kind of refusal.",
                &["side", "kind"],
            )?,
            stream_errors: registrar.counters(
                "vestibule_stream_errors_sent_total",
                "Stream errors that Vestibule sent, by the side that got them and the condition.",
                &["side", "condition"],
            )?,
        })
    }
}

/// Of sessions, by host.
pub(super) struct SessionFamilies {
    pub open: IntGaugeVec,
    pub ended: IntCounterVec,
    pub connects: ConnectFamilies,
    pub bytes: IntCounterVec,
    pub stanzas: IntCounterVec,
    pub edited: IntCounterVec,
    pub edits_skipped: IntCounterVec,
    pub throttled: CounterVec,
    pub content: ContentFamilies,
}

/// Of connects to the gatekeeper, by host.
pub(super) struct ConnectFamilies {
    pub tried: IntCounterVec,
    pub duration: HistogramVec,
}

impl ConnectFamilies {
    fn register(registrar: &Registrar<'_>) -> Result<Self, MetricsError> {
        Ok(Self {
            tried: registrar.counters(
                "vestibule_upstream_connects_total",
                "Attempts to connect to the gatekeeper, by result.",
                &["host", "result"],
            )?,
            duration: registrar.histograms(
                "vestibule_upstream_connect_duration_seconds",
                "How long completed connects to the gatekeeper took, name resolution, TCP and TLS.",
                &["host"],
            )?,
        })
    }
}

/// Of content, by host and class.
pub(super) struct ContentFamilies {
    pub advertised: IntCounterVec,
    pub received: IntCounterVec,
    pub unadvertised: IntCounterVec,
    pub replaced: IntCounterVec,
}

impl ContentFamilies {
    fn register(registrar: &Registrar<'_>) -> Result<Self, MetricsError> {
        Ok(Self {
            advertised: registrar.counters(
                "vestibule_content_advertised_total",
                "Advertisements to the gatekeeper that named the class, by carrier.",
                &["host", "class", "carrier"],
            )?,
            received: registrar.counters(
                "vestibule_content_received_total",
                "Contents of the class that the gatekeeper sent.",
                &["host", "class"],
            )?,
            unadvertised: registrar.counters(
                "vestibule_content_unadvertised_total",
                "Contents of the class that the gatekeeper sent although the client cannot receive them.",
                &["host", "class"],
            )?,
            replaced: registrar.counters(
                "vestibule_content_replaced_total",
                "Contents of the class that did not reach the client, by what took their place.",
                &["host", "class", "by"],
            )?,
        })
    }
}

impl SessionFamilies {
    pub fn register(registry: &Registry) -> Result<Self, MetricsError> {
        let registrar = Registrar(registry);
        Ok(Self {
            open: registrar.gauges("vestibule_sessions_open", "Sessions that are open.", &["host"])?,
            ended: registrar.counters(
                "vestibule_sessions_ended_total",
                "Sessions that ended, by reason.",
                &["host", "reason"],
            )?,
            connects: ConnectFamilies::register(&registrar)?,
            bytes: registrar.counters(
                "vestibule_received_bytes_total",
                "Bytes of streams that were received, inside TLS.",
                &["host", "direction"],
            )?,
            stanzas: registrar.counters(
                "vestibule_relayed_stanzas_total",
                "Stanzas that were relayed.",
                &["host", "direction"],
            )?,
            edited: registrar.counters(
                "vestibule_frames_edited_total",
                "Frames that were edited, by what was edited.",
                &["host", "kind"],
            )?,
            edits_skipped: registrar.counters(
                "vestibule_edits_skipped_total",
                "Edits that were left out because the frame would have been too large for its receiver.",
                &["host"],
            )?,
            throttled: registrar.seconds(
                "vestibule_throttled_seconds_total",
                "Time for which clients were not read because they were over their rate.",
                &["host"],
            )?,
            content: ContentFamilies::register(&registrar)?,
        })
    }
}

/// Makes metrics and registers them.
struct Registrar<'r>(&'r Registry);

impl Registrar<'_> {
    fn counter(&self, name: &'static str, help: &str) -> Result<IntCounter, MetricsError> {
        self.register(name, IntCounter::new(name, help))
    }

    fn counters(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, MetricsError> {
        self.register(name, IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn seconds(&self, name: &'static str, help: &str, labels: &[&str]) -> Result<CounterVec, MetricsError> {
        self.register(name, CounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &'static str, help: &str) -> Result<IntGauge, MetricsError> {
        self.register(name, IntGauge::new(name, help))
    }

    fn gauges(&self, name: &'static str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, MetricsError> {
        self.register(name, IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn histogram(&self, name: &'static str, help: &str) -> Result<Histogram, MetricsError> {
        let options = HistogramOpts::new(name, help).buckets(HANDSHAKE_SECONDS.to_vec());
        self.register(name, Histogram::with_opts(options))
    }

    fn histograms(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
    ) -> Result<HistogramVec, MetricsError> {
        let options = HistogramOpts::new(name, help).buckets(HANDSHAKE_SECONDS.to_vec());
        self.register(name, HistogramVec::new(options, labels))
    }

    fn register<M: Collector + Clone + 'static>(
        &self,
        name: &'static str,
        metric: prometheus::Result<M>,
    ) -> Result<M, MetricsError> {
        let metric = metric.map_err(|_| MetricsError::Register(name))?;
        self.0.register(Box::new(metric.clone())).map_err(|_| MetricsError::Register(name))?;
        Ok(metric)
    }
}
