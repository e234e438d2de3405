//! The commands as an operator runs them. `tests/cmd/` holds what they print; `TRYCMD=overwrite` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

use vestibule::disclosure::{Field, is_printable};

use tempfile::TempDir;

use super::files;

const VESTIBULE: &str = env!("CARGO_BIN_EXE_vestibule");

/// A policy with what does not show as itself in each of its texts.
const HIDDEN: &str = r#"
rules:
  - sink: access
    events: [session]
    purpose: "finding\e[2J disturbances"
    basis: "legitimate\u202e interest"
    retention: 14d
    recipients: ["the\nprovider"]
    fields: { time: keep, account: keep }
tests:
  - name: "an account\e[2J"
    event: session
    given: { time: 2026-11-23T07:00:00Z, account: "juliet\u202e" }
    expect: { access: { time: 2026-11-23T07:00:00Z, account: romeo } }
"#;

#[test]
fn commands_print_and_exit_as_recorded() {
    let cases = trycmd::TestCases::new();
    cases.case("tests/cmd/*.toml");
    #[cfg(feature = "sandbox")]
    cases.case("tests/cmd/sandbox/*.toml");
}

#[test]
fn check_tells_what_would_be_served() {
    let folder = files::shipped();
    let output = check_with_connections(&folder, 10);
    let expected = "ok\n\
        clients connect to 0.0.0.0:5223\n\
        streams to gatekeeper.example (as interop.provider.example) go to gatekeeper.example:5223\n\
        metrics and probes on 127.0.0.1:9464\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn what_runs_the_tests_says_which_there_are() {
    let script = files::root().join("tests/run");
    let asked = |name: &str| Command::new(&script).arg(name).output().unwrap();
    let (help, unknown) = (asked("--help"), asked("unknown"));
    assert_eq!((help.status.code(), unknown.status.code()), (Some(0), Some(2)));
    let said = String::from_utf8(help.stdout).unwrap();
    assert!(String::from_utf8(unknown.stderr).unwrap().ends_with(&said));
    let text = std::fs::read_to_string(&script).unwrap();
    let checks = text.lines().filter_map(|line| Some(line.strip_prefix("check_")?.split_once("()")?.0));
    assert!(checks.clone().count() > 10);
    for check in checks {
        assert!(said.split_whitespace().any(|word| word == check), "{check}: {said}");
    }
}

#[test]
fn check_tells_of_more_connections_than_files_may_be_open() {
    let output = check_with_connections(&files::shipped(), 1_000_000_000);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("warning: the limit on open files is "), "{said}");
    assert!(said.contains(" instead of `max_connections: 1000000000`, which can take 2000000"), "{said}");
    assert_eq!(output.status.code(), Some(0), "it may serve on a machine with another limit");
}

