//! The way of metadata through the shipped policies into the access log, as an operator finds it in the folder.

use std::fs;
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use vestibule::disclosure::document::MetadataDocument;
use vestibule::disclosure::{
    Access, DisclosurePolicy, Event, Field, Observation, PseudonymKeys, SessionId, Value,
};
use vestibule::policy;
use vestibule::telemetry::access_log::FolderConfig;
use vestibule::telemetry::metrics::Metrics;
use vestibule::telemetry::{AccessLog, AccessLogTarget};
use zeroize::Zeroizing;

/// What a peer chose. Each is unique in everything that the test writes.
const SNI: &str = "canary-servername.test";
const ACCOUNT: &str = "canary-account@canary-domain.test";
const RESOURCE: &str = "canary-resource-8c1f";
const ADDRESS: &str = "203.0.113.177";
const SESSION: [u8; 16] = *b"canary-sessionid";

#[test]
fn the_default_policy_writes_nothing() {
    let text = access_log("default-deny", &[Event::Session, Event::Refusal]);
    assert_eq!(text, "");
}

#[test]
fn the_operations_policy_writes_its_fields_and_no_others() {
    let text = access_log("operations", &[Event::Session, Event::Refusal]);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [session, refusal] = &lines[..] else { panic!("{text}") };
    assert_eq!(
        names(session),
        [
            "account",
            "bytes-from-client",
            "bytes-from-gatekeeper",
            "client-address",
            "duration",
            "edits",
            "end-reason",
            "event",
            "host",
            "session-id",
            "stanzas-from-client",
            "stanzas-from-gatekeeper",
            "time",
            "tls-version"
        ]
    );
    assert_eq!(
        names(refusal),
        [
            "client-address",
            "event",
            "host",
            "refusal-kind",
            "refusal-offset",
            "refusal-rule",
            "session-id",
            "side",
            "time",
            "tls-version"
        ]
    );
    assert_eq!(session["client-address"], "203.0.113.0/24");
    assert_eq!(session["time"], "2023-11-14T22:13:20.000Z");
    assert_eq!(session["session-id"], refusal["session-id"], "a session's lines in one sink belong together");
}

#[test]
fn nothing_that_a_peer_chose_is_found_in_what_the_operations_policy_writes() {
    let text = access_log("operations", &[Event::Session, Event::Refusal]);
    for canary in [SNI.as_bytes(), ACCOUNT.as_bytes(), RESOURCE.as_bytes(), &SESSION] {
        for trace in traces(canary) {
            assert!(!text.contains(&trace), "{trace} in\n{text}");
        }
    }
    // Of the address its first three numbers are disclosed.
    assert!(!text.contains(ADDRESS) && !text.contains(&hexadecimal(&[203, 0, 113, 177])), "{text}");
}

/// At the time of the test's events, the exceptions of the template for incidents are still open.
#[test]
fn no_name_that_a_peer_chose_is_found_in_what_the_other_policies_write() {
    for policy in ["abuse", "incident"] {
        let text = access_log(policy, &Event::ALL);
        assert!(text.contains(ADDRESS), "{policy} writes whole addresses: {text}");
        for canary in [SNI.as_bytes(), ACCOUNT.as_bytes(), RESOURCE.as_bytes(), &SESSION] {
            for trace in traces(canary) {
                assert!(!text.contains(&trace), "{policy}: {trace} in\n{text}");
            }
        }
    }
}

#[test]
fn the_search_finds_a_canary_that_is_disclosed_on_purpose() {
    let policy = load(
        "rules: [{ sink: access, events: [session], purpose: tests, basis: tests, retention: 1d, fields: { account: keep } }]",
    );
    let text = write(&policy, &[Event::Session]);
    assert!(traces(ACCOUNT.as_bytes()).iter().any(|trace| text.contains(trace)), "{text}");
}

/// What a shipped policy leaves in the access log of one session.
fn access_log(policy: &str, events: &[Event]) -> String {
    let path = format!("{}/policies/metadata/{policy}.yaml", env!("CARGO_MANIFEST_DIR"));
    write(&load(&fs::read_to_string(path).unwrap()), events)
}

