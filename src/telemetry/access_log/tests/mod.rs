//! The lines, the queue before them, and outputs that fail.

mod folder;
mod outputs;

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::disclosure::document::MetadataDocument;
use crate::disclosure::{Event, PseudonymKeys, SessionId, Value, is_printable};
use crate::policy;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_line_has_exactly_the_disclosed_fields_in_their_documented_forms() {
    let fields = "{ time: keep, session-id: keep, client-address: { truncate: { v4: 24, v6: 48 } }, client-port: keep, \
                  tls-version: keep, account: keep, resource: pseudonym, duration: keep, bytes-from-client: keep }";
    let values = [
        Value::Time(UNIX_EPOCH + Duration::from_millis(1_772_323_199_045)),
        Value::SessionId(SessionId::new([7; 16])),
        Value::ClientAddress("2001:db8:1:2::3".parse().unwrap()),
        Value::ClientPort(50_000),
        Value::Sni("marker-sni.example"),
        Value::TlsVersion("1.3"),
        Value::Account("juliet@client.example"),
        Value::Resource("marker-resource"),
        Value::Duration(Duration::from_micros(61_002_999)),
        Value::BytesFromClient(u64::MAX),
        Value::BytesFromGatekeeper(4_242_424_242),
    ];
    let mut line = render_line(&disclosed(fields, &values));
    assert_eq!(line.pop(), Some('\n'));
    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
    let (session, resource) = (&parsed["session-id"], &parsed["resource"]);
    for pseudonym in [session, resource] {
        let digits = pseudonym.as_str().unwrap();
        assert!(digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{digits}");
    }
    let expected = serde_json::json!({
        "event": "session", "time": "2026-02-28T23:59:59.045Z", "session-id": session,
        "client-address": "2001:db8:1::/48", "client-port": 50_000, "tls-version": "1.3",
        "account": "juliet@client.example", "resource": resource, "duration": 61.002, "bytes-from-client": u64::MAX,
    });
    assert_eq!(parsed, expected);
    assert!(!line.contains("marker") && !line.contains("4242424242"));
}

#[test]
fn times_follow_the_calendar() {
    let cases = [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400, "2000-02-29T00:00:00.000Z"),
        (951_868_799, "2000-02-29T23:59:59.000Z"),
        (951_868_800, "2000-03-01T00:00:00.000Z"),
        (1_709_164_800, "2024-02-29T00:00:00.000Z"),
        (1_735_689_599, "2024-12-31T23:59:59.000Z"),
        (1_735_689_600, "2025-01-01T00:00:00.000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000Z"),
    ];
    for (seconds, expected) in cases {
        let moment = UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(only_field(Value::Time(moment), "time"), expected);
    }
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(only_field(Value::Time(before), "time"), "1970-01-01T00:00:00.000Z");
}

#[test]
fn text_cannot_move_the_cursor_or_reorder_the_line() {
    let text = "a\u{1b}[2J\u{7f}\u{9b}1m\u{202e}b\u{2028}c\"\\\n\u{61c}\u{200b}\u{e0041}";
    let line = render_line(&disclosed("{ account: keep }", &[Value::Account(text)]));
    assert!(line.trim_end_matches('\n').chars().all(is_printable), "{line:?}");
    assert_eq!(only_field(Value::Account(text), "account"), text);
}

proptest! {
    #[test]
    fn any_text_makes_one_line_that_reads_back_as_the_text(text in any::<String>()) {
        let line = render_line(&disclosed("{ account: keep }", &[Value::Account(&text)]));
        prop_assert_eq!(line.matches('\n').count(), 1);
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(parsed, serde_json::json!({ "event": "session", "account": text }));
    }
}

#[test]
fn lines_are_written_in_order_and_all_of_them_before_closing_ends() {
    let (output, metrics) = (Memory::default(), metrics());
    let (log, writer) = AccessLog::start(Stream::new(output.clone()), 1_000, &metrics).unwrap();
    for number in 0..1_000 {
        log.write(disclosed("{ edits: keep }", &[Value::Edits(number)]));
    }
    writer.close(PATIENCE);
    let expected: String =
        (0..1_000).map(|number| format!("{{\"event\":\"session\",\"edits\":{number}}}\n")).collect();
    assert_eq!(output.text(), expected);
    assert_eq!(sample(&metrics, "vestibule_access_log_lines_written_total"), 1_000);
}

