//! `vestibule demo`: that all it claims is observed, and that it fails for what is not.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use vestibule::sandbox::demo::{self, Claim, Fate, Policies, Step};

use super::files::root;

/// What the demonstration tells, and its report. It has a runtime of its own.
fn demonstrate(options: &demo::Options) -> (String, demo::Report) {
    let mut told = Vec::new();
    let report = demo::run(options, &mut told).unwrap();
    (String::from_utf8(told).unwrap(), report)
}

fn plain(policies: Policies) -> demo::Options {
    demo::Options { policies, ..demo::Options::default() }
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
    assert!(scenes.iter().any(|scene| scene["metrics"]["vestibule_connections_accepted_total"] == 8.0));
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
        [
            Claim::Advertised,
            Claim::OwnWordsRemoved,
            Claim::NotSent,
            Claim::GroupReached,
            Claim::GroupFitted,
            Claim::MediaNotAnnounced
        ],
        "{story}"
    );
}

#[test]
fn a_policy_that_lets_everything_pass_fails_the_demonstration() {
    let mut policies = Policies::default();
    policies.content_types = policies.content_types.replace("otherwise: fallback", "otherwise: pass");
    let (story, report) = demonstrate(&plain(policies));
    assert_eq!(unobserved(&report), [Claim::ContentReplaced, Claim::GroupFitted], "{story}");
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

/// The names of what is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn the_report_is_a_page_with_every_act_and_claim_and_the_story_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let options = demo::Options { report: Some(path.clone()), ..plain(Policies::default()) };
    let (story, report) = demonstrate(&options);
    assert!(story.contains(&format!("\nThe report was written to {}.\n", path.display())), "{story}");
    assert_eq!(names(folder.path()), ["report.html"]);
    let page = fs::read_to_string(&path).unwrap();
    assert_eq!(page.matches("<section class=\"act\"").count(), report.scenes.len());
    let exchanges: usize = report.scenes.iter().map(|scene| scene.exchanges.len()).sum();
    assert_eq!(page.matches("<figure class=\"exchange\">").count(), exchanges);
    for claim in Claim::ALL {
        assert_eq!(page.matches(&claim.text().replace('\'', "&#39;")).count(), 2, "{claim:?}");
    }
    assert_eq!(report.report, Some(path));
}

#[test]
fn what_passed_is_noted_for_every_act_without_its_doing() {
    let (_, report) = demonstrate(&plain(Policies::default()));
    let fates = |title: &str| -> Vec<Fate> {
        let scene = report.scenes.iter().find(|scene| scene.title == title).unwrap();
        scene.sequence.iter().map(|arrow| arrow.fate).collect()
    };
    for (title, fate) in [
        ("Alice enlists", Fate::Answered(201)),
        ("Alice connects through Vestibule", Fate::Edited),
        ("They talk", Fate::Untouched),
        ("They talk", Fate::Direct),
        ("The gatekeeper no longer cares", Fate::Edited),
        ("Mallory tries to smuggle a stanza", Fate::Stopped),
        ("Mallory tries to smuggle a stanza", Fate::Own),
        ("Carol's token is revoked", Fate::Untouched),
        ("What was written down", Fate::Untouched),
    ] {
        assert!(fates(title).contains(&fate), "{title}: {:?}", fates(title));
    }
    let arrows = || report.scenes.iter().flat_map(|scene| &scene.sequence);
    assert!(arrows().all(|arrow| arrow.received.is_none_or(|received| received >= arrow.sent)));
    // What is not edited has the same length at both ends; nothing but binding, resuming, features and the video is.
    let edited =
        arrows().filter(|arrow| arrow.fate == Fate::Edited).map(|arrow| arrow.label.split([' ', ':']).next());
    assert!(edited.flatten().all(|name| ["iq", "features", "message", "resume"].contains(&name)));
    let logs: Vec<_> =
        report.logs.iter().map(|log| (log.log, log.policy.as_str(), log.lines.len())).collect();
    assert_eq!(logs[0], ("access", "default-deny", 0));
    assert_eq!(logs[2], ("access", "operations", 2));
    assert_eq!((logs[1].0, logs[3].0), ("audit", "audit"));
    let counted = report.moved.iter().find(|moved| moved.series == "vestibule_connections_accepted_total");
    assert_eq!(counted.map(|moved| moved.after), Some(8.0));
}

#[test]
fn a_demonstration_that_ends_early_is_reported_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let policies = Policies { limits: "stanza_bites: 1\n".to_owned(), ..Policies::default() };
    let (_, report) =
        demonstrate(&demo::Options { report: Some(path.clone()), json: true, ..plain(policies) });
    assert!(!report.all_observed);
    let page = fs::read_to_string(&path).unwrap();
    assert!(page.contains("The demonstration ended early: the configuration is refused"), "{page}");
    assert_eq!(page.matches("✗ not seen").count(), Claim::ALL.len());
}

