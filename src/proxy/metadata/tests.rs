use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::*;
use crate::disclosure::document::MetadataDocument;
use crate::disclosure::{SessionId, Value};
use crate::policy;
use crate::telemetry::access_log::FolderConfig;
use crate::telemetry::{AccessLogTarget, AccessLogWriter, AuditLogConfig, AuditLogWriter};

const ACCOUNT: &str = "juliet@client.example";
const NOTHING: &str = "rules: []\n";

#[test]
fn each_sink_gets_what_its_rule_lets_in() {
    let rules =
        format!("rules:\n{}{}", rule("access", "account: keep"), rule("audit", "time: keep, resource: keep"));
    let stage = Stage::start(&rules);
    stage.see_session();
    let stage = stage.close();
    assert_eq!(stage.access_log(), [format!("{{\"event\":\"session\",\"account\":\"{ACCOUNT}\"}}")]);
    let events: Vec<String> = stage.audited().into_iter().filter(|line| kind(line) == "event").collect();
    assert!(
        matches!(&events[..], [event] if event.contains("balcony") && !event.contains(ACCOUNT)),
        "{events:?}"
    );
}

#[test]
fn a_policy_is_on_record_before_it_is_in_force() {
    let stage = Stage::start(NOTHING);
    let kinds = |stage: &Stage| stage.audited().iter().map(|line| kind(line)).collect::<Vec<_>>();
    assert_eq!(kinds(&stage), ["started", "policy"]);
    stage.metadata.replace(policies("rules: []\n# Another text.\n")).unwrap();
    assert_eq!(kinds(&stage), ["started", "policy", "policy"]);
}

#[test]
fn a_wider_policy_that_does_not_say_so_is_refused_and_changes_nothing() {
    let stage = Stage::start(NOTHING);
    let before = stage.metadata.status();
    let wider = format!("rules:\n{}", rule("access", "account: keep"));
    let refusal = stage.metadata.replace(policies(&wider)).unwrap_err();
    assert!(matches!(refusal, PolicyError::Unannounced(_)));
    assert!(refusal.to_string().contains(&before.policy), "{refusal}");
    stage.see_session();
    assert_eq!(stage.metadata.status().policy, before.policy);
    let stage = stage.close();
    assert_eq!(stage.access_log(), [""; 0]);
    assert!(stage.audited().iter().any(|line| kind(line) == "refused"));
}

#[test]
fn a_wider_policy_that_names_the_one_before_takes_effect_in_what_happens_from_there_on() {
    let stage = Stage::start(NOTHING);
    stage.see_session();
    let widens = format!("widens: {}\n", stage.metadata.status().policy);
    let wider = format!("{widens}rules:\n{}", rule("access", "account: keep"));
    stage.metadata.replace(policies(&wider)).unwrap();
    assert!(stage.metadata.learn().account);
    stage.see_session();
    assert_eq!(stage.close().access_log().len(), 1);
}

#[test]
fn at_the_start_a_policy_is_held_against_the_last_one_on_record() {
    let first = Stage::start(NOTHING);
    let digest = first.metadata.status().policy;
    let stopped = first.close();
    let wider = format!("rules:\n{}", rule("access", "account: keep"));
    let refused = Stage::start_in(stopped.folder, &wider).map(|_| ()).unwrap_err();
    assert!(matches!(refused.1, PolicyError::Unannounced(_)));
    let announced = format!("widens: {digest}\n{wider}");
    let stopped =
        Stage::start_in(refused.0, &announced).unwrap_or_else(|(_, error)| panic!("{error}")).close();
    // It is the last one on record now, and starts again as it is.
    let again = Stage::start_in(stopped.folder, &announced).unwrap_or_else(|(_, error)| panic!("{error}"));
    assert_eq!(again.audited().iter().filter(|line| kind(line) == "policy").count(), 2);
}

#[test]
fn pseudonyms_of_another_period_have_nothing_in_common() {
    let mut shared = policies(&format!("rules:\n{}", rule("access", "account: pseudonym")));
    Arc::make_mut(&mut shared.metadata).pseudonym_period = Duration::from_millis(1);
    let stage = Stage::start(NOTHING);
    let widens = Arc::make_mut(&mut shared.metadata);
    widens.widens = Some(stage.metadata.in_force.load().policies.metadata.digest);
    stage.metadata.replace(shared).unwrap();
    for _ in 0..5 {
        let period = stage.period();
        stage.see_session();
        while Arc::ptr_eq(&period, &stage.period()) {
            stage.metadata.keep_up(SystemTime::now());
        }
    }
    let stage = stage.close();
    assert_eq!(stage.access_log().into_iter().collect::<BTreeSet<_>>().len(), 5);
    assert!(stage.audited().iter().filter(|line| kind(line) == "new-period").count() >= 5);
}

#[test]
fn keys_stay_the_same_within_a_period_and_over_a_reload_of_the_same() {
    let text = format!("rules:\n{}", rule("access", "account: pseudonym"));
    let stage = Stage::start(&text);
    stage.see_session();
    stage.metadata.keep_up(SystemTime::now());
    stage.metadata.replace(policies(&format!("{text}# Another text.\n"))).unwrap();
    stage.see_session();
    let lines = stage.close().access_log();
    assert_eq!(lines[0], lines[1]);
}

