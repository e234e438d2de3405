//! Records, segments, and what a crash or another process leaves.

mod folder;
mod verification;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use zeroize::Zeroizing;

use super::*;
use crate::disclosure::document::MetadataDocument;
use crate::disclosure::{Event, PseudonymKeys, Value};
use crate::policy;
use crate::telemetry::log_folder::testing::{TestClock, in_a_process_of_its_own, logged, on_a_full_disk};

const PATIENCE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const STARTED: Record<'_> = Record::Started { version: "1.2.3" };

#[test]
fn every_record_names_the_hash_of_the_line_before() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &clock());
    let statement = statement("sha256:0a");
    let head = log.record(&STARTED).unwrap();
    assert_eq!((head.sequence, log.head()), (1, head));
    log.record(&Record::Policy { statement: &statement, replaces: None, widens: false }).unwrap();
    log.record(&Record::Refused { digest: "sha256:0b", replaces: "sha256:0a", reason: "widens" }).unwrap();
    let fields = &["time", "account"];
    let exception = Record::ExceptionEnded { sink: "access", event: "session", fields, reason: "\"a\nb\"" };
    log.record(&exception).unwrap();
    log.record(&Record::NewPeriod).unwrap();
    let last = log.record(&Record::Stopped).unwrap();
    let lines = lines(folder.path());
    let records: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = records.iter().filter_map(|record| record["kind"].as_str()).collect();
    assert_eq!(kinds, ["started", "policy", "refused", "exception-ended", "new-period", "stopped"]);
    let mut previous = Head::EMPTY.hash;
    for (index, (line, record)) in lines.iter().zip(&records).enumerate() {
        assert_eq!(record["sequence"], index + 1);
        assert_eq!(record["time"], "2026-11-23T07:00:00.000Z");
        assert_eq!(record["previous"].as_str().and_then(head::parse_hash), Some(previous));
        previous = head::hash(line.as_bytes());
    }
    assert_eq!(last, Head { sequence: 6, hash: previous });
    assert_eq!(records[1]["statement"], serde_json::to_value(&statement).unwrap());
    assert_eq!(records[3]["reason"], "\"a\nb\"");
}

#[test]
fn a_later_run_goes_on_with_the_chain_and_knows_the_last_policy() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (first, second) = (statement("sha256:0a"), statement("sha256:0b"));
    let log = open(folder.path(), &clock);
    assert_eq!(log.last_policy(), None);
    log.record(&Record::Policy { statement: &first, replaces: None, widens: false }).unwrap();
    assert_eq!(log.last_policy().as_ref(), Some(&first));
    drop(log);
    let log = open(folder.path(), &clock);
    assert_eq!(log.last_policy(), Some(first));
    let replaces = Some("sha256:0a");
    log.record(&Record::Policy { statement: &second, replaces, widens: true }).unwrap();
    log.record(&Record::Stopped).unwrap();
    drop(log);
    let log = open(folder.path(), &clock);
    assert_eq!((log.last_policy(), log.head().sequence), (Some(second), 3));
    assert_eq!(segments(folder.path()), ["audit.365d.20261123T070000Z.1.jsonl"]);
    assert_whole(folder.path(), 3);
}

#[test]
fn one_process_at_a_time_writes() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &clock());
    let again = AuditLog::start(&config(folder.path()), clock().clock(), &metrics());
    assert_eq!(again.err(), Some(AuditError::InUse));
    drop(log);
    open(folder.path(), &clock());
}

#[test]
fn a_line_that_a_crash_left_unfinished_is_cut_off_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &clock());
    log.record(&STARTED).unwrap();
    drop(log);
    let segment = folder.path().join(&segments(folder.path())[0]);
    let whole = fs::read(&segment).unwrap();
    for length in [1, 40, whole.len() - 1] {
        let torn: Vec<u8> = whole.iter().chain(&whole[..length]).copied().collect();
        fs::write(&segment, torn).unwrap();
        let log = open(folder.path(), &clock());
        log.record(&Record::Stopped).unwrap();
        let record: serde_json::Value = serde_json::from_str(&lines(folder.path())[1]).unwrap();
        assert_eq!((&record["discarded"], &record["sequence"]), (&length.into(), &2.into()));
        assert_whole(folder.path(), 2);
    }
}

