//! What is noticed of a log that was tampered with.

use std::os::unix::fs::symlink;

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::super::journal::LOG;
use super::*;
use crate::disclosure::is_printable;
use crate::telemetry::ShownPath;
use crate::telemetry::log_folder::SegmentName;

#[test]
fn a_whole_log_is_as_its_anchors_say() {
    let (folder, heads) = written(5);
    let verdict = judged(folder.path(), &heads);
    assert_eq!((verdict.first, verdict.last), (Some(heads[0]), Some(heads[4])));
    assert_eq!((verdict.records, verdict.checked, verdict.breaks.len()), (5, 5, 0));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    type Tamper = fn(&mut Vec<String>);
    let cases: [(Tamper, u64, Fault); 5] = [
        (|lines| lines[1] = lines[1].replace("1.2.3", "1.2.4"), 3, Fault::Changed { record: 2 }),
        (|lines| drop(lines.remove(2)), 3, Fault::Missing { from: 3, to: 3 }),
        (|lines| lines.swap(1, 2), 2, Fault::Missing { from: 2, to: 2 }),
        (|lines| lines.insert(2, "{}".to_owned()), 3, Fault::NoRecord),
        (|lines| drop(lines.remove(0)), 1, Fault::Beheaded { record: 2 }),
    ];
    for (tamper, line, fault) in cases {
        let (folder, _) = written(5);
        let segment = segment(folder.path());
        let mut lines = lines(folder.path());
        tamper(&mut lines);
        fs::write(&segment, lines.join("\n") + "\n").unwrap();
        let verdict = judged(folder.path(), &[]);
        assert_eq!(verdict.breaks.first(), Some(&Break { file: segment, line, fault }));
    }
}

#[test]
fn a_chain_that_was_written_anew_is_not_the_anchored_one() {
    let (folder, heads) = written(5);
    let (other, _) = written(7);
    let anchors = [Head { sequence: 3, hash: [1; 32] }, heads[4]];
    let verdict = judged(folder.path(), &anchors);
    let fault = Fault::NotAnchored { record: 3 };
    assert_eq!(verdict.breaks, [Break { file: segment(folder.path()), line: 3, fault }]);
    let later = judged(other.path(), &[]).last.unwrap();
    let fault = Fault::AnchorMissing { record: 7, last: 5 };
    assert_eq!(judged(folder.path(), &[later]).breaks[0].fault, fault);
}

#[test]
fn heads_from_before_what_is_kept_are_told_as_such() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let mut journal = Journal::open(&config(folder.path()), clock.clock()).unwrap();
    let heads = [journal.record(&STARTED).unwrap(), journal.record(&STARTED).unwrap()];
    clock.advance(365 * DAY);
    journal.tend();
    let verdict = judged(folder.path(), &heads);
    assert_eq!(verdict.too_early, [heads[0]]);
    assert_eq!(
        (verdict.checked, verdict.breaks),
        (1, Vec::new()),
        "the first record names the one before it"
    );
    let wrong = Head { sequence: 2, hash: [1; 32] };
    assert_eq!(judged(folder.path(), &[wrong]).breaks[0].fault, Fault::NotAnchored { record: 2 });
}

#[test]
fn history_cannot_be_removed_by_a_record_that_says_it_was_deleted_too_early() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let mut journal = Journal::open(&config(folder.path()), clock.clock()).unwrap();
    let last = journal.record(&STARTED).unwrap();
    drop(journal);
    let removed = segments(folder.path()).remove(0);
    clock.advance(DAY);
    let mut journal = Journal::open(&config(folder.path()), clock.clock()).unwrap();
    journal.record(&STARTED).unwrap();
    journal.record_deletion(&SegmentName::parse(LOG, &removed).unwrap(), last).unwrap();
    fs::remove_file(folder.path().join(removed)).unwrap();
    let fault = Fault::DeletedEarly { record: 3 };
    let expected = [Break { file: segment(folder.path()), line: 2, fault }];
    assert_eq!(judged(folder.path(), &[last]).breaks, expected);
}

#[test]
fn a_deletion_for_which_a_clock_was_set_back_is_told_if_it_was_by_more_than_a_segment_s_period() {
    for (days, breaks) in [(1, 0), (2, 1)] {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        let mut journal = Journal::open(&config(folder.path()), clock.clock()).unwrap();
        let head = journal.record(&STARTED).unwrap();
        journal.tend();
        clock.advance(365 * DAY);
        clock.set_back(days * DAY);
        journal.tend();
        assert_eq!(judged(folder.path(), &[head]).breaks.len(), breaks, "{days}");
        drop(journal);
        open(folder.path(), &clock);
    }
}

#[test]
fn what_is_deleted_together_with_a_later_segment_of_a_shorter_retention_is_no_break() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    open(folder.path(), &clock).record(&STARTED).unwrap();
    let shorter = AuditLogConfig { retention: 30 * DAY, ..config(folder.path()) };
    let mut journal = Journal::open(&shorter, clock.clock()).unwrap();
    let head = journal.record(&STARTED).unwrap();
    clock.advance(30 * DAY);
    journal.tend();
    assert_eq!(segments(folder.path()), ["audit.30d.20261223T070000Z.3.jsonl"]);
    assert_eq!(judged(folder.path(), &[head]).breaks, []);
}