#[test]
fn events_are_counted_on_over_a_reload_of_the_same_policy() {
    let text = format!("rules:\n{}", rule("metrics", "host: keep"));
    let stage = Stage::start(&text);
    let events = || Arc::clone(&stage.metadata.in_force.load().events);
    let before = events();
    stage.metadata.replace(policies(&text)).unwrap();
    assert!(Arc::ptr_eq(&before, &events()));
    stage.metadata.replace(policies(NOTHING)).unwrap();
    assert!(!Arc::ptr_eq(&before, &events()));
}

#[test]
fn no_pseudonym_joins_what_two_policies_let_out() {
    let pseudonym = format!("rules:\n{}", rule("access", "account: pseudonym, session-id: keep"));
    let stage = Stage::start(&pseudonym);
    stage.see_session();
    let other = format!("rules:\n{}", rule("access", "account: pseudonym, session-id: keep, edits: keep"));
    let widens = format!("widens: {}\n{other}", stage.metadata.status().policy);
    stage.metadata.replace(policies(&widens)).unwrap();
    stage.see_session();
    let stage = stage.close();
    let lines = stage.access_log();
    let values = |line: &str| -> BTreeSet<String> {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        ["account", "session-id"].map(|field| line[field].as_str().unwrap().to_owned()).into()
    };
    assert!(values(&lines[0]).is_disjoint(&values(&lines[1])), "{lines:?}");
    assert!(stage.audited().iter().any(|line| kind(line) == "new-period"));
}

#[test]
fn without_keys_nothing_is_disclosed_until_there_are_some() {
    let stage = Stage::start(&format!("rules:\n{}", rule("access", "edits: keep")));
    let before = stage.metadata.in_force.load_full();
    stage.metadata.in_force.store(Arc::new(before.later(None, SystemTime::now())));
    stage.see_session();
    assert_eq!(stage.metadata.status().policy, before.policies.metadata.digest.to_string());
    assert!(stage.metadata.keep_up(SystemTime::now()) > Duration::ZERO);
    stage.see_session();
    assert_eq!(stage.close().access_log().len(), 1);
}

#[test]
fn keys_that_have_had_their_time_make_no_pseudonyms() {
    let stage = Stage::start(&format!("rules:\n{}", rule("access", "edits: keep")));
    let policy = policies(NOTHING).metadata;
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 86_400);
    let over = Arc::new(Period::begin(&policy, long_ago).unwrap());
    let before = stage.metadata.in_force.load_full();
    stage.metadata.in_force.store(Arc::new(before.later(Some(over), long_ago)));
    stage.see_session();
    stage.metadata.keep_up(SystemTime::now());
    stage.see_session();
    assert_eq!(stage.close().access_log().len(), 1);
}

#[test]
fn labels_that_an_exception_opened_end_with_it() {
    let hour = Duration::from_secs(3_600);
    let until = (OffsetDateTime::now_utc() + hour).format(&Rfc3339).unwrap();
    let text = format!(
        "rules:\n{}exceptions:\n  - {{ sink: metrics, events: [session], fields: {{ end-reason: keep }}, \
         reason: a fault, until: {until} }}\n",
        rule("metrics", "host: keep")
    );
    let stage = Stage::start(&text);
    let page = || String::from_utf8(stage.metadata.metrics.render().unwrap()).unwrap();
    stage.metadata.observe(Event::Session, |observation| observation.record(Value::EndReason("closed")));
    assert!(page().contains("end_reason=\"closed\""));
    stage.metadata.keep_up(SystemTime::now() + 2 * hour);
    assert!(!page().contains("end_reason"));
}

#[test]
fn an_exception_ends_by_itself_and_its_end_is_on_record() {
    let hour = Duration::from_secs(3_600);
    let until = (OffsetDateTime::now_utc() + hour).format(&Rfc3339).unwrap();
    let text = format!(
        "rules:\n{}exceptions:\n  - {{ sink: access, events: [session], fields: {{ account: keep }}, \
         reason: a fault, until: {until} }}\n",
        rule("access", "edits: keep")
    );
    let stage = Stage::start(&text);
    assert_eq!(stage.metadata.status().exceptions.len(), 1);
    assert!(stage.metadata.learn().account);
    stage.see_session();
    stage.metadata.keep_up(SystemTime::now() + 2 * hour);
    assert!(!stage.metadata.learn().account);
    // The clock is right again, and the exception is over all the same.
    stage.metadata.keep_up(SystemTime::now());
    assert!(!stage.metadata.learn().account);
    assert!(stage.metadata.status().exceptions.is_empty());
    stage.see_session();
    let stage = stage.close();
    let lines = stage.access_log();
    assert!(lines[0].contains(ACCOUNT) && !lines[1].contains(ACCOUNT), "{lines:?}");
    assert_eq!(stage.audited().iter().filter(|line| kind(line) == "exception-ended").count(), 1);
}