#[test]
fn a_log_without_a_whole_record_can_be_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("audit.365d.20261123T070000Z.1.jsonl"), "{\"seq").unwrap();
    let log = open(folder.path(), &clock());
    assert_eq!(log.record(&STARTED).unwrap().sequence, 1);
    assert_whole(folder.path(), 1);
}

#[test]
fn a_chain_that_is_broken_otherwise_is_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &clock());
    for _ in 0..3 {
        log.record(&STARTED).unwrap();
    }
    drop(log);
    let segment = folder.path().join(&segments(folder.path())[0]);
    fs::write(&segment, fs::read_to_string(&segment).unwrap().replacen("1.2.3", "1.2.4", 1)).unwrap();
    let error = AuditLog::start(&config(folder.path()), clock().clock(), &metrics()).err().unwrap();
    let expected = Break { file: segment, line: 2, fault: Fault::Changed { record: 1 } };
    assert_eq!(error, AuditError::Broken(expected));
}

#[test]
fn a_policy_of_another_version_is_no_break_and_cannot_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &clock());
    let statement = statement("sha256:0a");
    log.record(&Record::Policy { statement: &statement, replaces: None, widens: false }).unwrap();
    drop(log);
    let segment = folder.path().join(&segments(folder.path())[0]);
    let whole = fs::read_to_string(&segment).unwrap();
    let other = whole.replace("\"pseudonym_period\":86400", "\"pseudonym_period\":\"never\"");
    assert_ne!(whole, other);
    fs::write(&segment, other).unwrap();
    assert_whole(folder.path(), 1);
    let expected = AuditError::OtherVersion { record: 1 };
    assert_eq!(AuditLog::read_last_policy(&config(folder.path())).as_ref().err(), Some(&expected));
    let error = AuditLog::start(&config(folder.path()), clock().clock(), &metrics()).err();
    assert_eq!(error, Some(expected));
}

#[test]
fn a_new_segment_restates_the_policy() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let log = open(folder.path(), &clock);
    let statement = statement("sha256:0a");
    log.record(&Record::Policy { statement: &statement, replaces: None, widens: false }).unwrap();
    clock.advance(DAY);
    log.record(&Record::NewPeriod).unwrap();
    let expected = ["audit.365d.20261123T070000Z.1.jsonl", "audit.365d.20261124T070000Z.2.jsonl"];
    assert_eq!(segments(folder.path()), expected);
    let lines = lines(folder.path());
    let record: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(record["kind"], "policy-in-force");
    assert_eq!(record["statement"], serde_json::to_value(&statement).unwrap());
    assert_whole(folder.path(), 3);
}

#[test]
fn a_record_is_in_no_segment_of_another_retention() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), &clock()).record(&STARTED).unwrap();
    let shorter = AuditLogConfig { retention: 30 * DAY, ..config(folder.path()) };
    let mut journal = Journal::open(&shorter, clock().clock()).unwrap();
    journal.record(&STARTED).unwrap();
    let expected = ["audit.30d.20261123T070000Z.2.jsonl", "audit.365d.20261123T070000Z.1.jsonl"];
    assert_eq!(segments(folder.path()), expected);
    drop(journal);
    assert_whole(folder.path(), 2);
}

