//! Loads the configurations under `tests/golden/configuration/` and the shipped ones, with certificates made for the
//! occasion. `UPDATE_GOLDEN=1` writes what is found as what is expected.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use vestibule::config::{self, ConfigError, ConfigWarning, FileProblem, Loaded};
use vestibule::disclosure::Digest;
use vestibule::downstream::tls::CertificateError;
use vestibule::framing::NameId;
use vestibule::policy::Position;
use vestibule::stanza;
use vestibule::telemetry::AccessLogTarget;
use vestibule::upstream::tls::{ClientCertificateError, ConnectorError};

use super::files;
use super::golden_cases::golden_cases;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/configuration");

#[allow(clippy::disallowed_methods, reason = "the variable is for who runs the test, it configures no proxy")]
#[test]
fn every_golden_configuration_is_judged_as_expected() {
    let mut differences = Vec::new();
    for case in cases() {
        let found = judgement(&case);
        let expected_path = Path::new(GOLDEN).join(&case).join("expected.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected_path, &found).unwrap();
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if found != expected {
            differences.push(format!("{case}: expected\n{expected}found\n{found}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

golden_cases! { errors: ConfigError, never (
    // A file without a certificate is a `BadCertificateFile` already.
    ConfigError::Certificate(CertificateError::Empty)
    // No file has a say in it.
    | ConfigError::Roots(ConnectorError::Provider)
);
    ConfigError::UnreadableFile(_) => ConfigError::UnreadableFile(io::ErrorKind::NotFound), "unreadable-file";
    ConfigError::NotText => ConfigError::NotText, "not-text";
    ConfigError::UnreadableReference(_) => ConfigError::UnreadableReference(io::ErrorKind::NotFound), "unreadable-reference";
    ConfigError::OtherKind { .. } => ConfigError::OtherKind { found: "limits", expected: "metadata" }, "limits-for-metadata";
    ConfigError::NoHost => ConfigError::NoHost, "no-host";
    ConfigError::DuplicateHost { .. } => ConfigError::DuplicateHost { first: at(4, 3) }, "duplicate-host";
    ConfigError::DuplicateAddress { .. } => ConfigError::DuplicateAddress { other: at(2, 14) }, "duplicate-address";
    ConfigError::NoLogFolder => ConfigError::NoLogFolder, "logs-without-folders";
    ConfigError::SmallSegments { .. } => ConfigError::SmallSegments { minimum: 65_536 }, "access-log-in-small-segments";
    ConfigError::NoAuditLog => ConfigError::NoAuditLog, "audit-rule-without-an-audit-log";
    ConfigError::AuditLogKeptTooLong { .. } => ConfigError::AuditLogKeptTooLong { rule: 2_592_000 }, "audit-log-kept-too-long";
    ConfigError::CertificateConflict { .. } => ConfigError::CertificateConflict { other: at(5, 20) }, "certificate-conflict";
    ConfigError::BadCertificateFile => ConfigError::BadCertificateFile, "bad-certificate-file";
    ConfigError::BadKeyFile => ConfigError::BadKeyFile, "bad-key-file";
    ConfigError::Certificate(CertificateError::UnsupportedKey) => ConfigError::Certificate(CertificateError::UnsupportedKey), "key-that-cannot-be-used";
    ConfigError::Certificate(CertificateError::KeyMismatch) => ConfigError::Certificate(CertificateError::KeyMismatch), "key-of-another-certificate";
    ConfigError::Certificate(CertificateError::BadCertificate) => ConfigError::Certificate(CertificateError::BadCertificate), "certificate-that-cannot-be-used";
    ConfigError::Roots(ConnectorError::NoRoots) => ConfigError::Roots(ConnectorError::NoRoots), "roots-that-cannot-be-used";
    ConfigError::TooLittleMemory { .. } => ConfigError::TooLittleMemory { minimum: 2_359_296 }, "too-little-memory";
    ConfigError::PeerTimeout { .. } => ConfigError::PeerTimeout { least: 1, most: 3600 }, "peer-timeout-without-end";
    ConfigError::LongDrain { .. } => ConfigError::LongDrain { most: 3600 }, "drain-without-end";
    ConfigError::TicketKeyLength { .. } => ConfigError::TicketKeyLength { expected: 48 }, "ticket-key-of-another-length";
    ConfigError::SameTicketKey => ConfigError::SameTicketKey, "same-ticket-key-twice";
    ConfigError::NoEndpoints => ConfigError::NoEndpoints, "no-endpoints";
    ConfigError::TwoKindsOfEndpoints => ConfigError::TwoKindsOfEndpoints, "two-kinds-of-endpoints";
    ConfigError::ClientCertificate(ClientCertificateError::UnsupportedKey) => ConfigError::ClientCertificate(ClientCertificateError::UnsupportedKey), "client-key-that-cannot-be-used";
    ConfigError::ClientCertificate(ClientCertificateError::KeyMismatch) => ConfigError::ClientCertificate(ClientCertificateError::KeyMismatch), "client-key-of-another-certificate";
    ConfigError::ClientCertificate(ClientCertificateError::BadCertificate) => ConfigError::ClientCertificate(ClientCertificateError::BadCertificate), "client-certificate-that-cannot-be-used";
    ConfigError::NoTime => ConfigError::NoTime, "no-time";
    ConfigError::NoTrustedProxy => ConfigError::NoTrustedProxy, "proxy-protocol-without-proxies";
    ConfigError::UnusedTrustedProxy => ConfigError::UnusedTrustedProxy, "proxies-without-proxy-protocol";
    ConfigError::HeaderInPublic => ConfigError::HeaderInPublic, "header-on-a-public-network";
    ConfigError::SignalsNamespace => ConfigError::SignalsNamespace, "namespace-of-signals-that-is-known";
    ConfigError::SignalsNamespaceOfContent => ConfigError::SignalsNamespaceOfContent, "namespace-of-signals-that-the-dialect-reads";
    ConfigError::ShadowOfShadow => ConfigError::ShadowOfShadow, "shadow-of-a-shadow";
    ConfigError::TooManyElements { .. } => ConfigError::TooManyElements { most: stanza::ROOM }, "too-many-elements";
}

golden_cases! { warnings: ConfigWarning;
    ConfigWarning::CertificateNotValidNow => ConfigWarning::CertificateNotValidNow, "certificate-not-valid-now";
    ConfigWarning::ClientCertificateNotValidNow => ConfigWarning::ClientCertificateNotValidNow, "client-certificate-not-valid-now";
    ConfigWarning::CertificateEndsSoon { .. } => ConfigWarning::CertificateEndsSoon { days: 9 }, "certificate-that-ends-soon";
    ConfigWarning::ClientCertificateEndsSoon { .. } => ConfigWarning::ClientCertificateEndsSoon { days: 9 }, "client-certificate-that-ends-soon";
    ConfigWarning::CertificateForOtherNames => ConfigWarning::CertificateForOtherNames, "certificate-for-other-names";
    ConfigWarning::KeyReadableByAll => ConfigWarning::KeyReadableByAll, "key-readable-by-all";
    ConfigWarning::TicketKeyReadableByAll => ConfigWarning::TicketKeyReadableByAll, "ticket-key-readable-by-all";
    ConfigWarning::ExceptionOver => ConfigWarning::ExceptionOver, "exception-that-is-over";
    ConfigWarning::UnusedUpstream => ConfigWarning::UnusedUpstream, "unused-upstream";
    ConfigWarning::NothingToSignal => ConfigWarning::NothingToSignal, "signals-without-a-rule";
    ConfigWarning::AddressNotWhole => ConfigWarning::AddressNotWhole, "header-with-half-an-address";
    ConfigWarning::NoAuditLog => ConfigWarning::NoAuditLog, "right";
}

#[test]
fn every_error_and_every_warning_has_a_golden_case() {
    for (case, message) in errors().into_iter().chain(warnings()) {
        let judgement = judgement(case);
        assert!(judgement.contains(&message), "{case} does not show {message:?}:\n{judgement}");
    }
}

#[test]
fn a_key_that_was_pasted_in_the_place_of_a_path_is_not_shown() {
    let folder = prepared("right");
    let file = folder.path().join("vestibule.yaml");
    let key = fs::read_to_string(folder.path().join("tls/key.pem")).unwrap();
    let secret = key.lines().nth(1).unwrap();
    let text = fs::read_to_string(&file).unwrap().replace("tls/key.pem", secret);
    fs::write(&file, text).unwrap();
    let error = config::load(&file).err().unwrap();
    assert_eq!(error.problems.len(), 1);
    assert!(!format!("{error} {error:?}").contains(secret), "{error}");
}

#[test]
fn a_pipe_a_device_and_a_folder_are_refused_in_the_place_of_a_file() {
    let folder = files::shipped();
    let metadata = folder.path().join("policies/metadata/default-deny.yaml");
    for (program, arguments) in [("mkfifo", vec![]), ("mkdir", vec![]), ("ln", vec!["-s", "/dev/zero"])] {
        let _ = fs::remove_file(&metadata);
        let made = std::process::Command::new(program).args(arguments).arg(&metadata).status().unwrap();
        assert!(made.success(), "{program}");
        let error = config::load(&folder.path().join("config/vestibule.yaml")).err().unwrap();
        assert_eq!(error.problems.len(), 1, "{program}: {error}");
        if program == "mkdir" {
            fs::remove_dir(&metadata).unwrap();
        }
    }
}

#[test]
fn the_shipped_configuration_is_right_without_a_warning() {
    let folder = files::shipped();
    let Loaded { config, warnings } = config::load(&folder.path().join("config/vestibule.yaml")).unwrap();
    assert_eq!(warnings, []);
    let [host] = config.hosts.as_slice() else { panic!("one host") };
    assert_eq!(
        (host.name.as_str(), host.server_names.as_slice()),
        ("gatekeeper.example", ["interop.provider.example".to_owned()].as_slice())
    );
    assert_eq!(host.upstream.endpoints.to_string(), "gatekeeper.example:5223");
    let policy = host.content_types.as_deref().unwrap();
    assert_eq!(policy.profiles[policy.selection.default].name, "one-to-one");
    assert!(policy.dialect.names().all(|name| {
        let (namespace, name) = name.pair();
        config.vocabulary.id(namespace, name) != NameId::OTHER
    }));
    assert_eq!(config.listeners[0].address, "0.0.0.0:5223".parse().unwrap());
    assert_eq!(config.admin, Some("127.0.0.1:9464".parse().unwrap()));
    assert_eq!(config.access_log, AccessLogTarget::StandardOutput);
    let audit_log = config.audit_log.unwrap();
    assert_eq!(audit_log.folder, folder.path().join("config/../audit"));
    assert_eq!(audit_log.retention, Duration::from_secs(365 * 86_400));
    assert_eq!((config.max_connections, config.memory), (10_000, 256 << 20));
}

#[test]
fn what_is_left_out_has_its_default() {
    let folder = prepared("right");
    let config = config::load(&folder.path().join("vestibule.yaml")).unwrap().config;
    assert_eq!((config.max_connections, config.memory), (10_000, 256 << 20));
    assert_eq!(config.admin, None);
    assert_eq!(config.workers, None);
    assert_eq!(*config.hosts[0].limits, vestibule::limit::Limits::default());
    assert!(config.hosts[0].content_types.is_none());
    assert_eq!((config.drain.delay, config.drain.spread), (Duration::ZERO, Duration::from_secs(30)));
    assert!(config.ticket_keys.is_empty());
}

#[test]
fn a_metadata_policy_is_known_by_the_digest_of_its_bytes_and_has_its_shadow_beside_it() {
    let folder = prepared("exception-that-is-over");
    let config = config::load(&folder.path().join("vestibule.yaml")).unwrap().config;
    let digest = |file: &str| Digest::of(&fs::read(folder.path().join(file)).unwrap());
    assert_eq!(config.metadata.digest, digest("metadata.yaml"));
    assert_eq!(config.shadow.unwrap().digest, digest("shadow.yaml"));
}

#[test]
fn a_host_without_server_names_is_asked_for_by_its_own_name() {
    let folder = prepared("certificate-for-other-names");
    let config = config::load(&folder.path().join("vestibule.yaml")).unwrap().config;
    assert_eq!(config.hosts[0].server_names, ["gatekeeper.example"]);
}

#[test]
fn hosts_may_share_a_server_name_an_upstream_and_a_policy() {
    let folder = prepared("right");
    let file = folder.path().join("vestibule.yaml");
    let limits = "    limits: policies/limits/default.yaml\n";
    let other = "  other.example:\n    server_names: [interop.provider.example]\n    certificate: { chain: tls/chain.pem, \
                 key: tls/key.pem }\n    upstream: gatekeeper\n";
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("    upstream: gatekeeper\n", &format!("    upstream: gatekeeper\n{limits}"));
    fs::write(&file, text.replace("upstreams:", &format!("{other}{limits}upstreams:"))).unwrap();
    let config = config::load(&file).unwrap().config;
    let [first, second] = config.hosts.as_slice() else { panic!("two hosts") };
    assert!(std::sync::Arc::ptr_eq(&first.upstream, &second.upstream));
    assert_eq!(first.limits, second.limits);
}

fn at(line: u64, column: u64) -> Position {
    Position { line, column }
}

/// What is said about a golden case: `ok` or the problems, then the warnings, with paths from the case's folder.
fn judgement(case: &str) -> String {
    let folder = prepared(case);
    let lines =
        |problems: &[FileProblem]| problems.iter().map(|problem| format!("{problem}\n")).collect::<String>();
    let judgement = match config::load(&folder.path().join("vestibule.yaml")) {
        Ok(loaded) => format!("ok\n{}", lines(&loaded.warnings)),
        Err(error) => lines(&error.problems),
    };
    judgement.replace(&format!("{}/", folder.path().display()), "")
}

fn cases() -> Vec<String> {
    let mut cases: Vec<String> = fs::read_dir(GOLDEN)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    cases.sort();
    cases
}

/// A copy of a golden case with the shipped policies and certificates beside it.
fn prepared(case: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    files::copy(&Path::new(GOLDEN).join(case), folder.path());
    files::copy(&files::root().join("policies"), &folder.path().join("policies"));
    files::make_certificates(&folder.path().join("tls"));
    folder
}
