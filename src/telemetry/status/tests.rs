use serde_json::json;

use super::page::policy_of_content;
use super::*;
use crate::content_types::{Carrier, ContentClass, ContentCounts, Conversation};
use crate::telemetry::metrics::{ConnectionRefusal, EndReason, HandshakeResult, ReloadResult};
use crate::telemetry::{Metrics, SessionMetrics};

const HOST: &str = "gatekeeper.example";

/// A status in which there is some of everything.
pub(in crate::telemetry) fn sample() -> Status {
    let metrics = Metrics::new().unwrap();
    let _open = busy(&metrics);
    let configured = HostOutline {
        upstream: "gatekeeper".to_owned(),
        server_names: vec!["interop.provider.example".to_owned()],
        limits: LimitsOutline {
            connections_per_address: 512,
            sessions_per_account: 32,
            client_rate: Some(RateOutline { stanzas_per_second: 50, kib_per_second: 256 }),
            gatekeeper_rate: None,
        },
        content_types: Some(ContentTypesOutline {
            dialect: "urn:x-vestibule:content-types:0".to_owned(),
            carriers: vec!["bind"],
            profiles: vec!["phone".to_owned(), "desktop".to_owned()],
        }),
    };
    let counts = metrics.status().remove(HOST).unwrap();
    Status {
        version: "1.2.3",
        state: State::Ready,
        ready: true,
        now: "2026-03-01T12:00:00Z".to_owned(),
        started: "2026-02-28T11:00:00Z".to_owned(),
        uptime_seconds: 90_000,
        loaded: "2026-03-01T09:30:00Z".to_owned(),
        last_reload_successful: false,
        workers: 4,
        fullness: vec![
            full("Connections", 8_500, 10_000, Unit::Count),
            full("Buffers", 1 << 20, 1 << 28, Unit::Bytes),
        ],
        sessions_open: 4_321,
        hosts: BTreeMap::from([(HOST.to_owned(), HostStatus { counts: counts.clone(), configured })]),
        hosts_taken_out: BTreeMap::from([("former.example".to_owned(), counts)]),
        upstreams: BTreeMap::from([("gatekeeper".to_owned(), upstream(1, 1))]),
        certificates: vec![certificate(Some(6 * 86_400))],
        metadata: metadata(),
        troubles: troubles(&metrics.snapshot()),
    }
}

/// One session that is open, two that have ended, and what came to nothing.
fn busy(metrics: &Metrics) -> SessionMetrics {
    let mut counts = ContentCounts::default();
    counts.count_advertised(Carrier::Bind, ContentClass::Text);
    counts.count_received(Conversation::OneToOne, ContentClass::Image);
    counts.count_unadvertised(Conversation::OneToOne, ContentClass::Image);
    counts.count_withheld(Conversation::Group, ContentClass::Image);
    let session = metrics.host(HOST).session();
    session.observe_content(&counts);
    metrics.host(HOST).session().end(EndReason::Idle);
    metrics.host(HOST).session().end(EndReason::Closed);
    metrics.connection_refused(ConnectionRefusal::Capacity);
    metrics.reloaded(ReloadResult::Accepted);
    metrics.reloaded(ReloadResult::Refused);
    metrics.watch_diagnostics(|| 7);
    metrics.tls_handshake(HandshakeResult::Completed, std::time::Duration::ZERO);
    session
}

fn full(of: &str, used: u64, most: u64, unit: Unit) -> Fullness {
    Fullness { of: of.to_owned(), used, most, unit }
}

fn upstream(up: usize, ejected: usize) -> UpstreamStatus {
    let address = |number: usize| AddressStatus {
        address: format!("192.0.2.{number}:5223"),
        state: if number < up { "up" } else { "ejected" },
    };
    UpstreamStatus {
        endpoints: "gatekeeper.example:5223".to_owned(),
        up,
        ejected,
        connecting: 3,
        connecting_max: 512,
        addresses: (0..up + ejected).map(address).collect(),
    }
}

fn certificate(left: Option<i64>) -> CertificateStatus {
    CertificateStatus {
        shown_to: ShownTo::Clients,
        of: HOST.to_owned(),
        server_names: vec!["interop.provider.example".to_owned()],
        ends: left.map(|_| "2026-03-07T12:00:00Z".to_owned()),
        ends_in_seconds: left,
    }
}

fn metadata() -> MetadataStatus {
    let exception = ExceptionStatus {
        sink: "access",
        event: "refusal",
        fields: vec!["account"],
        reason: "an <incident>".to_owned(),
        ends_in: 60,
    };
    MetadataStatus {
        policy: "sha256:00".to_owned(),
        since: "2026-02-28T11:00:00Z".to_owned(),
        shadow: None,
        exceptions: vec![exception],
        audit_head: Some("7:00".to_owned()),
    }
}

