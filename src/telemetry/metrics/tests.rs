use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use zeroize::Zeroizing;

use super::labels::Replacement;
use super::*;
use crate::content_types::{Carrier, ContentClass};
use crate::disclosure::document::MetadataDocument;
use crate::disclosure::{DisclosurePolicy, PseudonymKeys, Value};
use crate::limit::RateLimit;
use crate::policy;
use crate::relay::{Counters, EditKind};
use crate::upstream::{GatekeeperCounts, HealthCounts};

const PAGE: &str = include_str!("../../../docs/metrics.md");
const HOST: &str = "gatekeeper.example";

#[test]
fn the_page_lists_exactly_the_registered_metrics() {
    let metrics = Metrics::new().unwrap();
    let _host = metrics.host(HOST);
    metrics.gate_refused(Side::Downstream, "any");
    metrics.stream_error_sent(Side::Upstream, "any");
    metrics.shadow_disclosed(SinkName::Access, Event::Session, Field::Account);
    follow(&metrics, &DisclosurePolicy::default());
    watch_in_force(&metrics);
    metrics.worker(0);
    metrics.render().unwrap();
    let families = metrics.gather().unwrap();
    let registered: BTreeMap<String, (String, String)> = families.iter().map(described).collect();
    assert_eq!(documented(), registered);
}

