//! Segments: where lines go, and when they are deleted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::*;
use crate::telemetry::log_folder::testing::{TestClock, in_a_process_of_its_own, logged, on_a_full_disk};

const DAY: Duration = Duration::from_secs(86_400);
/// What is begun first, for a retention of 14 days.
const SEGMENT: &str = "access.14d.20261123T070000Z.1.jsonl";
const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn lines_go_to_a_segment_of_their_retention_that_only_its_owner_can_read() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let mut folder = open(directory.path(), &clock);
    folder.write(&line("14d", 1)).unwrap();
    folder.write(&line("1h", 2)).unwrap();
    folder.write(&line("14d", 3)).unwrap();
    let names = ["access.14d.20261123T070000Z.1.jsonl", "access.1h.20261123T070000Z.1.jsonl"];
    assert_eq!(files(directory.path()), names);
    let path = directory.path().join(names[0]);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}{}", text(1), text(3)));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_segment_is_deleted_when_its_first_line_has_reached_the_retention() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let mut folder = open(directory.path(), &clock);
    folder.write(&line("2h", 1)).unwrap();
    clock.advance(10 * Duration::from_secs(60));
    folder.write(&line("2h", 2)).unwrap();
    clock.advance(110 * Duration::from_secs(60) - Duration::from_secs(5));
    assert_eq!(folder.tend(), Duration::from_secs(5), "it is looked for again as soon as something is due");
    assert_eq!(files(directory.path()).len(), 1);
    clock.advance(Duration::from_secs(5));
    folder.tend();
    assert_eq!(files(directory.path()), [""; 0]);
    folder.write(&line("2h", 3)).unwrap();
    assert_eq!(files(directory.path()), ["access.2h.20261123T090000Z.1.jsonl"], "not into the deleted file");
}

#[test]
fn a_segment_that_was_removed_or_moved_is_written_no_more() {
    let cases: [fn(&Path); 3] = [
        |path| fs::remove_file(path.join(SEGMENT)).unwrap(),
        |path| fs::rename(path.join(SEGMENT), path.join("moved")).unwrap(),
        |path| {
            fs::remove_dir_all(path).unwrap();
            fs::create_dir(path).unwrap();
        },
    ];
    for remove in cases {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        let path = directory.path().join("access");
        fs::create_dir(&path).unwrap();
        let mut folder = open(&path, &clock);
        folder.write(&line("14d", 1)).unwrap();
        remove(&path);
        folder.write(&line("14d", 2)).unwrap();
        assert_eq!(fs::read_to_string(path.join(SEGMENT)).unwrap(), text(2));
        let moved = fs::read_to_string(path.join("moved"));
        assert!(moved.is_err() || moved.unwrap() == text(1));
    }
}

#[test]
fn lines_are_lost_and_not_written_as_long_as_the_folder_is_gone() {
    let (directory, metrics) = (tempfile::tempdir().unwrap(), metrics());
    let path = directory.path().join("access");
    fs::create_dir(&path).unwrap();
    let (log, writer) = AccessLog::start(open(&path, &clock()), 10, &metrics).unwrap();
    let written = || sample(&metrics, "vestibule_access_log_lines_written_total");
    let wait = |sum| {
        while written() + lost(&metrics, "write-failed") < sum {
            std::thread::yield_now();
        }
    };
    log.write(line("14d", 1));
    wait(1);
    fs::remove_dir_all(&path).unwrap();
    (2..4).for_each(|number| log.write(line("14d", number)));
    wait(3);
    assert_eq!((written(), lost(&metrics, "write-failed")), (1, 2));
    fs::create_dir(&path).unwrap();
    log.write(line("14d", 4));
    writer.close(PATIENCE);
    let expected = format!("{}{{\"event\":\"lost\",\"lines\":2}}\n", text(4));
    assert_eq!(fs::read_to_string(path.join(SEGMENT)).unwrap(), expected);
}