#[test]
fn what_has_reached_the_retention_is_deleted_after_a_record_that_says_so() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let statement = statement("sha256:0a");
    let mut journal = Journal::open(&config(folder.path()), clock.clock()).unwrap();
    journal.record(&Record::Policy { statement: &statement, replaces: None, widens: false }).unwrap();
    let deleted = journal.record(&STARTED).unwrap();
    clock.advance(DAY);
    journal.record(&Record::NewPeriod).unwrap();
    clock.advance(364 * DAY);
    journal.tend();
    let expected = ["audit.365d.20261124T070000Z.3.jsonl", "audit.365d.20271123T070000Z.5.jsonl"];
    assert_eq!(segments(folder.path()), expected);
    let record: serde_json::Value = serde_json::from_str(lines(folder.path()).last().unwrap()).unwrap();
    assert_eq!(record["kind"], "segment-deleted");
    assert_eq!(record["head"], deleted.to_string());
    assert_whole(folder.path(), 4);
    // In the end everything is old, and the chain still goes on.
    clock.advance(1_000 * DAY);
    journal.tend();
    assert_eq!(segments(folder.path()).len(), 1);
    drop(journal);
    let log = open(folder.path(), &clock);
    assert_eq!(log.last_policy(), Some(statement));
    log.record(&Record::Stopped).unwrap();
    assert_whole(folder.path(), 4);
}

#[test]
fn records_from_the_future_are_kept_for_the_retention_from_now_and_no_longer() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    for _ in 0..2 {
        open(folder.path(), &clock).record(&STARTED).unwrap();
        clock.advance(DAY);
    }
    for day in 26..30 {
        fs::write(folder.path().join(format!("audit.365d.202611{day}T070000Z.2.jsonl")), "").unwrap();
    }
    clock.set_back(10 * DAY);
    open(folder.path(), &clock).record(&STARTED).unwrap();
    let expected = ["audit.365d.20261115T070000Z.1.jsonl", "audit.365d.20261115T070000Z.2.jsonl"];
    assert_eq!(segments(folder.path()), expected);
    assert_whole(folder.path(), 3);
    clock.advance(365 * DAY);
    open(folder.path(), &clock);
    assert_eq!(segments(folder.path()), ["audit.365d.20271115T070000Z.4.jsonl"]);
    assert_whole(folder.path(), 2);
}

#[test]
fn disclosed_events_are_records_whose_hashes_tell_nothing() {
    let (folder, metrics) = (tempfile::tempdir().unwrap(), metrics());
    let (log, writer) = AuditLog::start(&config(folder.path()), clock().clock(), &metrics).unwrap();
    log.write(disclosed(7));
    log.write(disclosed(7));
    writer.close(PATIENCE);
    let records: Vec<serde_json::Value> =
        lines(folder.path()).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [first, second] = &records[..] else { panic!("{records:?}") };
    assert_eq!(first["kind"], "event");
    let told = serde_json::json!({ "event": "session", "time": "1970-01-01T00:00:00.000Z", "edits": 7 });
    assert_eq!(first["disclosed"], told);
    assert_eq!(first["disclosed"], second["disclosed"]);
    assert_ne!(first["salt"], second["salt"], "who knows the hash cannot try out what was disclosed");
    assert!(page(&metrics).contains("vestibule_audit_log_lines_written_total 2\n"));
    log.record(&Record::Stopped).unwrap();
    assert_whole(folder.path(), 3);
}

#[test]
fn the_process_s_own_log_does_not_tell_when_an_event_was_recorded() {
    let test = "telemetry::audit_log::tests::the_process_s_own_log_does_not_tell_when_an_event_was_recorded";
    in_a_process_of_its_own(test, || {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        let statement = statement("sha256:0a");
        let mut journal = Journal::open(&config(folder.path()), clock.clock()).unwrap();
        let policy = Record::Policy { statement: &statement, replaces: None, widens: false };
        let first = logged(|| _ = journal.record(&policy).unwrap());
        assert!(first.contains("audit record sequence=1 "), "{first}");
        let own = logged(|| {
            journal.write(&disclosed(1)).unwrap();
            journal.write_lost(1).unwrap();
            // An event begins a segment, and at the end an event's segment is deleted.
            clock.advance(DAY);
            journal.write(&disclosed(1)).unwrap();
            clock.advance(366 * DAY);
            journal.tend();
        });
        assert_eq!(own, "");
        let last = logged(|| _ = journal.record(&Record::Stopped).unwrap());
        let mut anchors = Anchors::default();
        let told = folder.path().join("process.log");
        fs::write(&told, last).unwrap();
        assert_eq!(anchors.add_file(&told).unwrap(), 1);
        let verdict = verify(&[folder.path().to_owned()], &anchors).unwrap();
        assert_eq!((verdict.checked, verdict.breaks), (1, Vec::new()));
    });
}

