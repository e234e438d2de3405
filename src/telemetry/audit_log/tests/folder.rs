//! What stands in the folder: that it can be trusted, and that it is still there.

use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

#[test]
fn a_lock_that_is_no_file_of_its_own_refuses_the_start_and_leaves_what_it_leads_to() {
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("target");
    fs::write(&target, "text").unwrap();
    let cases: [fn(&Path, &Path); 4] = [
        |lock, _| pipe(lock),
        |lock, target| symlink(target, lock).unwrap(),
        |lock, target| fs::hard_link(target, lock).unwrap(),
        |lock, _| fs::create_dir(lock).unwrap(),
    ];
    for make in cases {
        let folder = tempfile::tempdir_in(elsewhere.path()).unwrap();
        make(&folder.path().join("audit.lock"), &target);
        let expected = AuditError::NotAFile { name: "audit.lock".to_owned() };
        assert_eq!(refusal(folder.path()), Some(expected));
        assert_eq!(fs::read_to_string(&target).unwrap(), "text");
    }
}

#[test]
fn only_the_owner_can_open_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("audit.lock");
    let mode = || fs::metadata(&lock).unwrap().permissions().mode() & 0o777;
    open(folder.path(), &clock());
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).unwrap();
    open(folder.path(), &clock());
    assert_eq!(mode(), 0o600, "that of an earlier version is tightened");
}

#[test]
fn a_segment_that_is_no_file_refuses_the_start() {
    let elsewhere = tempfile::tempdir().unwrap();
    let name = "audit.365d.20261123T070000Z.1.jsonl";
    open(elsewhere.path(), &clock()).record(&STARTED).unwrap();
    let moved = elsewhere.path().join(name);
    let cases: [fn(&Path, &Path); 3] = [
        |segment, moved| symlink(moved, segment).unwrap(),
        |segment, _| pipe(segment),
        |segment, _| fs::create_dir(segment).unwrap(),
    ];
    for make in cases {
        let folder = tempfile::tempdir().unwrap();
        make(&folder.path().join(name), &moved);
        let expected = AuditError::NotAFile { name: name.to_owned() };
        assert_eq!(refusal(folder.path()).as_ref(), Some(&expected));
        assert_eq!(AuditLog::read_last_policy(&config(folder.path())), Err(expected));
    }
}

#[test]
fn a_record_goes_into_no_file_that_has_lost_its_name() {
    let cases: [fn(&Path); 2] = [
        |folder| fs::remove_file(folder.join(&segments(folder)[0])).unwrap(),
        |folder| {
            fs::remove_dir_all(folder).unwrap();
            fs::create_dir(folder).unwrap();
        },
    ];
    for remove in cases {
        let (parent, clock, folder, log) = in_force();
        remove(&folder);
        let last = log.record(&Record::NewPeriod).unwrap();
        let kinds: Vec<String> = lines(&folder).iter().map(|line| kind(line)).collect();
        assert_eq!((kinds, last.sequence), (["policy-in-force", "new-period"].map(str::to_owned).into(), 3));
        let verdict = verify(std::slice::from_ref(&folder), &Anchors::default()).unwrap();
        let faults: Vec<Fault> = verdict.breaks.into_iter().map(|found| found.fault).collect();
        assert_eq!(faults, [Fault::Beheaded { record: 2 }], "what is gone is missed, and the chain goes on");
        let again = AuditLog::start(&config(&folder), clock.clock(), &metrics());
        assert_eq!(again.err(), Some(AuditError::InUse), "the new folder is held, too");
        drop(parent);
    }
}

#[test]
fn nothing_is_recorded_as_long_as_the_folder_is_gone_or_another_s() {
    let (parent, clock, folder, log) = in_force();
    let head = log.head();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(log.record(&STARTED), Err(AuditError::Folder(io::ErrorKind::NotFound)));
    fs::create_dir(&folder).unwrap();
    let other = open(&folder, &clock);
    assert_eq!(log.record(&STARTED), Err(AuditError::InUse));
    assert_eq!((log.head(), segments(&folder).len()), (head, 0));
    drop(other);
    assert_eq!(log.record(&STARTED).unwrap().sequence, head.sequence + 2);
    drop(parent);
}

#[test]
fn a_lock_that_was_removed_is_taken_anew_before_the_next_record() {
    let (parent, clock, folder, log) = in_force();
    fs::remove_file(folder.join("audit.lock")).unwrap();
    log.record(&STARTED).unwrap();
    let again = AuditLog::start(&config(&folder), clock.clock(), &metrics());
    assert_eq!(again.err(), Some(AuditError::InUse));
    assert_eq!(segments(&folder).len(), 1);
    drop(parent);
}

#[test]
fn a_chain_that_another_process_went_on_with_meanwhile_is_left_alone() {
    let (_parent, clock, folder, log) = in_force();
    fs::remove_file(folder.join("audit.lock")).unwrap();
    let (other, writer) = AuditLog::start(&config(&folder), clock.clock(), &metrics()).unwrap();
    other.record(&Record::NewPeriod).unwrap();
    writer.close(PATIENCE);
    drop(other);
    fs::remove_file(folder.join("audit.lock")).unwrap();
    for _ in 0..2 {
        assert_eq!(log.record(&Record::NewPeriod), Err(AuditError::InUse));
    }
}

/// A log with one record, the policy's, in a folder that can be removed.
fn in_force() -> (tempfile::TempDir, TestClock, PathBuf, AuditLog) {
    let (parent, clock) = (tempfile::tempdir().unwrap(), clock());
    let folder = parent.path().join("audit");
    fs::create_dir(&folder).unwrap();
    let log = open(&folder, &clock);
    let statement = statement("sha256:0a");
    log.record(&Record::Policy { statement: &statement, replaces: None, widens: false }).unwrap();
    (parent, clock, folder, log)
}

fn kind(line: &str) -> String {
    let record: serde_json::Value = serde_json::from_str(line).unwrap();
    record["kind"].as_str().unwrap().to_owned()
}

fn refusal(folder: &Path) -> Option<AuditError> {
    AuditLog::start(&config(folder), clock().clock(), &metrics()).err()
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}
