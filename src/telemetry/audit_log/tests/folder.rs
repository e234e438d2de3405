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

fn refusal(folder: &Path) -> Option<AuditError> {
    AuditLog::start(&config(folder), clock().clock(), &metrics()).err()
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}