fn load(text: &str) -> DisclosurePolicy {
    policy::load::<MetadataDocument>(text).unwrap().value.policy
}

fn write(policy: &DisclosurePolicy, events: &[Event]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let config = FolderConfig { path: directory.path().to_owned(), segment_size: 1 << 20 };
    let keys = PseudonymKeys::new(Zeroizing::new([5; 32]));
    let metrics = Metrics::new().unwrap();
    let (log, writer) = AccessLog::open(&AccessLogTarget::Folder(config), metrics).unwrap();
    let observations =
        events.iter().filter_map(|&event| policy.interest(UNIX_EPOCH).observe(event, UNIX_EPOCH));
    for mut observation in observations {
        record_everything(&mut observation);
        if let Some(disclosed) = policy.disclose::<Access>(&observation, &keys) {
            log.write(disclosed);
        }
    }
    writer.close(Duration::from_secs(60));
    let segments = fs::read_dir(directory.path()).unwrap();
    segments.map(|segment| fs::read_to_string(segment.unwrap().path()).unwrap()).collect()
}

/// Records a value in every field that there is.
fn record_everything(observation: &mut Observation<'static>) {
    for &field in Field::ALL {
        observation.record(match field {
            Field::Time => Value::Time(UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
            Field::SessionId => Value::SessionId(SessionId::new(SESSION)),
            Field::ClientAddress => Value::ClientAddress(ADDRESS.parse::<IpAddr>().unwrap()),
            Field::ClientPort => Value::ClientPort(50_000),
            Field::Sni => Value::Sni(SNI),
            Field::Alpn => Value::Alpn("xmpp-client"),
            Field::TlsVersion => Value::TlsVersion("1.3"),
            Field::TlsCipher => Value::TlsCipher("TLS13_AES_128_GCM_SHA256"),
            Field::HandshakeResult => Value::HandshakeResult("completed"),
            Field::Host => Value::Host("gatekeeper.example"),
            Field::ConnectResult => Value::ConnectResult("completed"),
            Field::Account => Value::Account(ACCOUNT),
            Field::Resource => Value::Resource(RESOURCE),
            Field::Duration => Value::Duration(Duration::from_secs(61)),
            Field::Side => Value::Side("downstream"),
            Field::StanzaKind => Value::StanzaKind("message"),
            Field::StanzaType => Value::StanzaType("chat"),
            Field::StanzaId => Value::StanzaId("canary-stanza-id"),
            Field::From => Value::From(ACCOUNT),
            Field::To => Value::To(ACCOUNT),
            Field::StanzaBytes => Value::StanzaBytes(320),
            Field::BytesFromClient => Value::BytesFromClient(1_000),
            Field::BytesFromGatekeeper => Value::BytesFromGatekeeper(2_000),
            Field::StanzasFromClient => Value::StanzasFromClient(10),
            Field::StanzasFromGatekeeper => Value::StanzasFromGatekeeper(20),
            Field::Edits => Value::Edits(2),
            Field::AuthenticationFailures => Value::AuthenticationFailures(1),
            Field::Throttled => Value::Throttled(Duration::from_secs(1)),
            Field::EndReason => Value::EndReason("closed"),
            Field::StreamError => Value::StreamError("policy-violation"),
            Field::RefusalKind => Value::RefusalKind("bad-character"),
            Field::RefusalOffset => Value::RefusalOffset(77),
            Field::RefusalRule => Value::RefusalRule("XML 1.0, [2] Char"),
        });
    }
}

fn names(line: &serde_json::Value) -> Vec<&str> {
    let mut names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// How a value could show: whole or an 8-byte piece of it, as text, hexadecimal or Base64 at any alignment.
fn traces(value: &[u8]) -> Vec<String> {
    let pieces = value.windows(8).flat_map(|piece| [text(piece), hexadecimal(piece)]);
    // Three bytes make four characters of Base64, so that a value inside another one is encoded in one of three ways;
    // its ends, which depend on the neighbours, are left out.
    let encoded = (0..3).map(|skipped| {
        let whole_triples = (value.len() - skipped) / 3 * 3;
        STANDARD_NO_PAD.encode(&value[skipped..skipped + whole_triples])
    });
    pieces.chain(encoded).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
