"""What an operator looks at: every panel of the Grafana dashboard and of the Prometheus console, as data.

In expressions, `{@process}` stands for the chosen processes and `{@host}` for the chosen hosts of these;
`$rate` is the range that a rate is taken over.
"""

from dataclasses import dataclass, field

GOOD, WARN, BAD = "green", "orange", "red"


@dataclass
class Panel:
    """`kind` is Grafana's: `stat`, `timeseries` or `table`. `targets` are pairs of an expression and a legend; in a table the
    legend is the label that is shown. `steps` are thresholds: from which value on something is orange, and red."""

    kind: str
    title: str
    description: str
    targets: list
    unit: str = "short"
    steps: list = field(default_factory=list)
    stack: bool = False
    width: int = 8
    maximum: float | None = None


def stat(title, description, expression, unit="short", warn=None, bad=None, legend="", below=False, maximum=None):
    """One number. `warn` and `bad` are where it gets orange and red; with `below`, under these."""
    colours = [BAD, WARN, GOOD] if below else [GOOD, WARN, BAD]
    bounds = [bad, warn] if below else [warn, bad]
    steps = [] if warn is None else [(None, colours[0]), (bounds[0], colours[1]), (bounds[1], colours[2])]
    return Panel("stat", title, description, [(expression, legend)], unit, steps, width=4, maximum=maximum)


def series(title, description, *targets, unit="short", stack=False, warn=None, bad=None, width=8, maximum=None):
    steps = [] if warn is None else [(None, GOOD), (warn, WARN), (bad, BAD)]
    return Panel("timeseries", title, description, list(targets), unit, steps, stack, width, maximum)


def table(title, description, expression, label, unit="short", width=8):
    return Panel("table", title, description, [(expression, label)], unit, width=width)


def rate(metric, by, scope="@host", where=""):
    selector = f"{{{scope}{',' + where if where else ''}}}"
    return f"sum by ({by}) (rate({metric}{selector}[$rate]))"


def quantile(share, metric, by="", scope="@host"):
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{{{scope}}}[$rate])))"


def full(used, most):
    return f"{used}{{@process}} / {most}{{@process}}"


def idle(value):
    """What stands where nothing happens; where nothing is, nothing."""
    return f"count(vestibule_build_info{{@process}}) * 0 + {value}"


DAY = 86400