#[test]
fn a_record_that_is_being_written_is_no_break() {
    let (folder, heads) = written(2);
    let segment = segment(folder.path());
    let whole = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, whole + "{\"sequence\":3,").unwrap();
    let verdict = judged(folder.path(), &heads);
    assert_eq!((verdict.unfinished, verdict.breaks), (14, Vec::new()));
}

#[test]
fn heads_are_found_in_the_lines_of_the_process_s_own_log() {
    let (_, heads) = written(2);
    let text = format!(
        "2026-11-23T07:00:00Z  INFO vestibule: audit record sequence={} hash={}\n\nstarting\n {}\n",
        heads[0].sequence,
        heads[0].hexadecimal(),
        heads[1]
    );
    let (mut anchors, (folder, _)) = (Anchors::default(), written(2));
    let file = folder.path().join("process.log");
    fs::write(&file, [b"\xff\n", text.as_bytes()].concat()).unwrap();
    assert_eq!(anchors.add_file(&file).unwrap(), 2);
    assert_eq!(verify(&[folder.path().to_owned()], &anchors).unwrap().checked, 2);
}

#[test]
fn what_is_no_file_or_has_no_end_is_an_error_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let named = |name: &str| directory.path().join(name);
    let (pipe, long, huge) = (named("pipe\u{1b}[2J"), named("long"), named("huge"));
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // Files of holes, which need no room.
    for (path, length) in [(&long, (64 << 20) + 1), (&huge, 1 << 40)] {
        fs::File::create(path).unwrap().set_len(length).unwrap();
    }
    for path in [PathBuf::from("/nonexistent"), PathBuf::from("/dev/zero"), pipe, long, huge] {
        let told = verify(std::slice::from_ref(&path), &Anchors::default()).unwrap_err().to_string();
        assert!(told.starts_with(&ShownPath(&path).to_string()) && told.chars().all(is_printable), "{told}");
        assert!(Anchors::default().add_file(&path).is_err());
    }
}

#[test]
fn a_folder_with_a_segment_that_is_no_file_is_not_verified() {
    let (folder, _) = written(1);
    let name = "audit.365d.20261124T070000Z.2.jsonl";
    symlink(segment(folder.path()), folder.path().join(name)).unwrap();
    let told = verify(&[folder.path().to_owned()], &Anchors::default()).unwrap_err().to_string();
    assert!(told.ends_with(&format!("{name} is not a regular file")), "{told}");
}

#[test]
fn the_place_of_a_break_shows_as_text() {
    let file = PathBuf::from("a\u{1b}]0;\u{7}b\u{202e}.jsonl");
    let found = Break { file, line: 1, fault: Fault::NoRecord };
    assert_eq!(found.to_string(), r"a\u{1b}]0;\u{7}b\u{202e}.jsonl:1: there is no record in this line");
}

#[test]
fn a_head_reads_back_and_nothing_else_is_one() {
    let head = Head { sequence: u64::MAX, hash: [0xa5; 32] };
    assert_eq!(head.to_string().parse(), Ok(head));
    let hash = "a5".repeat(32);
    for text in
        [format!("1:{hash}0"), format!("+1:{hash}"), format!(":{hash}"), format!("1:{}", hash.to_uppercase())]
    {
        assert_eq!(text.parse::<Head>(), Err(NoHead), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_changed_byte_is_noticed(at: prop::sample::Index, change in 1_u8..=255) {
        tampered(|bytes| {
            let at = at.index(bytes.len());
            bytes[at] ^= change;
        })?;
    }

    #[test]
    fn any_removed_inserted_or_moved_line_is_noticed(
        at in 0..5_usize,
        other in 0..5_usize,
        what in prop::sample::select(vec!["remove", "insert", "move"]),
    ) {
        prop_assume!(what != "move" || at != other);
        tampered(|bytes| {
            let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let line = lines[at].clone();
            match what {
                "remove" => drop(lines.remove(at)),
                "insert" => lines.insert(other, line),
                _ => lines.swap(at, other),
            }
            *bytes = lines.concat();
        })?;
    }
}

/// Changes a log of five records, and holds that this is noticed by who kept its last head.
fn tampered(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), TestCaseError> {
    let (folder, heads) = written(5);
    let segment = segment(folder.path());
    let mut bytes = fs::read(&segment).unwrap();
    change(&mut bytes);
    fs::write(&segment, &bytes).unwrap();
    let verdict = judged(folder.path(), &heads[4..]);
    prop_assert!(!verdict.breaks.is_empty());
    Ok(())
}

/// A log of so many records, and their heads.
fn written(records: usize) -> (tempfile::TempDir, Vec<Head>) {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&config(folder.path()), clock().clock()).unwrap();
    let heads = (0..records).map(|_| journal.record(&STARTED).unwrap()).collect();
    (folder, heads)
}

fn judged(folder: &Path, heads: &[Head]) -> Verdict {
    let mut anchors = Anchors::default();
    heads.iter().for_each(|head| anchors.add(*head));
    verify(&[folder.to_owned()], &anchors).unwrap()
}

fn segment(folder: &Path) -> PathBuf {
    folder.join(&segments(folder)[0])
}