#[test]
fn where_no_report_can_be_written_nothing_is_played() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let fails = |options: demo::Options| {
        let mut told = Vec::new();
        let error = demo::run(&options, &mut told).err().unwrap();
        assert!(told.is_empty());
        error
    };
    let report = |path: &Path| demo::Options { report: Some(path.to_owned()), ..plain(Policies::default()) };
    assert!(matches!(fails(report(folder.path())), demo::Error::Report(_)));
    assert!(matches!(fails(report(&folder.path().join("missing/report.html"))), demo::Error::Report(_)));
    let pictures = Some(folder.path().join("file"));
    let error = fails(demo::Options { pictures, ..report(&folder.path().join("report.html")) });
    assert!(matches!(error, demo::Error::Pictures(..)), "{error}");
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn a_load_does_well_and_every_session_is_counted() {
    let mut steps = Vec::new();
    let mut most = 0;
    let program = PathBuf::from(env!("CARGO_BIN_EXE_vestibule"));
    let options = demo::LoadOptions { sessions: 20, program, mix: demo::Mix::default() };
    let report = demo::load(&options, &mut |progress| {
        most = most.max(progress.sessions);
        if progress.done == progress.of && !steps.contains(&progress.step) {
            steps.push(progress.step);
        }
    });
    let report = report.unwrap();
    assert!(report.all_well(), "{report:?}");
    assert_eq!((report.sessions, report.held, report.written, most), (20, 20, 200, 20));
    // Of each user's ten messages two go to the other seven of a group, and to three in the last group.
    assert_eq!(report.messages.received, 20 * 8 + 16 * 2 * 7 + 4 * 2 * 3);
    assert_eq!((report.resumed, report.sessions_counted), (2, 22));
    assert_eq!(steps, [Step::Enlisting, Step::Connecting, Step::Gathering, Step::Writing, Step::Leaving]);
    assert_not_well(report);
}

/// Whatever goes wrong, not all is well.
fn assert_not_well(mut report: demo::LoadReport) {
    let wrongs: [fn(&mut demo::LoadReport); 6] = [
        |report| report.sessions_counted -= 1,
        |report| report.held -= 1,
        |report| report.resumed -= 1,
        |report| report.messages.lost += 1,
        |report| report.messages.doubled += 1,
        |report| report.failures.push("x".to_owned()),
    ];
    let (messages, resumed) = (report.messages, report.resumed);
    let (held, counted) = (report.held, report.sessions_counted);
    for (number, wrong) in wrongs.into_iter().enumerate() {
        (report.messages, report.resumed) = (messages, resumed);
        (report.held, report.sessions_counted) = (held, counted);
        assert!(report.all_well());
        wrong(&mut report);
        assert!(!report.all_well(), "{number}");
    }
}

#[test]
fn a_load_as_json_says_how_long_messages_took_and_what_vestibule_took() {
    let folder = tempfile::tempdir().unwrap();
    let output = process(&["--load", "10", "--json"], folder.path()).wait_with_output().unwrap();
    assert!(output.status.success());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["sessions"], &report["messages"]["lost"]), (&json!(10), &json!(0)));
    let latency = &report["latency"];
    let times = ["median_ms", "p90_ms", "p99_ms", "max_ms"].map(|name| latency[name].as_f64().unwrap());
    assert!(times[0] > 0.0 && times.is_sorted(), "{latency}");
    let proxy = &report["proxy"];
    for moment in ["before", "height", "busy", "after"] {
        let usage = &proxy[moment];
        assert!(usage["cpu_seconds"].is_number() && usage["resident_kib"].as_u64() > Some(0), "{proxy}");
    }
    for figure in ["setup_cpu_us_per_session", "cpu_us_per_passage", "memory_kib_per_session"] {
        assert!(proxy[figure].is_number(), "{proxy}");
    }
    assert!(is_empty(folder.path()));
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
        assert_eq!(processes_of(folder.path()), 0, "{code}");
    }
}

#[tokio::test]
async fn a_load_that_is_killed_leaves_no_process_behind() {
    let folder = tempfile::tempdir().unwrap();
    let process = process(&["--load", "1000"], folder.path());
    until("Vestibule runs", || processes_of(folder.path()) == 1).await;
    assert_eq!(exit_code(process, Signal::KILL), None);
    until("Vestibule is gone", || processes_of(folder.path()) == 0).await;
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within the time limit: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How many processes were given a file below a folder: a load's Vestibule is, its configuration. A process that was killed
/// and that nobody has waited for has no arguments any more.
fn processes_of(folder: &Path) -> usize {
    let folder = folder.to_str().unwrap().as_bytes();
    let processes = fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let arguments = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    arguments.filter(|line| line.windows(folder.len()).any(|window| window == folder)).count()
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