ROWS = {
    "Overview": [
        stat(
            "Ready",
            "Of the processes that should be there, the share that takes new clients.",
            "(sum(vestibule_ready{@process}) or vector(0)) / count(up{@process})",
            unit="percentunit",
            warn=1,
            bad=0.5,
            below=True,
            maximum=1,
        ),
        stat("Sessions", "Sessions that are open.", "sum(vestibule_sessions_open{@host})"),
        stat(
            "Stanzas",
            "Messages, presences and iqs that are relayed, in both directions.",
            "sum(rate(vestibule_relayed_stanzas_total{@host}[$rate]))",
            unit="reqps",
        ),
        stat(
            "Sessions that end badly",
            "Of the sessions that end, the share that did not end because the client left or was asked to.",
            'sum(rate(vestibule_sessions_ended_total{@host,reason!~"closed|client-lost|shutdown"}[$rate]))'
            f" / (sum(rate(vestibule_sessions_ended_total{{@host}}[$rate])) > 0) or {idle(0)}",
            unit="percentunit",
            warn=0.02,
            bad=0.1,
            maximum=1,
        ),
        stat(
            "Gatekeeper reached",
            "Of the attempts to connect to a gatekeeper, the share that came about.",
            'sum(rate(vestibule_upstream_connects_total{@host,result="completed"}[$rate]))'
            f" / (sum(rate(vestibule_upstream_connects_total{{@host}}[$rate])) > 0) or {idle(1)}",
            unit="percentunit",
            warn=0.99,
            bad=0.9,
            below=True,
            maximum=1,
        ),
        stat(
            "Next certificate to end",
            "The time that is left of the certificate that ends first.",
            "min(vestibule_host_certificate_expiry_timestamp_seconds{@host}) - time()",
            unit="s",
            warn=21 * DAY,
            bad=7 * DAY,
            below=True,
        ),
        stat(
            "Connections",
            "Of the connections that a process may have, the share that is open, in the process that is fullest.",
            f"max({full('vestibule_connections_open', 'vestibule_connections_max')})",
            unit="percentunit",
            warn=0.8,
            bad=0.95,
            maximum=1,
        ),
        stat(
            "Buffers",
            "Of what the sessions of a process may hold in memory, the share that they hold, in the process that is fullest.",
            f"max({full('vestibule_buffered_bytes', 'vestibule_buffer_budget_bytes')})",
            unit="percentunit",
            warn=0.8,
            bad=0.95,
            maximum=1,
        ),
        stat(
            "File descriptors",
            "Of the descriptors that a process may have, the share that is open, in the process that is fullest.",
            f"max({full('process_open_fds', 'process_max_fds')})",
            unit="percentunit",
            warn=0.8,
            bad=0.95,
            maximum=1,
        ),
        stat(
            "Held back",
            "Sides that are not read at a time, because they are over a rate.",
            "sum(rate(vestibule_throttled_seconds_total{@host}[$rate]))",
            warn=10,
            bad=100,
        ),
        stat(
            "Delay of workers",
            "How late the latest worker is, 99 times of 100: the time that Vestibule itself adds to a stanza.",
            f"max({quantile(0.99, 'vestibule_worker_delay_seconds', 'worker, instance', '@process')})",
            unit="s",
            warn=0.05,
            bad=0.25,
        ),
        stat(
            "Endpoints ejected",
            "Addresses of gatekeepers that are passed over, as they cannot be connected to.",
            'sum(vestibule_upstream_endpoints{@process,state="ejected"})',
            warn=1,
            bad=5,
        ),
    ],
    "Sessions": [
        series(
            "Sessions that are open",
            "By host. A step down means that something cut many of them at once.",
            ("sum by (host) (vestibule_sessions_open{@host})", "{{host}}"),
            stack=True,
        ),
        series(
            "Sessions that end",
            "By reason. `closed` and `client-lost` are what clients do; the others are worth a look.",
            (rate("vestibule_sessions_ended_total", "reason"), "{{reason}}"),
            unit="ops",
            stack=True,
        ),
        series(
            "How long sessions last",
            "Of those that end now. Many short ones mean clients that come back in a loop.",
            (quantile(0.5, "vestibule_session_duration_seconds"), "half of them"),
            (quantile(0.95, "vestibule_session_duration_seconds"), "95 of 100"),
            unit="s",
        ),
        series(
            "Connections",
            "Open ones by process, with a session or without, and the most that may be.",
            ("sum by (instance) (vestibule_connections_open{@process})", "{{instance}} open"),
            ("sum by (instance) (vestibule_connections_max{@process})", "{{instance}} maximum"),
        ),
        series(
            "New connections",
            "Accepted ones by process.",
            (rate("vestibule_connections_accepted_total", "instance", "@process"), "{{instance}}"),
            unit="ops",
            stack=True,
        ),
        series(
            "Health checks",
            "Connections of trusted balancers that ended before a byte of TLS.",
            (rate("vestibule_balancer_health_checks_total", "instance", "@process"), "{{instance}}"),
            unit="ops",
        ),
    ],
    "Traffic and throttling": [
        series(
            "Stanzas",
            "Messages, presences and iqs that were relayed, by the side that they came from.",
            (rate("vestibule_relayed_stanzas_total", "direction"), "{{direction}}"),
            unit="reqps",
        ),
        series(
            "Bytes",
            "Of streams, inside TLS, by the side that they came from.",
            (rate("vestibule_received_bytes_total", "direction"), "{{direction}}"),
            unit="Bps",
        ),
        series(
            "Stanzas by host",
            "The same by host.",
            (rate("vestibule_relayed_stanzas_total", "host"), "{{host}}"),
            unit="reqps",
            stack=True,
        ),
        series(
            "Sides held back",
            "Sides that are not read at a time, by the rate that they are over: 5 means that five sessions wait, or ten do"
            " half of the time.",
            (rate("vestibule_throttled_seconds_total", "direction, limit"), "{{direction}} {{limit}}"),
            stack=True,
        ),
        series(
            "Whom it hurts",
            "The same as a share of the host's sessions.",
            (
                "sum by (host) (rate(vestibule_throttled_seconds_total{@host}[$rate]))"
                " / (sum by (host) (vestibule_sessions_open{@host}) > 0)",
                "{{host}}",
            ),
            unit="percentunit",
        ),
        series(
            "Buffers",
            "What sessions hold until a side takes it, by process, and the most that they may.",
            ("sum by (instance) (vestibule_buffered_bytes{@process})", "{{instance}} held"),
            ("sum by (instance) (vestibule_buffer_budget_bytes{@process})", "{{instance}} maximum"),
            unit="bytes",
        ),
    ],
    "Content types": [
        series(
            "Advertised",
            "Advertisements to gatekeepers that named the class, by carrier.",
            (rate("vestibule_content_advertised_total", "class, carrier"), "{{class}} in {{carrier}}"),
            unit="ops",
            width=12,
        ),
        series(
            "Received",
            "Contents that gatekeepers sent.",
            (rate("vestibule_content_received_total", "class"), "{{class}}"),
            unit="ops",
            stack=True,
            width=12,
        ),
        series(
            "Not advertised",
            "Contents that the client cannot receive by its profile. A gatekeeper that drifts from what it was told shows here.",
            (rate("vestibule_content_unadvertised_total", "host, class"), "{{host}} {{class}}"),
            unit="ops",
            width=12,
        ),
        series(
            "Replaced",
            "Contents that did not reach the client, by what took their place.",
            (rate("vestibule_content_replaced_total", "class, by"), "{{class}} by {{by}}"),
            unit="ops",
            width=12,
        ),
    ],
    "Gate and edits": [
        series(
            "Streams refused by the gate",
            "By the side that sent them, and the rule. From clients: attacks or faulty software. From the gatekeeper: a change"
            " of its server.",
            (rate("vestibule_gate_refusals_total", "side, kind", "@process"), "{{side}} {{kind}}"),
            unit="ops",
        ),
        series(
            "Stream errors sent",
            "By the side that got them, and the condition (RFC 6120, 4.9.3).",
            (rate("vestibule_stream_errors_sent_total", "side, condition", "@process"), "{{side}} {{condition}}"),
            unit="ops",
        ),
        series(
            "Frames edited",
            "By what was edited.",
            (rate("vestibule_frames_edited_total", "kind"), "{{kind}}"),
            unit="ops",
        ),
        series(
            "Edits left out",
            "Because the frame would have been too large for its receiver: the gatekeeper is told less than it should be.",
            (rate("vestibule_edits_skipped_total", "host"), "{{host}}"),
            unit="ops",
        ),
    ],
    "Upstreams": [
        series(
            "Connects",
            "Attempts to connect to gatekeepers, by result.",
            (rate("vestibule_upstream_connects_total", "host, result"), "{{host}} {{result}}"),
            unit="ops",
        ),
        series(
            "How long connects take",
            "Completed ones: name resolution, waiting for a turn, TCP, STARTTLS and TLS.",
            (quantile(0.5, "vestibule_upstream_connect_duration_seconds", "host"), "{{host}} half of them"),
            (quantile(0.99, "vestibule_upstream_connect_duration_seconds", "host"), "{{host}} 99 of 100"),
            unit="s",
        ),
        series(
            "Endpoints",
            "Addresses of endpoints, by state; those of the process that knows most of them.",
            ("max by (upstream, state) (vestibule_upstream_endpoints{@process})", "{{upstream}} {{state}}"),
        ),
        series(
            "Connections in the making",
            "As a share of those that may be. When it is full, clients wait for their turn.",
            (
                "max by (upstream) (vestibule_upstream_connecting{@process} / vestibule_upstream_connecting_max{@process})",
                "{{upstream}}",
            ),
            unit="percentunit",
            warn=0.8,
            bad=0.95,
            maximum=1,
        ),
        series(
            "Ejections",
            "Times that an address was taken out because it could not be connected to.",
            (rate("vestibule_upstream_ejections_total", "upstream", "@process"), "{{upstream}}"),
            unit="ops",
        ),
        series(
            "Sessions lost to the gatekeeper",
            "Sessions whose connection to the gatekeeper ended, or was refused for what the gatekeeper sent.",
            (
                rate(
                    "vestibule_sessions_ended_total",
                    "host, reason",
                    where='reason=~"gatekeeper-lost|gatekeeper-refused|unreachable"',
                ),
                "{{host}} {{reason}}",
            ),
            unit="ops",
        ),
    ],
    "TLS and certificates": [
        series(
            "Handshakes",
            "With clients, by result.",
            (rate("vestibule_tls_handshakes_total", "result", "@process"), "{{result}}"),
            unit="ops",
            stack=True,
        ),
        series(
            "How long handshakes take",
            "Completed ones, the network's round trips included.",
            (quantile(0.5, "vestibule_tls_handshake_duration_seconds", scope="@process"), "half of them"),
            (quantile(0.99, "vestibule_tls_handshake_duration_seconds", scope="@process"), "99 of 100"),
            unit="s",
        ),
        series(
            "What was agreed on",
            "Versions of TLS, and whether clients resumed. Few resumed ones after a restart: the ticket keys have changed.",
            (rate("vestibule_tls_negotiated_total", "version, kind", "@process"), "{{version}} {{kind}}"),
            unit="ops",
            stack=True,
        ),
        table(
            "Certificates for clients",
            "The time that is left of each.",
            "sort(min by (host) (vestibule_host_certificate_expiry_timestamp_seconds{@host}) - time())",
            "host",
            unit="s",
            width=12,
        ),
        table(
            "Certificates for gatekeepers",
            "The time that is left of each that a gatekeeper is shown.",
            "sort(min by (upstream) (vestibule_upstream_client_certificate_expiry_timestamp_seconds{@process}) - time())",
            "upstream",
            unit="s",
            width=12,
        ),
    ],
    "Limits and refusals": [
        series(
            "Connections refused",
            "Closed before TLS, by reason: capacity, what balancers did wrong, and the limits of addresses.",
            (rate("vestibule_connections_refused_total", "reason", "@process"), "{{reason}}"),
            unit="ops",
            stack=True,
        ),
        series(
            "What is full",
            "Of what a process may have, the share that it has.",
            (f"max by (instance) ({full('vestibule_connections_open', 'vestibule_connections_max')})", "{{instance}} connections"),
            (f"max by (instance) ({full('vestibule_buffered_bytes', 'vestibule_buffer_budget_bytes')})", "{{instance}} buffers"),
            (f"max by (instance) ({full('process_open_fds', 'process_max_fds')})", "{{instance}} file descriptors"),
            unit="percentunit",
            warn=0.8,
            bad=0.95,
            maximum=1,
        ),
        series(
            "Connections in four hours",
            "If they go on as in the last hour, as a share of those that may be.",
            (
                "clamp_min(predict_linear(vestibule_connections_open{@process}[1h], 14400), 0)"
                " / vestibule_connections_max{@process}",
                "{{instance}}",
            ),
            unit="percentunit",
            warn=0.8,
            bad=1,
        ),
        series(
            "Sessions ended by limits",
            "By reason: a time that was over, a side that took nothing, memory that was full, and rules that were broken.",
            (
                rate(
                    "vestibule_sessions_ended_total",
                    "host, reason",
                    where='reason=~"client-refused|header-timeout|authentication-timeout|idle|write-stall|no-memory"',
                ),
                "{{host}} {{reason}}",
            ),
            unit="ops",
            width=12,
        ),
        series(
            "Streams ended by limits",
            "Behind TLS, by the limit of an address or an account: connections, failed authentications, sessions, elements.",
            (rate("vestibule_limit_refusals_total", "reason", "@process"), "{{reason}}"),
            unit="ops",
            width=12,
        ),
    ],
    "Logs and policy": [
        series(
            "Lines written",
            "Of the access log, and of disclosed events in the audit log.",
            ("sum(rate(vestibule_access_log_lines_written_total{@process}[$rate]))", "access"),
            ("sum(rate(vestibule_audit_log_lines_written_total{@process}[$rate]))", "audit"),
            unit="ops",
        ),
        series(
            "Lines lost",
            "Traffic never waits for a log: what does not fit is lost, and counted.",
            (rate("vestibule_access_log_lines_lost_total", "reason", "@process"), "access {{reason}}"),
            (rate("vestibule_audit_log_lines_lost_total", "reason", "@process"), "audit {{reason}}"),
            ("sum(rate(vestibule_diagnostics_lines_lost_total{@process}[$rate]))", "own log"),
            unit="ops",
        ),
        series(
            "Reloads",
            "By result. A refused one has changed nothing.",
            ("sum by (result) (increase(vestibule_reloads_total{@process}[$rate]))", "{{result}}"),
        ),
        stat(
            "Last reload",
            "1 if every process has taken over its configuration when it loaded it last.",
            "min(vestibule_config_last_reload_successful{@process})",
            warn=1,
            bad=1,
            below=True,
        ),
        stat(
            "Age of the configuration",
            "Since the oldest of the processes has taken over a configuration.",
            "time() - min(vestibule_config_last_reload_success_timestamp_seconds{@process})",
            unit="s",
        ),
        table(
            "Metadata policies in force",
            "Processes by the digest of their policy. More than one line means that they differ.",
            "count by (digest) (vestibule_metadata_policy_info{@process})",
            "digest",
        ),
        series(
            "The shadow policy",
            "Fields that it would have let out.",
            (rate("vestibule_shadow_disclosures_total", "sink, field", "@process"), "{{sink}} {{field}}"),
            unit="ops",
        ),
    ],
    "Process": [
        series(
            "CPU",
            "Cores that are busy, by process.",
            (rate("process_cpu_seconds_total", "instance", "@process"), "{{instance}}"),
        ),
        series(
            "Memory",
            "Resident, by process.",
            ("sum by (instance) (process_resident_memory_bytes{@process})", "{{instance}}"),
            unit="bytes",
        ),
        series(
            "Delay of workers",
            "How late each worker is, 99 times of 100. One that is later than the others has a session that keeps it busy.",
            (quantile(0.99, "vestibule_worker_delay_seconds", "instance, worker", "@process"), "{{instance}} worker {{worker}}"),
            unit="s",
            warn=0.05,
            bad=0.25,
        ),
        series(
            "File descriptors",
            "Open ones by process, and the most that may be.",
            ("sum by (instance) (process_open_fds{@process})", "{{instance}} open"),
            ("sum by (instance) (process_max_fds{@process})", "{{instance}} maximum"),
        ),
        table(
            "Uptime",
            "Since each process was started.",
            "time() - max by (instance) (process_start_time_seconds{@process})",
            "instance",
            unit="s",
        ),
        table("Versions", "Processes by version.", "count by (version) (vestibule_build_info{@process})", "version"),
    ],
}