#[test]
fn what_is_due_is_looked_for_once_a_minute_at_least() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let mut folder = open(directory.path(), &clock);
    folder.write(&line("365d", 1)).unwrap();
    assert_eq!(folder.tend(), Duration::from_secs(60));
}

#[test]
fn a_segment_is_closed_after_a_quarter_of_its_retention_and_a_day_at_most() {
    for (retention, period) in [("1h", HOUR / 4), ("14d", DAY), ("365d", DAY)] {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        let mut folder = open(directory.path(), &clock);
        folder.write(&line(retention, 1)).unwrap();
        clock.advance(period - Duration::from_secs(1));
        folder.write(&line(retention, 2)).unwrap();
        assert_eq!(files(directory.path()).len(), 1, "{retention}");
        clock.advance(Duration::from_secs(1));
        folder.write(&line(retention, 3)).unwrap();
        assert_eq!(files(directory.path()).len(), 2, "{retention}");
    }
}

#[test]
fn a_segment_that_has_its_size_is_closed_and_the_next_one_has_another_number() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let config = FolderConfig { path: directory.path().to_owned(), segment_size: 2 * text(1).len() as u64 };
    let mut folder = Folder::open(&config, clock.clock()).unwrap();
    (0..5).for_each(|number| folder.write(&line("14d", number)).unwrap());
    let segments = files(directory.path());
    let numbers: Vec<&str> = segments.iter().filter_map(|name| name.split('.').nth(3)).collect();
    assert_eq!(numbers, ["1", "2", "3"]);
    let lines = |name: &String| fs::read_to_string(directory.path().join(name)).unwrap().lines().count();
    assert_eq!(segments.iter().map(lines).collect::<Vec<_>>(), [2, 2, 1]);
}

#[test]
fn segments_of_earlier_runs_are_deleted_and_nothing_else() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let old = |name: &str| format!("access.1d.20200101T000000Z.1.jsonl{name}");
    for name in ["", ".gz", "~"].map(old) {
        fs::write(directory.path().join(name), "line\n").unwrap();
    }
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    symlink(elsewhere.path(), directory.path().join("access.1d.20200101T000000Z.2.jsonl")).unwrap();
    fs::create_dir(directory.path().join("access.1d.20200101T000000Z.3.jsonl")).unwrap();
    fs::write(directory.path().join("audit.1d.20200101T000000Z.1.jsonl"), "line\n").unwrap();
    open(directory.path(), &clock).tend();
    let left = [
        "access.1d.20200101T000000Z.1.jsonl.gz",
        "access.1d.20200101T000000Z.1.jsonl~",
        "access.1d.20200101T000000Z.2.jsonl",
        "access.1d.20200101T000000Z.3.jsonl",
        "audit.1d.20200101T000000Z.1.jsonl",
    ];
    assert_eq!(files(directory.path()), left);
    assert!(elsewhere.path().exists());
}

#[test]
fn a_segment_s_name_that_leads_to_no_file_is_told_at_the_start() {
    let test =
        "telemetry::access_log::tests::folder::a_segment_s_name_that_leads_to_no_file_is_told_at_the_start";
    in_a_process_of_its_own(test, || {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        assert_eq!(logged(|| drop(open(directory.path(), &clock))), "");
        symlink("/etc/passwd", directory.path().join("access.1d.20200101T000000Z.2.jsonl")).unwrap();
        let told = logged(|| drop(open(directory.path(), &clock)));
        assert!(
            told.ends_with(
                "what has a segment's name and is no regular file is not deleted log=\"access\"\n"
            ),
            "{told}"
        );
    });
}

#[test]
fn a_clock_that_is_set_back_prolongs_nothing() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let mut folder = open(directory.path(), &clock);
    folder.write(&line("2h", 1)).unwrap();
    folder.tend();
    clock.set_back(10 * DAY);
    folder.write(&line("2h", 2)).unwrap();
    let names = ["access.2h.20261113T070000Z.1.jsonl", "access.2h.20261123T070000Z.1.jsonl"];
    assert_eq!(files(directory.path()), names, "a line is in no segment that begins after it");
    clock.advance(2 * HOUR);
    folder.tend();
    assert_eq!(files(directory.path()), [""; 0]);
}