#[test]
fn json_tells_everything() {
    let status = serde_json::to_value(sample()).unwrap();
    let host = &status["hosts"][HOST];
    assert_eq!(host["sessions_open"], 1);
    assert_eq!(host["content"]["image"]["replaced"], json!({ "fallback": 0, "withhold": 1 }));
    assert_eq!(host["limits"]["client_rate"], json!({ "stanzas_per_second": 50, "kib_per_second": 256 }));
    assert_eq!(host["content_types"]["profiles"], json!(["phone", "desktop"]));
    assert_eq!(
        status["upstreams"]["gatekeeper"]["addresses"][1],
        json!({ "address": "192.0.2.1:5223", "state": "ejected" })
    );
    assert_eq!(
        status["fullness"][0],
        json!({ "of": "Connections", "used": 8500, "most": 10000, "unit": "count" })
    );
    assert_eq!(status["state"], "ready");
    assert_eq!(status["sessions_open"], 4_321);
    assert_eq!(status["hosts_taken_out"]["former.example"]["sessions_open"], 1);
    assert_eq!(status["metadata"]["policy"], "sha256:00");
    let trouble = |what: &str, why: &str| {
        let troubles = status["troubles"].as_array().unwrap();
        troubles.iter().find(|trouble| trouble["what"] == what && trouble["why"] == why).cloned()
    };
    assert_eq!(trouble("connections refused", "capacity").unwrap()["count"], 1.0);
    assert_eq!(trouble("sessions ended", "idle").unwrap()["whose"], HOST);
    assert_eq!(trouble("contents replaced", "image group withhold").unwrap()["count"], 1.0);
    assert_eq!(trouble("reloads", "refused").unwrap()["count"], 1.0);
    assert_eq!(trouble("lines of the process's own log lost", "queue full").unwrap()["count"], 7.0);
    assert_eq!(trouble("sessions ended", "closed"), None);
    assert_eq!(trouble("reloads", "accepted"), None);
    assert_eq!(trouble("TLS handshakes without success", "completed"), None);
}

#[test]
fn the_page_tells_the_same() {
    let page = page(&sample());
    for told in [
        ">ready</span>",
        "<span class=\"bad\">the last reload was refused</span>",
        "up for 1 d 1 h<",
        "8,500 <small>of 10,000</small>",
        "<span class=\"warn\">nearly full</span>",
        "1 MiB <small>of 256 MiB</small>",
        "<dt>Sessions</dt><dd>4,321<",
        "former.example",
        "<span class=\"warn\">taken out</span>",
        "1 up, 1 ejected",
        "<code>192.0.2.1:5223</code>",
        "<span class=\"bad\">6 d</span>",
        "phone, desktop",
        "50 stanzas/s, 256 KiB/s",
        "no rate",
        "connections refused",
        "sha256:00",
        "an &lt;incident&gt;",
    ] {
        assert!(page.contains(told), "{told} is not in\n{page}");
    }
    assert!(!page.contains("<incident>"), "what the operator wrote is no markup");
}

#[test]
fn the_page_needs_nothing_from_outside_and_runs_nothing() {
    let page = page(&sample());
    for outside in ["<script", "http://", "https://", "src=", "@import", "url(", "style=", " on"] {
        let inside_tags = page.split('<').filter_map(|piece| piece.split('>').next());
        assert!(inside_tags.clone().all(|tag| !format!("<{tag}").contains(outside)), "{outside}");
    }
    assert!(policy_of_content().starts_with("default-src 'none'; style-src 'sha256-"));
}

#[test]
fn nothing_to_tell_is_told() {
    let nothing = Status {
        fullness: Vec::new(),
        hosts: BTreeMap::new(),
        upstreams: BTreeMap::new(),
        certificates: Vec::new(),
        troubles: Vec::new(),
        state: State::Draining,
        ..sample()
    };
    let page = page(&nothing);
    for told in
        ["draining: takes no new clients", "Nothing since the start.", "There are none.", "None is known yet"]
    {
        assert!(page.contains(told), "{told} is not in\n{page}");
    }
}

#[test]
fn a_table_of_many_rows_says_how_many_more_there_are() {
    let mut status = sample();
    status.upstreams.insert("gatekeeper".to_owned(), upstream(300, 0));
    let page = page(&status);
    assert!(page.contains("100 more are not shown here."));
    assert!(page.len() < 100_000, "{}", page.len());
}

#[test]
fn how_urgent_a_certificate_is_depends_on_the_time_that_is_left() {
    for (left, told) in [
        (Some(-1), "<span class=\"bad\">has ended</span>"),
        (Some(6 * 86_400), "<span class=\"bad\">6 d</span>"),
        (Some(20 * 86_400), "<span class=\"warn\">20 d</span>"),
        (Some(60 * 86_400), "<span>60 d</span>"),
        (None, "<span class=\"warn\">unknown</span>"),
    ] {
        let status = Status { certificates: vec![certificate(left)], ..sample() };
        assert!(page(&status).contains(told), "{told}");
    }
}

#[test]
fn levels_have_their_bounds() {
    let level = |used| full("Connections", used, 100, Unit::Count).level();
    assert_eq!(
        [79, 80, 94, 95, 200].map(level),
        [Level::Fine, Level::Near, Level::Near, Level::Full, Level::Full]
    );
}
