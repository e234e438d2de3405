//! `vestibule demo`: that all it claims is observed, and that it fails for what is not.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use vestibule::sandbox::demo::{self, Claim, Policies, Step};

use super::files::root;

/// What the demonstration tells, and its report. It has a runtime of its own.
fn demonstrate(options: &demo::Options) -> (String, demo::Report) {
    let mut told = Vec::new();
    let report = demo::run(options, &mut told).unwrap();
    (String::from_utf8(told).unwrap(), report)
}

fn plain(policies: Policies) -> demo::Options {
    demo::Options { json: false, colour: false, keep: None, policies }
}

fn unobserved(report: &demo::Report) -> Vec<Claim> {
    report.claims.iter().filter(|finding| !finding.observed).map(|finding| finding.claim).collect()
}

#[test]
fn the_demonstration_observes_all_that_it_claims() {
    let (story, report) = demonstrate(&plain(Policies::default()));
    assert_eq!(unobserved(&report), [], "{story}");
    assert!(report.all_observed && report.stopped_by.is_none());
    assert_eq!(report.claims.len(), Claim::ALL.len());
    for claim in Claim::ALL {
        let scenes = report.scenes.iter().flat_map(|scene| &scene.findings);
        assert_eq!(
            scenes.filter(|finding| finding.claim == claim).count(),
            1,
            "{claim:?} is found in one scene"
        );
    }
}

#[test]
fn the_story_is_plain_and_narrow_when_it_is_piped() {
    let (story, _) = demonstrate(&plain(Policies::default()));
    assert!(!story.contains('\x1b'));
    assert!(story.lines().all(|line| line.chars().count() <= 100), "{story}");
    assert!(story.contains("\n  +     <content-types xmlns='urn:x-vestibule:content-types:0'>\n"), "{story}");
    assert!(story.ends_with(&format!("\n{0} of {0} claims were observed.\n", Claim::ALL.len())), "{story}");
}

/// Piece by piece: a blank line, or one with an ellipsis, stands for what is left out.
#[test]
fn the_readme_shows_pieces_of_the_story() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("## Two commands\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let sample = section.split("a thousand sessions on Vestibule:\n").nth(1).unwrap();
    let lines: Vec<&str> = sample.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    let pieces = lines.split(|line| ["", "…"].contains(&line.trim())).filter(|piece| !piece.is_empty());
    let (story, _) = demonstrate(&plain(Policies::default()));
    // Where a line is broken, its space is left at its end.
    let story = story.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert!(pieces.clone().count() > 5);
    for piece in pieces {
        let piece = piece.join("\n");
        assert!(story.contains(&format!("\n{piece}\n")), "{piece}\n{story}");
    }
}

#[test]
fn on_a_terminal_the_edit_is_coloured() {
    let (story, _) = demonstrate(&demo::Options { colour: true, ..plain(Policies::default()) });
    assert!(story.contains("\x1b[32m  +     <content-types"), "{story}");
}

#[test]
fn the_json_is_one_document_with_claims_stanzas_and_metrics() {
    let (told, _) = demonstrate(&demo::Options { json: true, ..plain(Policies::default()) });
    let document: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(document["all_observed"], true);
    assert_eq!(document["stopped_by"], serde_json::Value::Null);
    let claims = document["claims"].as_array().unwrap();
    let ids: Vec<_> = claims.iter().map(|claim| claim["id"].as_str().unwrap()).collect();
    assert_eq!(ids, Claim::ALL.map(Claim::id));
    assert!(claims.iter().all(|claim| claim["observed"] == true && claim["claim"].is_string()));
    let scenes = document["scenes"].as_array().unwrap();
    let bind = &scenes[1]["exchanges"][0];
    let (sent, received) = (bind["sent"].as_str().unwrap(), bind["received"].as_str().unwrap());
    assert!(!sent.contains("content-types") && received.contains("content-types"));
    assert!(scenes.iter().any(|scene| scene["metrics"]["vestibule_connections_accepted_total"] == 6.0));
}

#[test]
fn a_policy_that_leaves_the_bind_request_alone_fails_the_demonstration() {
    let mut policies = Policies::default();
    policies.content_types = policies.content_types.replace("carriers: [bind]", "carriers: [presence]");
    let (story, report) = demonstrate(&plain(policies));
    assert!(!report.all_observed);
    assert!(unobserved(&report).contains(&Claim::NothingElseAdded), "{story}");
    assert!(story.contains("[NOT SEEN]"), "{story}");
}