#[test]
fn a_shadow_is_counted_and_discloses_nothing() {
    let mut both = policies(NOTHING);
    both.shadow = Some(policies(&format!("rules:\n{}", rule("access", "account: keep"))).metadata);
    let stage = Stage::start(NOTHING);
    stage.metadata.replace(both).unwrap();
    assert!(stage.metadata.learn().account);
    stage.see_session();
    let page = String::from_utf8(stage.metadata.metrics.render().unwrap()).unwrap();
    let counted =
        "vestibule_shadow_disclosures_total{event=\"session\",field=\"account\",sink=\"access\"} 1\n";
    assert!(page.contains(counted), "{page}");
    assert_eq!(stage.close().access_log(), [""; 0]);
}

#[test]
fn a_period_ends_with_a_multiple_of_its_length_by_the_clock_or_when_the_length_is_another_one() {
    let day = Duration::from_secs(86_400);
    let morning = SystemTime::UNIX_EPOCH + 20_000 * day + Duration::from_secs(6 * 3_600);
    let policy = DisclosurePolicy::default();
    assert_eq!(policy.pseudonym_period, day);
    let period = Period::begin(&policy, morning).unwrap();
    let left = Duration::from_secs(18 * 3_600);
    assert!(period.left(morning) <= left && period.left(morning) > left - Duration::from_secs(3_600));
    // A clock that is set back prolongs nothing.
    assert!(period.left(morning - day) <= left);
    let midnight = SystemTime::UNIX_EPOCH + 20_001 * day;
    assert!(!period.is_over(day, midnight - Duration::from_secs(1)));
    assert!(period.is_over(day, midnight));
    assert!(period.is_over(2 * day, morning));
}

/// A policy at work with logs in a folder.
struct Stage {
    folder: TempDir,
    metadata: Metadata,
    writers: (AccessLogWriter, AuditLogWriter),
}

/// The same after its end: the logs are written, and their folder is free for another one.
struct Stopped {
    folder: TempDir,
}

impl Stage {
    fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for log in ["access", "audit"] {
            fs::create_dir(folder.path().join(log)).unwrap();
        }
        Self::start_in(folder, text).unwrap_or_else(|(_, error)| panic!("{error}"))
    }

    fn start_in(folder: TempDir, text: &str) -> Result<Self, (TempDir, PolicyError)> {
        let metrics = Metrics::new().unwrap();
        let path = folder.path().join("access");
        let target = AccessLogTarget::Folder(FolderConfig { path, segment_size: 1 << 20 });
        let (access_log, access_writer) = AccessLog::open(&target, metrics.clone()).unwrap();
        let config =
            AuditLogConfig { folder: folder.path().join("audit"), retention: Duration::from_secs(86_400) };
        let (audit_log, audit_writer) = AuditLog::open(&config, metrics.clone()).unwrap();
        match Metadata::start(policies(text), access_log, Some(audit_log), metrics) {
            Ok(metadata) => Ok(Self { folder, metadata, writers: (access_writer, audit_writer) }),
            Err(error) => {
                // The audit log is free again when its thread has ended.
                audit_writer.close(Duration::from_secs(60));
                access_writer.close(Duration::from_secs(60));
                Err((folder, error))
            }
        }
    }

    fn see_session(&self) {
        self.metadata.observe(Event::Session, |observation| {
            observation.record(Value::SessionId(SessionId::new([7; 16])));
            observation.record(Value::Account(ACCOUNT));
            observation.record(Value::Resource("balcony"));
            observation.record(Value::Edits(1));
        });
    }

    fn period(&self) -> Arc<Period> {
        self.metadata.in_force.load().period.clone().unwrap()
    }

    fn close(self) -> Stopped {
        let Self { folder, metadata, writers: (access, audit) } = self;
        access.close(Duration::from_secs(60));
        audit.close(Duration::from_secs(60));
        metadata.record_stop();
        Stopped { folder }
    }

    fn audited(&self) -> Vec<String> {
        lines(&self.folder.path().join("audit"))
    }
}

impl Stopped {
    fn access_log(&self) -> Vec<String> {
        lines(&self.folder.path().join("access"))
    }

    fn audited(&self) -> Vec<String> {
        lines(&self.folder.path().join("audit"))
    }
}

/// The lines of a log's segments.
fn lines(folder: &Path) -> Vec<String> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The kind of an audit record.
fn kind(line: &str) -> String {
    let record: serde_json::Value = serde_json::from_str(line).unwrap();
    record["kind"].as_str().unwrap_or_default().to_owned()
}

/// A rule for sessions, as an item of a file's list.
fn rule(sink: &str, fields: &str) -> String {
    format!(
        "  - {{ sink: {sink}, events: [session], purpose: tests, basis: tests, retention: 1d, fields: {{ {fields} }} }}\n"
    )
}

fn policies(text: &str) -> Policies {
    let loaded = policy::load::<MetadataDocument>(text);
    let mut metadata = loaded.unwrap_or_else(|problems| panic!("{problems:?}")).value.policy;
    metadata.digest = disclosure::Digest::of(text.as_bytes());
    Policies { metadata: Arc::new(metadata), shadow: None }
}
