//! What a process holds of the folder: that it alone writes, and some room on the disk.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::AuditError;
use crate::telemetry::log_folder::FileId;

/// Its lock is held while a process writes. Its content is the room.
const LOCK: &str = "audit.lock";
/// More than the records need that come before a deletion.
const ROOM: usize = 256 << 10;

/// Deleting a segment takes a record, and so some room, also on a full disk. This keeps it.
pub(super) struct Hold {
    path: PathBuf,
    file: File,
    id: FileId,
}

impl Hold {
    pub fn take(folder: &Path) -> Result<Self, AuditError> {
        let path = folder.join(LOCK);
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditError::InUse),
            Err(TryLockError::Error(error)) => return Err(AuditError::folder(error)),
        }
        let id = FileId::of(&file).map_err(AuditError::folder)?;
        Ok(Self { path, file, id })
    }

    /// Whether whoever wants to write the folder still comes upon this lock.
    pub fn is_in_place(&self) -> bool {
        self.id.is_at(&self.path)
    }

    /// Gives the room back to the disk.
    pub fn give_way(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Takes the room, as much of it as there is.
    pub fn fill(&mut self) {
        let length = self.file.metadata().map_or(ROOM, |file| usize::try_from(file.len()).unwrap_or(ROOM));
        // What does not fit now fits after the next deletion.
        let _ = self.file.write_all(&vec![0; ROOM.saturating_sub(length)]);
    }
}

impl Drop for Hold {
    /// Closing the file would free the folder only once no child that is just being started has a copy of it.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// The lock file, which is filled and cut: so it must be a file of its own and no way to another. Only its owner can open
/// it, as whoever can open it can hold the lock, too.
fn open(path: &Path) -> Result<File, AuditError> {
    let not_a_file = || AuditError::NotAFile { name: LOCK.to_owned() };
    // A pipe that nobody reads would be waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = File::options().create(true).append(true).mode(0o600).custom_flags(flags).open(path).map_err(
        |error| match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => not_a_file(),
            _ => AuditError::folder(error),
        },
    )?;
    let found = file.metadata().map_err(AuditError::folder)?;
    if !found.is_file() || found.nlink() > 1 {
        return Err(not_a_file());
    }
    if found.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(AuditError::folder)?;
    }
    Ok(file)
}
