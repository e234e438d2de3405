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

/// Upper bounds in seconds: from a client that leaves at once to one that stays for a week.
const SESSION_SECONDS: [f64; 10] =
    [1.0, 10.0, 60.0, 300.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 604_800.0];

/// Upper bounds in seconds: from a timer that is on time, as far as its milliseconds go, to a worker that hangs.
const DELAY_SECONDS: [f64; 10] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

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
    pub ready: IntGauge,
    pub worker_delay: HistogramVec,
    pub diagnostics_lost: IntCounter,
    pub reloads: IntCounterVec,
    pub last_reload_successful: IntGauge,
    pub last_reload_success: IntGauge,
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
            ready: registrar.gauge(
                "vestibule_ready",
                "1 while new clients are taken, 0 at the start and while draining.",
            )?,
            worker_delay: registrar.histograms(
                "vestibule_worker_delay_seconds",
                "How late workers came to do what was due, looked at twice a second.",
                &DELAY_SECONDS,
                &["worker"],
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
            last_reload_successful: registrar.gauge(
                "vestibule_config_last_reload_successful",
                "Whether the configuration was taken over when it was loaded last: 1 or 0.",
            )?,
            last_reload_success: registrar.gauge(
                "vestibule_config_last_reload_success_timestamp_seconds",
                "When a configuration was last taken over, since 1970.",
            )?,
            shadow: registrar.counters(
                "vestibule_shadow_disclosures_total",
                "Fields that the shadow policy would have let out, by sink, event and field.",
                &["sink", "event", "field"],
            )?,
        })
    }
}

/// Of what the configuration in force says and knows.
pub(super) struct InForceFamilies {
    pub endpoints: IntGaugeVec,
    pub ejections: IntCounterVec,
    pub connecting: IntGaugeVec,
    pub most_connecting: IntGaugeVec,
    pub host_certificates: IntGaugeVec,
    pub client_certificates: IntGaugeVec,
}

impl InForceFamilies {
    pub fn register(registry: &Registry) -> Result<Self, MetricsError> {
        let registrar = Registrar(registry);
        Ok(Self {
            endpoints: registrar.gauges(
                "vestibule_upstream_endpoints",
                "Endpoint addresses that are known, by state.",
                &["upstream", "state"],
            )?,
            ejections: registrar.counters(
                "vestibule_upstream_ejections_total",
                "Times that an endpoint address was ejected because it could not be connected to.",
                &["upstream"],
            )?,
            connecting: registrar.gauges(
                "vestibule_upstream_connecting",
                "Connections to the gatekeeper that are in the making.",
                &["upstream"],
            )?,
            most_connecting: registrar.gauges(
                "vestibule_upstream_connecting_max",
                "Most connections to the gatekeeper that may be in the making at one time.",
                &["upstream"],
            )?,
            host_certificates: registrar.gauges(
                "vestibule_host_certificate_expiry_timestamp_seconds",
                "When the certificate ends that clients of the host are shown, since 1970.",
                &["host"],
            )?,
            client_certificates: registrar.gauges(
                "vestibule_upstream_client_certificate_expiry_timestamp_seconds",
                "When the certificate ends that the upstream is shown, since 1970.",
                &["upstream"],
            )?,
        })
    }
}

/// Of connections before they have a host, and of what is refused with or without one.
pub(super) struct ConnectionFamilies {
    pub accepted: IntCounter,
    pub open: IntGauge,
    pub most: IntGauge,
    pub refused: IntCounterVec,
    pub health_checks: IntCounter,
    pub handshakes: IntCounterVec,
    pub handshake_duration: Histogram,
    pub negotiated: IntCounterVec,
    pub gate_refusals: IntCounterVec,
    pub limit_refusals: IntCounterVec,
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
            most: registrar.gauge(
                "vestibule_connections_max",
                "Most connections of clients that may be open at one time.",
            )?,
            refused: registrar.counters(
                "vestibule_connections_refused_total",
                "Connections of clients that were closed before TLS, by reason.",
                &["reason"],
            )?,
            health_checks: registrar.counter(
                "vestibule_balancer_health_checks_total",
                "Connections of trusted balancers that ended before anything of TLS came.",
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
            negotiated: registrar.counters(
                "vestibule_tls_negotiated_total",
                "Completed TLS handshakes with clients, by version and whether a session was resumed.",
                &["version", "kind"],
            )?,
            gate_refusals: registrar.counters(
                "vestibule_gate_refusals_total",
                "Streams that the gate refused, by the side that sent them and the kind of refusal.",
                &["side", "kind"],
            )?,
            limit_refusals: registrar.counters(
                "vestibule_limit_refusals_total",
                "Streams of clients that a limit of their address or account ended, by reason.",
                &["reason"],
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
    pub duration: HistogramVec,
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
                "How long completed connects to the gatekeeper took: name resolution, waiting for a turn, TCP, STARTTLS and TLS.",
                &HANDSHAKE_SECONDS,
                &["host"],
            )?,
        })
    }
}

/// Of content, by host and class, and by conversation but for what is advertised.
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
                &["host", "class", "conversation"],
            )?,
            unadvertised: registrar.counters(
                "vestibule_content_unadvertised_total",
                "Contents of the class that the gatekeeper sent although the client cannot receive them.",
                &["host", "class", "conversation"],
            )?,
            replaced: registrar.counters(
                "vestibule_content_replaced_total",
                "Contents of the class that did not reach the client, by what took their place.",
                &["host", "class", "conversation", "by"],
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
            duration: registrar.histograms(
                "vestibule_session_duration_seconds",
                "How long sessions that ended had lasted since their hosts were known.",
                &SESSION_SECONDS,
                &["host"],
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
                "Time for which sides were not read because they were over a rate, by the rate.",
                &["host", "direction", "limit"],
            )?,
            content: ContentFamilies::register(&registrar)?,
        })
    }
}

/// Makes metrics and registers them.
pub(super) struct Registrar<'r>(pub &'r Registry);

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

    pub fn gauge(&self, name: &'static str, help: &str) -> Result<IntGauge, MetricsError> {
        self.register(name, IntGauge::new(name, help))
    }

    pub fn gauges(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, MetricsError> {
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
        bounds: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, MetricsError> {
        let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
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