#[test]
fn a_full_disk_costs_records_but_no_chain() {
    on_a_full_disk("telemetry::audit_log::tests::a_full_disk_costs_records_but_no_chain", || {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        let (log, metrics) = (open(folder.path(), &clock), metrics());
        let written = (0..100).take_while(|_| log.record(&STARTED).is_ok()).count();
        assert!((2..100).contains(&written), "{written}");
        assert!(matches!(log.record(&STARTED), Err(AuditError::Write(_))));
        assert_eq!(log.head().sequence, written as u64);
        drop(log);
        assert_whole(folder.path(), written as u64);
        let (log, writer) = AuditLog::start(&config(folder.path()), clock.clock(), &metrics).unwrap();
        log.write(disclosed(1));
        writer.close(PATIENCE);
        assert!(page(&metrics).contains("vestibule_audit_log_lines_lost_total{reason=\"write-failed\"} 1\n"));
        // The next segment has room.
        clock.advance(DAY);
        log.record(&STARTED).unwrap();
        assert_whole(folder.path(), written as u64 + 1);
    });
}

#[test]
fn a_deletion_that_cannot_be_recorded_waits() {
    on_a_full_disk("telemetry::audit_log::tests::a_deletion_that_cannot_be_recorded_waits", || {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        let config = AuditLogConfig { retention: 4 * DAY, ..config(folder.path()) };
        let mut journal = Journal::open(&config, clock.clock()).unwrap();
        journal.record(&STARTED).unwrap();
        clock.advance(DAY * 7 / 2);
        while journal.record(&STARTED).is_ok() {}
        clock.advance(DAY / 2);
        journal.tend();
        assert_eq!(segments(folder.path()).len(), 2);
        clock.advance(DAY / 2);
        journal.tend();
        let left = segments(folder.path());
        assert_eq!(left.len(), 2);
        assert!(left[0].starts_with("audit.4d.20261126T190000Z.2.") && left[1].contains("20261127T190000Z"));
        let verdict = verify(&[folder.path().to_owned()], &Anchors::default()).unwrap();
        assert_eq!(verdict.breaks, []);
    });
}

#[test]
fn a_full_disk_does_not_make_the_log_forget_the_policy() {
    on_a_full_disk(
        "telemetry::audit_log::tests::a_full_disk_does_not_make_the_log_forget_the_policy",
        || {
            let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
            let statement = statement(&"0".repeat(300));
            let mut journal = Journal::open(&config(folder.path()), clock.clock()).unwrap();
            journal.record(&Record::Policy { statement: &statement, replaces: None, widens: false }).unwrap();
            clock.advance(365 * DAY);
            // There is room for the record of a deletion, but not for the statement.
            limit_files(400);
            journal.tend();
            assert!(segments(folder.path()).contains(&"audit.365d.20261123T070000Z.1.jsonl".to_owned()));
            let last_policy = || AuditLog::read_last_policy(&config(folder.path())).unwrap();
            assert_eq!(last_policy().as_ref(), Some(&statement));
            limit_files(1_024);
            clock.advance(Duration::from_secs(60));
            journal.tend();
            assert_eq!(segments(folder.path()), ["audit.365d.20271123T070000Z.2.jsonl"]);
            assert_eq!(last_policy(), Some(statement));
            assert_whole(folder.path(), 2);
        },
    );
}