#[test]
fn a_full_queue_loses_lines_counts_them_and_says_so_in_the_log() {
    let (memory, metrics) = (Memory::default(), metrics());
    let (output, started, go_on) = Blocked::new(&memory);
    let (log, writer) = AccessLog::start(Stream::new(output), 2, &metrics).unwrap();
    let write = || log.write(disclosed("{ edits: keep }", &[Value::Edits(1)]));
    write();
    // From here on the writer holds the first line, and nothing else leaves the queue.
    started.recv().unwrap();
    (0..5).for_each(|_| write());
    assert_eq!(lost(&metrics, "queue-full"), 3);
    drop(go_on);
    writer.close(PATIENCE);
    assert_eq!(sample(&metrics, "vestibule_access_log_lines_written_total"), 3);
    let statements = memory.text().lines().filter(|line| line.contains("lost")).collect::<Vec<_>>().join(" ");
    assert_eq!(statements, "{\"event\":\"lost\",\"lines\":3}");
}

#[test]
fn closing_gives_up_on_an_output_that_takes_nothing() {
    let metrics = metrics();
    let (output, started, _go_on) = Blocked::new(&Memory::default());
    let (log, writer) = AccessLog::start(Stream::new(output), 10, &metrics).unwrap();
    log.write(disclosed("{ edits: keep }", &[Value::Edits(1)]));
    started.recv().unwrap();
    log.write(disclosed("{ edits: keep }", &[Value::Edits(2)]));
    writer.close(Duration::ZERO);
    assert_eq!(lost(&metrics, "stopped"), 1);
    log.write(disclosed("{ edits: keep }", &[Value::Edits(3)]));
    assert_eq!(lost(&metrics, "stopped"), 2);
}

#[test]
fn failing_writes_are_counted_and_later_lines_stay_whole() {
    let (output, metrics) = (Memory::default(), metrics());
    let half = Failing { output: output.clone(), failures: 1 };
    let (log, writer) = AccessLog::start(Stream::new(half), 10, &metrics).unwrap();
    (0..3).for_each(|number| log.write(disclosed("{ edits: keep }", &[Value::Edits(number)])));
    writer.close(PATIENCE);
    let lines = [
        "{\"event\":",
        "{\"event\":\"session\",\"edits\":1}",
        "{\"event\":\"lost\",\"lines\":1}",
        "{\"event\":\"session\",\"edits\":2}",
    ];
    assert_eq!(output.text().lines().collect::<Vec<_>>(), lines);
    assert_eq!(lost(&metrics, "write-failed"), 1);
    assert_eq!(sample(&metrics, "vestibule_access_log_lines_written_total"), 2);
}

/// An output that tests can read.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output that says when it is written to and takes nothing before the test drops its end.
struct Blocked {
    output: Memory,
    started: SyncSender<()>,
    go_on: Receiver<()>,
}

impl Blocked {
    fn new(output: &Memory) -> (Self, Receiver<()>, SyncSender<()>) {
        let (started, is_started) = sync_channel(100);
        let (go, go_on) = sync_channel(0);
        (Self { output: output.clone(), started, go_on }, is_started, go)
    }
}

impl Write for Blocked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.started.send(()).unwrap_or_default();
        self.go_on.recv().unwrap_or_default();
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output that takes a part of a line and then fails, for a number of lines.
struct Failing {
    output: Memory,
    failures: usize,
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failures == 0 {
            return self.output.write(bytes);
        }
        self.failures -= 1;
        self.output.write_all(&bytes[..9])?;
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a rule with `fields` for the event `session` lets through of `values`.
fn disclosed(fields: &str, values: &[Value<'_>]) -> Disclosed<Access> {
    disclosed_for("1d", fields, values)
}

fn disclosed_for(retention: &str, fields: &str, values: &[Value<'_>]) -> Disclosed<Access> {
    let text = format!(
        "rules: [{{ sink: access, events: [session], purpose: tests, basis: tests, retention: {retention}, \
         fields: {fields} }}]"
    );
    let policy = policy::load::<MetadataDocument>(&text).unwrap().value.policy;
    let mut observation = policy.interest(UNIX_EPOCH).observe(Event::Session, UNIX_EPOCH).unwrap();
    values.iter().for_each(|value| observation.record(*value));
    policy.disclose(&observation, &PseudonymKeys::new(Zeroizing::new([1; 32]))).unwrap()
}

fn render_line(disclosed: &Disclosed<Access>) -> String {
    let mut line = Vec::new();
    render(disclosed, &mut line);
    String::from_utf8(line).unwrap()
}

/// How one kept value is written.
fn only_field(value: Value<'_>, name: &str) -> String {
    let line = render_line(&disclosed(&format!("{{ {name}: keep }}"), &[value]));
    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
    parsed[name].as_str().unwrap().to_owned()
}

fn metrics() -> Metrics {
    Metrics::new().unwrap()
}

fn lost(metrics: &Metrics, reason: &str) -> u64 {
    sample(metrics, &format!("vestibule_access_log_lines_lost_total{{reason=\"{reason}\"}}"))
}

/// The value of one line of the metrics page.
fn sample(metrics: &Metrics, name: &str) -> u64 {
    let page = String::from_utf8(metrics.render().unwrap()).unwrap();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
    value.parse().unwrap()
}