fn check_with_connections(folder: &TempDir, most: usize) -> Output {
    let path = folder.path().join("config/vestibule.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("max_connections: 10000\n", &format!("max_connections: {most}\n"));
    std::fs::write(&path, text).unwrap();
    vestibule(&["check", "--config", &path.to_string_lossy()])
}

#[test]
fn a_report_explains_pseudonyms_where_there_are_some() {
    let folder = files::shipped();
    for (policy, explained) in [("default-deny.yaml", false), ("abuse.yaml", true)] {
        let path = folder.path().join("policies/metadata").join(policy);
        let output = vestibule(&["policy", "report", &path.to_string_lossy()]);
        assert_eq!(String::from_utf8_lossy(&output.stdout).contains("## Pseudonyms"), explained, "{policy}");
    }
}

#[test]
fn a_report_of_a_configuration_tells_who_deletes_the_access_log() {
    let folder = files::shipped();
    let path = folder.path().join("config/vestibule.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("default-deny.yaml", "operations.yaml");
    std::fs::write(&path, text).unwrap();
    let output = vestibule(&["policy", "report", "--config", &path.to_string_lossy()]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("14 days, then to be deleted by whatever the log is handed to"), "{report}");
    let output = vestibule(&["policy", "report", "--json", "--config", &path.to_string_lossy()]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["access_log_retention_enforced"], false);
    assert_eq!(report["catalogue"]["fields"].as_array().unwrap().len(), Field::ALL.len());
}

#[test]
fn a_report_holds_markup_of_its_policy_as_text() {
    let folder = format!("{}/tests/cmd/policies.in", env!("CARGO_MANIFEST_DIR"));
    let output = vestibule(&["policy", "report", &format!("{folder}/metadata/old.yaml")]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains(r"- Purpose: abuse \| \*\*protection\*\*"), "{report}");
    assert!(report.contains(r"a \[disturbance\](http\://x\.example) that lasts"), "{report}");
}

/// Some terminals obey what does not show as itself: a policy, or a file's name, would choose what they show.
#[test]
fn commands_print_text_of_files_and_their_names_as_what_shows_as_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let [hidden, other, wrong, none] =
        ["\u{202e}a.yaml", "other.yaml", "\u{9b}2J.yaml", "\u{1b}[2J"].map(path);
    std::fs::write(&hidden, HIDDEN).unwrap();
    std::fs::write(&other, HIDDEN.replace("disturbances", "\\e[2J")).unwrap();
    std::fs::write(&wrong, "rules: 1\n").unwrap();
    let metadata = ["--kind", "metadata"];
    let cases: [(&[&str], &str); 11] = [
        (
            &["test", &hidden, metadata[0], metadata[1]],
            r"account\u{1b}[2J: `account` in `access` should be romeo, but is juliet\u{202e}",
        ),
        (&["test", &hidden], r"\u{202e}a.yaml: the kind of this policy"),
        (&["test", &wrong, metadata[0], metadata[1]], r"\u{9b}2J.yaml:1:8: "),
        (&["test", &none, metadata[0], metadata[1]], r"\u{1b}[2J:1:1: "),
        (
            &["explain", &hidden, metadata[0], metadata[1]],
            r"legitimate\u{202e} interest; kept for 14 days; seen by the\u{a}provider",
        ),
        (&["explain", "--json", &hidden, metadata[0], metadata[1]], r#""legitimate\u202e interest""#),
        (&["report", &hidden], r"legitimate\\u{202e} interest"),
        (&["report", "--json", &hidden], r#""legitimate\u202e interest""#),
        (&["diff", &hidden, &other], r"finding\u{1b}[2J disturbances -> finding\u{1b}[2J \u{1b}[2J"),
        (&["diff", "--json", &hidden, &other], r#""finding\u001b[2J \u001b[2J""#),
        (&["import", "mls", &none], r"\u{1b}[2J:1:1: "),
    ];
    for (arguments, expected) in cases {
        assert_shows(&[&["policy"], arguments].concat(), expected);
    }
    assert_shows(&["check", "--config", &wrong], r"\u{9b}2J.yaml:1:1: ");
    assert_shows(&["run", "--config", &wrong], r"\u{9b}2J.yaml:1:1: ");
    assert_shows(&["audit", "verify", "--heads", &none, &other], r"\u{1b}[2J");
}

fn assert_shows(arguments: &[&str], expected: &str) {
    let output = vestibule(arguments);
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(text.contains(expected), "{arguments:?}: {text:?}");
    assert!(text.chars().all(|shown| shown == '\n' || is_printable(shown)), "{arguments:?}: {text:?}");
}

#[test]
fn a_health_check_tells_the_status_of_a_process_that_is_not_well() {
    for (answer, code, told) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 0, ""),
        ("HTTP/1.1 200 \r\n\r\n", 0, ""),
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            1,
            "vestibule: /live answers HTTP/1.1 503 Service Unavailable\n",
        ),
        ("HTTP/1.1 2000\r\n\r\n", 1, "vestibule: /live answers HTTP/1.1 2000\n"),
        ("\x1b[2J 200", 1, "vestibule: /live answers \\u{1b}[2J 200\n"),
    ] {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap().to_string();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            // What is not read of a request resets the connection under the answer.
            assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let output = vestibule(&["healthcheck", "--address", &address]);
        answering.join().unwrap();
        assert_eq!(
            (output.status.code(), String::from_utf8(output.stderr).unwrap()),
            (Some(code), told.to_owned())
        );
    }
}

/// jsonschema is a second opinion: the loader's own check reads the same schemas.
#[test]
fn the_shipped_files_are_right_by_the_printed_schemas() {
    let kinds = [
        ("configuration", "config"),
        ("content-types", "policies/content-types"),
        ("dialect", "policies/dialects"),
        ("limits", "policies/limits"),
        ("metadata", "policies/metadata"),
    ];
    for (kind, folder) in kinds {
        let schema = serde_json::from_slice(&vestibule(&["schema", kind]).stdout).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let files = files::yaml_files(folder);
        assert!(!files.is_empty(), "{folder}");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            // `off` is a word in YAML 1.2.
            let options = serde_yaml::options! { strict_booleans: true };
            let document: serde_json::Value = serde_yaml::from_str_with_options(&text, options).unwrap();
            let errors: Vec<String> =
                validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{}", file.display());
            assert!(!validator.is_valid(&serde_json::json!({ "no such key": 1 })), "{kind}");
        }
    }
}

fn vestibule(arguments: &[&str]) -> Output {
    Command::new(VESTIBULE).args(arguments).output().unwrap()
}