#[test]
fn a_segment_that_a_crash_left_empty_gets_its_statement() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let statement = statement("sha256:0a");
    let log = open(folder.path(), &clock);
    log.record(&Record::Policy { statement: &statement, replaces: None, widens: false }).unwrap();
    drop(log);
    clock.advance(DAY);
    fs::write(folder.path().join("audit.365d.20261124T070000Z.2.jsonl"), "").unwrap();
    let mut journal = Journal::open(&config(folder.path()), clock.clock()).unwrap();
    journal.record(&STARTED).unwrap();
    fs::remove_file(folder.path().join("audit.365d.20261123T070000Z.1.jsonl")).unwrap();
    let kept: Vec<String> = lines(folder.path());
    assert!(kept.len() == 2 && kept[0].contains("\"kind\":\"policy-in-force\""), "{kept:?}");
}

/// Every file of this process may have so many bytes.
fn limit_files(bytes: u64) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: Some(bytes), maximum }).unwrap();
}

#[test]
fn a_record_wakes_the_thread_that_deletes() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let config = AuditLogConfig { retention: Duration::from_secs(20), ..config(folder.path()) };
    fs::write(folder.path().join("audit.1s.20200101T000000Z.1.jsonl"), "").unwrap();
    let (log, writer) = AuditLog::start(&config, clock.clock(), &metrics()).unwrap();
    // Once this is deleted, the thread sleeps for a minute.
    wait_until(|| segments(folder.path()).is_empty());
    log.record(&STARTED).unwrap();
    let first = segments(folder.path());
    clock.advance(Duration::from_secs(20));
    log.record(&STARTED).unwrap();
    wait_until(|| !segments(folder.path()).contains(&first[0]));
    writer.close(PATIENCE);
}

/// Fails long before the thread of a log looks by itself.
fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "the thread sleeps");
        std::thread::yield_now();
    }
}

/// What a rule for the sink `audit` discloses.
fn disclosed(edits: u64) -> Disclosed<Audit> {
    let text = "rules: [{ sink: audit, events: [session], purpose: tests, basis: tests, retention: 365d, \
                fields: { time: keep, edits: keep } }]";
    let policy = policy::load::<MetadataDocument>(text).unwrap().value.policy;
    let mut observation = policy.interest(UNIX_EPOCH).observe(Event::Session, UNIX_EPOCH).unwrap();
    observation.record(Value::Edits(edits));
    policy.disclose(&observation, &PseudonymKeys::new(Zeroizing::new([1; 32]))).unwrap()
}

fn statement(digest: &str) -> Statement {
    Statement {
        digest: digest.to_owned(),
        rules: Vec::new(),
        never_together: vec![vec!["from".to_owned(), "to".to_owned()]],
        pseudonym_period: 86_400,
    }
}

fn config(folder: &Path) -> AuditLogConfig {
    AuditLogConfig { folder: folder.to_owned(), retention: 365 * DAY }
}

/// 2026-11-23 at 7 o'clock.
fn clock() -> TestClock {
    TestClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_417_200))
}

/// A log whose thread has ended: it holds the folder for as long as the log is there.
fn open(folder: &Path, clock: &TestClock) -> AuditLog {
    let (log, writer) = AuditLog::start(&config(folder), clock.clock(), &metrics()).unwrap();
    writer.close(PATIENCE);
    log
}

fn assert_whole(folder: &Path, records: u64) {
    let verdict = verify(&[folder.to_owned()], &Anchors::default()).unwrap();
    assert_eq!((verdict.breaks, verdict.records, verdict.unfinished), (Vec::new(), records, 0));
}

/// The names of the segments.
fn segments(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "audit.lock").collect();
    names.sort_unstable();
    names
}

fn lines(folder: &Path) -> Vec<String> {
    let text: String =
        segments(folder).iter().map(|name| fs::read_to_string(folder.join(name)).unwrap()).collect();
    text.lines().map(str::to_owned).collect()
}

fn metrics() -> Metrics {
    Metrics::new().unwrap()
}

fn page(metrics: &Metrics) -> String {
    String::from_utf8(metrics.render().unwrap()).unwrap()
}
