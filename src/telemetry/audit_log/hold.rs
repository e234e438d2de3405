//! What a process holds of the folder: that it alone writes, and some room on the disk.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use super::AuditError;

/// Its lock is held while a process writes. Its content is the room.
const LOCK: &str = "audit.lock";
/// More than the records need that come before a deletion.
const ROOM: usize = 256 << 10;

/// Deleting a segment takes a record, and so some room, also on a full disk. This keeps it.
pub(super) struct Hold(File);

impl Hold {
    pub fn take(folder: &Path) -> Result<Self, AuditError> {
        let file =
            File::options().create(true).append(true).open(folder.join(LOCK)).map_err(AuditError::folder)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(AuditError::InUse),
            Err(TryLockError::Error(error)) => Err(AuditError::folder(error)),
        }
    }

    /// Gives the room back to the disk.
    pub fn give_way(&self) -> io::Result<()> {
        self.0.set_len(0)
    }

    /// Takes the room, as much of it as there is.
    pub fn fill(&mut self) {
        let length = self.0.metadata().map_or(ROOM, |file| usize::try_from(file.len()).unwrap_or(ROOM));
        // What does not fit now fits after the next deletion.
        let _ = self.0.write_all(&vec![0; ROOM.saturating_sub(length)]);
    }
}

impl Drop for Hold {
    /// Closing the file would free the folder only once no child that is just being started has a copy of it.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}