#[test]
fn a_dialect_that_the_gatekeeper_does_not_speak_fails_the_demonstration() {
    let mut policies = Policies::default();
    policies.dialect = policies.dialect.replace("namespace: urn:x-vestibule", "namespace: urn:x-other");
    let (story, report) = demonstrate(&plain(policies));
    assert_eq!(
        unobserved(&report),
        [Claim::Advertised, Claim::OwnWordsRemoved, Claim::NotSent, Claim::MediaNotAnnounced],
        "{story}"
    );
}

#[test]
fn a_policy_that_lets_everything_pass_fails_the_demonstration() {
    let mut policies = Policies::default();
    policies.content_types = policies.content_types.replace("otherwise: fallback", "otherwise: pass");
    let (story, report) = demonstrate(&plain(policies));
    assert_eq!(unobserved(&report), [Claim::ContentReplaced], "{story}");
}

#[test]
fn a_log_that_names_people_fails_the_demonstration() {
    let mut policies = Policies::default();
    policies.operations = policies.operations.replace("account: pseudonym", "account: keep");
    let (story, report) = demonstrate(&plain(policies));
    assert_eq!(unobserved(&report), [Claim::NobodyNamed], "{story}");
    assert!(story.contains("found in 2 lines: internal identifiers"), "{story}");
}

#[test]
fn a_log_where_none_should_be_fails_the_demonstration() {
    let shipped = Policies::default();
    let policies = Policies { default_deny: shipped.operations.clone(), ..shipped };
    let (story, report) = demonstrate(&plain(policies));
    assert_eq!(unobserved(&report), [Claim::NothingLogged], "{story}");
}

#[test]
fn a_configuration_that_is_refused_ends_the_demonstration_with_its_reason() {
    let policies = Policies { limits: "stanza_bites: 1\n".to_owned(), ..Policies::default() };
    let (story, report) = demonstrate(&plain(policies));
    assert!(report.scenes.is_empty() && !report.all_observed);
    assert_eq!(unobserved(&report), Claim::ALL);
    assert!(story.contains("The demonstration ended early: the configuration is refused"), "{story}");
}

#[test]
fn a_load_does_well_and_every_session_is_counted() {
    let mut steps = Vec::new();
    let report = demo::load(20, &mut |progress| {
        if progress.done == progress.of && !steps.contains(&progress.step) {
            steps.push(progress.step);
        }
    });
    let report = report.unwrap();
    assert!(report.all_well(), "{report:?}");
    assert_eq!((report.sessions, report.messages, report.sessions_counted), (20, 200, 20));
    assert_eq!(steps, [Step::Enlisting, Step::Connecting, Step::Writing, Step::Leaving]);
    let uncounted = demo::LoadReport { sessions_counted: 19, ..report };
    assert!(!uncounted.all_well());
}

/// `vestibule demo` as a process, which finds the place for its temporary directory here.
fn process(arguments: &[&str], folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.arg("demo").args(arguments).env("TMPDIR", folder);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn exit_code(mut process: Child, signal: Signal) -> Option<i32> {
    kill_process(Pid::from_child(&process), signal).unwrap();
    process.wait().unwrap().code()
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test]
async fn a_signal_ends_a_load_and_nothing_is_left_of_it() {
    for (signal, code) in [(Signal::INT, 130), (Signal::HUP, 129), (Signal::TERM, 143)] {
        let folder = tempfile::tempdir().unwrap();
        let process = process(&["--load", "1000"], folder.path());
        let deadline = Instant::now() + Duration::from_secs(30);
        while is_empty(folder.path()) {
            assert!(Instant::now() < deadline, "the directory is not made");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(exit_code(process, signal), Some(code));
        assert!(is_empty(folder.path()), "{code}");
    }
}

#[test]
fn a_signal_ends_what_is_kept_up_and_nothing_is_left_of_it() {
    for signal in [Signal::INT, Signal::HUP, Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let mut process = process(&["--keep"], folder.path());
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains(" sandbox token --config ")));
        assert!(!is_empty(folder.path()));
        assert_eq!(exit_code(process, signal), Some(0));
        assert!(is_empty(folder.path()));
    }
}