#[test]
fn a_segment_from_the_future_is_kept_for_its_retention_from_now_and_no_longer() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    for (future, line) in [("20990101T000000Z", "first\n"), ("20990102T000000Z", "second\n")] {
        fs::write(directory.path().join(format!("access.2h.{future}.1.jsonl")), line).unwrap();
    }
    open(directory.path(), &clock).tend();
    let names = ["access.2h.20261123T070000Z.1.jsonl", "access.2h.20261123T070000Z.2.jsonl"];
    assert_eq!(files(directory.path()), names);
    let texts = names.map(|name| fs::read_to_string(directory.path().join(name)).unwrap());
    assert_eq!(texts.concat().len(), "first\nsecond\n".len());
    clock.advance(2 * HOUR - Duration::from_secs(1));
    open(directory.path(), &clock).tend();
    assert_eq!(files(directory.path()), names, "a later run does not begin anew");
    clock.advance(Duration::from_secs(1));
    open(directory.path(), &clock).tend();
    assert_eq!(files(directory.path()), [""; 0]);
}

#[test]
fn the_writer_s_thread_deletes_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let config = FolderConfig { path: directory.path().to_owned(), segment_size: 1 << 20 };
    let metrics = metrics();
    let (log, writer) = AccessLog::open(&AccessLogTarget::Folder(config), metrics.clone()).unwrap();
    log.write(line("1s", 1));
    let written = || sample(&metrics, "vestibule_access_log_lines_written_total");
    while written() == 0 || !files(directory.path()).is_empty() {
        std::thread::yield_now();
    }
    writer.close(PATIENCE);
}

#[test]
fn a_full_disk_costs_lines_but_leaves_whole_ones_and_can_be_freed() {
    let test = "telemetry::access_log::tests::folder::a_full_disk_costs_lines_but_leaves_whole_ones_and_can_be_freed";
    on_a_full_disk(test, || {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        let mut folder = open(directory.path(), &clock);
        let written = (0..1_000).take_while(|number| folder.write(&line("1h", *number)).is_ok()).count();
        assert!((10..200).contains(&written), "{written}");
        assert!(folder.write(&line("1h", 0)).is_err() && folder.write_lost(2).is_err());
        let path = directory.path().join("access.1h.20261123T070000Z.1.jsonl");
        let whole: String = (0..written as u64).map(text).collect();
        assert_eq!(fs::read_to_string(path).unwrap(), whole);
        clock.advance(HOUR);
        folder.tend();
        folder.write(&line("1h", 7)).unwrap();
        folder.write_lost(2).unwrap();
        let path = directory.path().join("access.1h.20261123T080000Z.1.jsonl");
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            format!("{}{{\"event\":\"lost\",\"lines\":2}}\n", text(7))
        );
    });
}

#[test]
fn a_folder_that_is_not_there_is_an_error_at_the_start() {
    let target = AccessLogTarget::Folder(FolderConfig { path: "/nonexistent".into(), segment_size: 1 << 20 });
    assert!(AccessLog::open(&target, metrics()).is_err());
}

/// 2026-11-23 at 7 o'clock.
fn clock() -> TestClock {
    TestClock::new(UNIX_EPOCH + Duration::from_secs(1_795_417_200))
}

fn open(path: &Path, clock: &TestClock) -> Folder {
    Folder::open(&FolderConfig { path: path.to_owned(), segment_size: 1 << 20 }, clock.clock()).unwrap()
}

fn line(retention: &str, number: u64) -> Disclosed<Access> {
    disclosed_for(retention, "{ edits: keep }", &[Value::Edits(number)])
}

fn text(number: u64) -> String {
    format!("{{\"event\":\"session\",\"edits\":{number}}}\n")
}

fn files(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}