#[test]
fn the_page_names_what_is_not_there_from_the_first_scrape_on() {
    let metrics = Metrics::new().unwrap();
    let _host = metrics.host(HOST);
    follow(&metrics, &DisclosurePolicy::default());
    watch_in_force(&metrics);
    metrics.worker(0);
    let families = metrics.gather().unwrap();
    let there: Vec<&str> = families.iter().map(MetricFamily::name).collect();
    let introduction = PAGE.split("\n## ").next().unwrap();
    for name in documented().keys() {
        let is_named = introduction.contains(&format!("`{name}`"));
        assert_eq!(is_named, !there.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn every_label_has_the_words_that_the_page_lists() {
    let words = [
        words::<ConnectionRefusal>(),
        words::<LimitRefusal>(),
        words::<HandshakeResult>(),
        words::<ConnectResult>(),
        words::<EndpointState>(),
        words::<TlsVersion>(),
        words::<HandshakeKind>(),
        words::<EndReason>(),
        words::<EditKind>(),
        words::<ContentClass>(),
        words::<Carrier>(),
        words::<Replacement>(),
        words::<LossReason>(),
        words::<ReloadResult>(),
        words::<Side>(),
        words::<RateLimit>(),
    ];
    for line in words {
        assert!(PAGE.contains(&line), "docs/metrics.md lacks: {line}");
    }
}

#[test]
fn words_of_a_label_are_in_the_order_of_their_indices() {
    fn check<L: Label>() {
        for (index, word) in L::ALL.iter().enumerate() {
            assert_eq!(word.index(), index);
        }
    }
    check::<Side>();
    check::<EndReason>();
    check::<EditKind>();
    check::<ContentClass>();
    check::<Carrier>();
    check::<ConnectResult>();
}

#[test]
fn a_snapshot_has_what_is_not_zero_and_no_histograms() {
    let metrics = Metrics::new().unwrap();
    metrics.connection_refused(ConnectionRefusal::Capacity);
    metrics.tls_handshake(HandshakeResult::Completed, Duration::from_millis(1));
    let snapshot = metrics.snapshot();
    let refused: Vec<_> = snapshot.of_metric("vestibule_connections_refused_total").collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(
        (refused[0].label("reason"), refused[0].label("host"), refused[0].value),
        ("capacity", "", 1.0)
    );
    assert_eq!(snapshot.sum("vestibule_connections_refused_total"), 1.0);
    assert_eq!(snapshot.sum("vestibule_tls_handshake_duration_seconds"), 0.0);
    assert_eq!(snapshot.sum("vestibule_no_such_metric"), 0.0);
}

#[test]
fn names_have_the_prefix_and_base_units() {
    for (name, (kind, _)) in documented() {
        assert!(name.starts_with("vestibule_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        assert!(!["_ms", "_milliseconds", "_kib"].iter().any(|unit| name.contains(unit)), "{name}");
    }
}

#[test]
fn a_session_counts_as_open_until_it_ends_and_tells_why() {
    let metrics = Metrics::new().unwrap();
    let host = metrics.host(HOST);
    let (mut first, second) = (host.session(), host.session());
    assert_eq!(sample(&metrics, "vestibule_sessions_open{host=\"gatekeeper.example\"}"), "2");
    first.end(EndReason::Closed);
    drop(first);
    drop(second);
    assert_eq!(sample(&metrics, "vestibule_sessions_open{host=\"gatekeeper.example\"}"), "0");
    for reason in ["closed", "aborted"] {
        let name = format!("vestibule_sessions_ended_total{{host=\"{HOST}\",reason=\"{reason}\"}}");
        assert_eq!(sample(&metrics, &name), "1");
    }
    assert_eq!(sample_of_host(&metrics, "session_duration_seconds_count", ""), "2");
}

#[test]
fn a_host_has_metrics_until_nobody_serves_it_and_its_last_session_has_ended() {
    let metrics = Metrics::new().unwrap();
    let is_shown = || String::from_utf8(metrics.render().unwrap()).unwrap().contains("other.example");
    assert!(!is_shown());
    let session = metrics.host("other.example").session();
    assert!(is_shown());
    assert_eq!(sample(&metrics, "vestibule_sessions_open{host=\"other.example\"}"), "1");
    drop(session);
    assert!(!is_shown());
    assert!(metrics.status().is_empty());
}

#[test]
fn a_host_that_stays_goes_on_counting_where_it_was() {
    let metrics = Metrics::new().unwrap();
    let before = metrics.host(HOST);
    drop(before.session());
    let after = metrics.host(HOST);
    drop(before);
    drop(after.session());
    let ended = format!("vestibule_sessions_ended_total{{host=\"{HOST}\",reason=\"aborted\"}}");
    assert_eq!(sample(&metrics, &ended), "2");
}

#[test]
fn what_a_session_counted_is_added_to_its_host_once() {
    let metrics = Metrics::new().unwrap();
    let mut session = metrics.host(HOST).session();
    let mut counters = Counters::default();
    for _turn in 0..2 {
        counters.bytes[Side::Downstream] += 300;
        counters.bytes[Side::Upstream] += 40;
        counters.stanzas[Side::Downstream] += 1;
        counters.edits[EditKind::Presence as usize] += 1;
        counters.edits_skipped += 1;
        counters.throttled[Side::Downstream][RateLimit::AccountBytes as usize] +=
            Duration::from_millis(1_500);
        session.observe(&counters);
    }
    session.observe(&counters);
    for (name, labels, value) in [
        ("received_bytes_total", ",direction=\"from_client\"", "600"),
        ("received_bytes_total", ",direction=\"from_gatekeeper\"", "80"),
        ("relayed_stanzas_total", ",direction=\"from_client\"", "2"),
        ("relayed_stanzas_total", ",direction=\"from_gatekeeper\"", "0"),
        ("frames_edited_total", ",kind=\"presence\"", "2"),
        ("frames_edited_total", ",kind=\"bind\"", "0"),
        ("edits_skipped_total", "", "2"),
        ("throttled_seconds_total", ",direction=\"from_client\",limit=\"account-bytes\"", "3"),
        ("throttled_seconds_total", ",direction=\"from_client\",limit=\"session-bytes\"", "0"),
        ("throttled_seconds_total", ",direction=\"from_gatekeeper\",limit=\"session-bytes\"", "0"),
    ] {
        assert_eq!(sample_of_host(&metrics, name, labels), value, "{name} {labels}");
    }
}

#[test]
fn only_completed_handshakes_and_connects_have_a_duration() {
    let metrics = Metrics::new().unwrap();
    let session = metrics.host(HOST).session();
    for result in HandshakeResult::ALL {
        metrics.tls_handshake(*result, Duration::from_millis(3));
    }
    for result in ConnectResult::ALL {
        session.connects().count(*result, Duration::from_millis(20));
    }
    assert_eq!(sample(&metrics, "vestibule_tls_handshake_duration_seconds_count"), "1");
    assert_eq!(sample_of_host(&metrics, "upstream_connect_duration_seconds_count", ""), "1");
    assert_eq!(sample_of_host(&metrics, "upstream_connects_total", ",result=\"tls\""), "1");
    assert_eq!(sample(&metrics, "vestibule_tls_handshakes_total{result=\"timeout\"}"), "1");
}

#[test]
fn a_connection_counts_as_open_until_its_guard_is_dropped() {
    let metrics = Metrics::new().unwrap();
    let open = metrics.connection_opened();
    assert_eq!(sample(&metrics, "vestibule_connections_open"), "1");
    drop(open);
    assert_eq!(sample(&metrics, "vestibule_connections_open"), "0");
    assert_eq!(sample(&metrics, "vestibule_connections_accepted_total"), "0");
    metrics.connection_accepted();
    assert_eq!(sample(&metrics, "vestibule_connections_accepted_total"), "1");
}

#[test]
fn refusals_buffers_and_the_version_are_shown() {
    let metrics = Metrics::new().unwrap();
    metrics.connection_refused(ConnectionRefusal::Capacity);
    metrics.limit_refused(LimitRefusal::TooManySessions);
    metrics.gate_refused(Side::Upstream, "not-well-formed");
    metrics.stream_error_sent(Side::Downstream, "policy-violation");
    metrics.buffer_budget(1 << 28);
    metrics.watch_buffers(|| 7);
    metrics.limit_connections(10_000);
    metrics.show_ready(true);
    metrics.tls_negotiated(TlsVersion::Tls13, HandshakeKind::Resumed);
    metrics.worker(3).delayed(Duration::from_millis(30));
    let gate = "vestibule_gate_refusals_total{kind=\"not-well-formed\",side=\"upstream\"}";
    let error = "vestibule_stream_errors_sent_total{condition=\"policy-violation\",side=\"downstream\"}";
    let build = format!("vestibule_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(sample(&metrics, "vestibule_connections_refused_total{reason=\"capacity\"}"), "1");
    let limit = "vestibule_limit_refusals_total{reason=\"too-many-sessions\"}";
    assert_eq!(sample(&metrics, limit), "1");
    assert_eq!((sample(&metrics, gate), sample(&metrics, error)), ("1".to_owned(), "1".to_owned()));
    assert_eq!(sample(&metrics, "vestibule_connections_max"), "10000");
    assert_eq!(sample(&metrics, "vestibule_ready"), "1");
    let negotiated = |kind| format!("vestibule_tls_negotiated_total{{kind=\"{kind}\",version=\"TLSv1.3\"}}");
    assert_eq!(
        (sample(&metrics, &negotiated("resumed")), sample(&metrics, &negotiated("full"))),
        ("1".into(), "0".into())
    );
    let late = |bound| format!("vestibule_worker_delay_seconds_bucket{{worker=\"3\",le=\"{bound}\"}}");
    assert_eq!((sample(&metrics, &late("0.025")), sample(&metrics, &late("0.05"))), ("0".into(), "1".into()));
    assert_eq!(sample(&metrics, "vestibule_buffered_bytes"), "7");
    assert_eq!(sample(&metrics, "vestibule_buffer_budget_bytes"), "268435456");
    assert_eq!(sample(&metrics, &build), "1");
}

#[test]
fn what_is_in_force_is_asked_for_with_each_scrape() {
    let metrics = Metrics::new().unwrap();
    watch_in_force(&metrics);
    for _ in 0..2 {
        let endpoints = |state: &str| {
            sample(
                &metrics,
                &format!("vestibule_upstream_endpoints{{state=\"{state}\",upstream=\"gatekeeper\"}}"),
            )
        };
        assert_eq!((endpoints("up"), endpoints("ejected")), ("3".to_owned(), "1".to_owned()));
        let ejections = "vestibule_upstream_ejections_total{upstream=\"gatekeeper\"}";
        assert_eq!(sample(&metrics, ejections), "7");
        let end = format!("vestibule_host_certificate_expiry_timestamp_seconds{{host=\"{HOST}\"}}");
        assert_eq!(sample(&metrics, &end), "1800000000");
        let end = "vestibule_upstream_client_certificate_expiry_timestamp_seconds{upstream=\"gatekeeper\"}";
        assert_eq!(sample(&metrics, end), "1900000000");
    }
    let connecting =
        |name: &str| sample(&metrics, &format!("vestibule_upstream_{name}{{upstream=\"gatekeeper\"}}"));
    assert_eq!((connecting("connecting"), connecting("connecting_max")), ("5".to_owned(), "512".to_owned()));
}

#[test]
fn the_last_loading_of_the_configuration_is_told_with_the_time_of_the_last_that_went_well() {
    let metrics = Metrics::new().unwrap();
    let success = "vestibule_config_last_reload_success_timestamp_seconds";
    let told = || (sample(&metrics, "vestibule_config_last_reload_successful"), sample(&metrics, success));
    metrics.loaded(UNIX_EPOCH + Duration::from_secs(7));
    assert_eq!(told(), ("1".to_owned(), "7".to_owned()));
    metrics.reloaded(ReloadResult::Refused);
    assert_eq!(told(), ("0".to_owned(), "7".to_owned()));
    metrics.reloaded(ReloadResult::Accepted);
    assert_eq!(told().0, "1");
    assert_ne!(told().1, "7");
}

/// One upstream, as if it had endpoints, and certificates.
fn watch_in_force(metrics: &Metrics) {
    let health = HealthCounts { up: 3, ejected: 1, ejections: 7 };
    let counts = GatekeeperCounts { health, connecting: 5, most_connecting: 512 };
    let end = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let in_force = InForce {
        upstreams: BTreeMap::from([("gatekeeper".to_owned(), counts)]),
        host_certificates: BTreeMap::from([(HOST.to_owned(), end(1_800_000_000))]),
        client_certificates: BTreeMap::from([("gatekeeper".to_owned(), end(1_900_000_000))]),
    };
    metrics.watch_in_force(move || in_force.clone());
}

/// Name, type and labels of a registered metric.
fn described(family: &MetricFamily) -> (String, (String, String)) {
    let labels = family.get_metric().first().map(|metric| metric.get_label()).unwrap_or_default();
    let mut labels: Vec<&str> = labels.iter().map(|label| label.name()).collect();
    labels.sort_unstable();
    let kind = format!("{:?}", family.get_field_type()).to_lowercase();
    (family.name().to_owned(), (kind, labels.join(", ")))
}

/// Name, type and labels of each row of the page's tables: `| name | type | labels | unit | meaning |`.
fn documented() -> BTreeMap<String, (String, String)> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [name, kind, labels, ..] = cells[..] else { return None };
        let mut labels: Vec<&str> = labels.split(", ").map(|label| label.trim_matches('`')).collect();
        labels.sort_unstable();
        (name.contains('_') && cells.len() > 4)
            .then(|| (name.to_owned(), (kind.to_owned(), labels.join(", "))))
    })
    .collect()
}

/// The words of a label as the page lists them.
fn words<L: Label>() -> String {
    L::ALL.iter().map(|word| format!("`{}`", word.name())).collect::<Vec<_>>().join(", ")
}

fn sample_of_host(metrics: &Metrics, name: &str, labels: &str) -> String {
    // Prometheus' text has a metric's labels in alphabetical order.
    let host = format!("host=\"{HOST}\"");
    let mut labels: Vec<_> = labels.split(',').skip(1).chain([host.as_str()]).collect();
    labels.sort_unstable();
    sample(metrics, &format!("vestibule_{name}{{{}}}", labels.join(",")))
}

/// The value of one line of the metrics page.
fn sample(metrics: &Metrics, name: &str) -> String {
    let page = String::from_utf8(metrics.render().unwrap()).unwrap();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is not in\n{page}")).to_owned()
}

#[test]
fn lost_lines_of_the_process_s_own_log_are_counted_once() {
    let metrics = Metrics::new().unwrap();
    assert_eq!(sample(&metrics, "vestibule_diagnostics_lines_lost_total"), "0");
    metrics.watch_diagnostics(|| 7);
    for _ in 0..2 {
        assert_eq!(sample(&metrics, "vestibule_diagnostics_lines_lost_total"), "7");
    }
}

#[test]
fn events_are_counted_by_the_labels_that_the_policy_lets_in() {
    let metrics = Metrics::new().unwrap();
    let policy = metadata("[session]", "{ end-reason: keep, duration: { bucket: [1min, 1h] } }");
    let events = follow(&metrics, &policy);
    for (reason, seconds) in [("closed", 59), ("closed", 1), ("closed", 60), ("idle", 3_600)] {
        count(&events, &policy, &[Value::EndReason(reason), Value::Duration(Duration::from_secs(seconds))]);
    }
    for (labels, count) in [
        ("duration=\"0-60\",end_reason=\"closed\"", "2"),
        ("duration=\"60-3600\",end_reason=\"closed\"", "1"),
        ("duration=\"3600-\",end_reason=\"idle\"", "1"),
    ] {
        assert_eq!(sample(&metrics, &format!("vestibule_session_events_total{{{labels}}}")), count);
    }
    let page = String::from_utf8(metrics.render().unwrap()).unwrap();
    assert!(page.contains(&format!("vestibule_metadata_policy_info{{digest=\"{}\"}} 1\n", policy.digest)));
}

#[test]
fn another_policy_has_other_labels_and_counts_anew() {
    let metrics = Metrics::new().unwrap();
    for field in ["end-reason", "host"] {
        let policy = metadata("[session]", &format!("{{ {field}: keep }}"));
        let events = follow(&metrics, &policy);
        count(&events, &policy, &[Value::EndReason("closed"), Value::Host(HOST)]);
    }
    assert_eq!(sample(&metrics, &format!("vestibule_session_events_total{{host=\"{HOST}\"}}")), "1");
    follow(&metrics, &DisclosurePolicy::default());
    let page = String::from_utf8(metrics.render().unwrap()).unwrap();
    assert!(!page.contains("vestibule_session_events_total"), "{page}");
}

#[test]
fn more_combinations_of_labels_than_are_sound_are_counted_together() {
    let metrics = Metrics::new().unwrap();
    let policy = metadata("[session]", "{ host: keep }");
    let events = follow(&metrics, &policy);
    for number in 0..1_010 {
        count(&events, &policy, &[Value::Host(&format!("{number}.example"))]);
    }
    assert_eq!(sample(&metrics, "vestibule_session_events_total{host=\"other\"}"), "10");
    count(&events, &policy, &[Value::Host("7.example")]);
    assert_eq!(sample(&metrics, "vestibule_session_events_total{host=\"7.example\"}"), "2");
}

/// A policy with one rule for the sink `metrics`.
fn metadata(events: &str, fields: &str) -> DisclosurePolicy {
    let text = format!(
        "rules: [{{ sink: metrics, events: {events}, purpose: tests, basis: tests, retention: 1d, fields: {fields} }}]"
    );
    policy::load::<MetadataDocument>(&text).unwrap_or_else(|problems| panic!("{problems:?}")).value.policy
}

/// The counters of a policy, which are shown from here on.
fn follow(metrics: &Metrics, policy: &DisclosurePolicy) -> Arc<EventMetrics> {
    let events = Arc::new(EventMetrics::new(policy).unwrap());
    metrics.follow(Arc::clone(&events));
    events
}

/// What becomes of an observation of a session.
fn count(events: &EventMetrics, policy: &DisclosurePolicy, values: &[Value<'_>]) {
    let mut observation = policy.interest(UNIX_EPOCH).observe(Event::Session, UNIX_EPOCH).unwrap();
    values.iter().for_each(|&value| observation.record(value));
    let keys = PseudonymKeys::new(Zeroizing::new([1; 32]));
    events.count(&policy.disclose(&observation, &keys).unwrap());
}
