//! A segment that is being written.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{FileId, Now, SegmentName};

pub(in crate::telemetry) struct Segment {
    name: SegmentName,
    path: PathBuf,
    file: File,
    id: FileId,
    /// Of all whole lines.
    length: u64,
    opened: Instant,
    /// Behind the whole lines is a part of one that could neither be finished nor cut off.
    torn: bool,
}

impl Segment {
    /// Goes on with what the file has.
    pub(super) fn new(name: SegmentName, path: PathBuf, file: File, now: Now) -> io::Result<Self> {
        let (id, length) = (FileId::of(&file)?, file.metadata()?.len());
        Ok(Self { name, path, file, id, length, opened: now.steady, torn: false })
    }

    pub fn name(&self) -> SegmentName {
        self.name
    }

    /// In bytes, of all whole lines.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether the next line belongs into another segment: this one has `most` bytes, or was begun so long ago that what
    /// follows would be deleted much earlier than it had to be, or what follows comes before its start.
    pub fn is_complete(&self, most: u64, now: Now) -> bool {
        let period = self.name.period();
        let is_old = match now.wall.duration_since(self.name.start()) {
            // Starts are whole seconds, so that the retention's seconds may be fewer than a quarter of it.
            Ok(age) => age >= period.max(Duration::from_secs(1)),
            Err(_) => true,
        };
        self.length >= most || is_old || now.steady.saturating_duration_since(self.opened) >= period
    }

    /// Whether the file still has its name. It may have been removed or moved, alone or with its folder.
    pub fn is_in_place(&self) -> bool {
        self.id.is_at(&self.path)
    }

    fn check_place(&self) -> io::Result<()> {
        if self.is_in_place() { Ok(()) } else { Err(ErrorKind::NotFound.into()) }
    }

    /// Appends whole lines, or nothing. It is an error, too, if the file has not its name any more, as nobody would find
    /// the lines.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.cut()?;
        }
        match self.file.write_all(lines).and_then(|()| self.check_place()) {
            Ok(()) => self.length += lines.len() as u64,
            Err(error) => {
                // If it does not work now, it is tried before the next line.
                self.torn = true;
                let _ = self.cut();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Appends one line that is on the disk afterwards, or nothing.
    pub fn append_durably(&mut self, line: &[u8]) -> io::Result<()> {
        let before = self.length;
        self.append(line)?;
        self.file.sync_data().and_then(|()| self.check_place()).inspect_err(|_| {
            (self.length, self.torn) = (before, true);
            let _ = self.cut();
        })
    }

    /// Cuts off what is behind the first `length` bytes.
    pub fn truncate(&mut self, length: u64) -> io::Result<()> {
        (self.length, self.torn) = (length, true);
        self.cut()
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.torn = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{LogFolder, system_clock};
    use super::*;

    #[test]
    fn what_is_written_into_a_file_without_its_name_is_an_error_and_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let mut folder = LogFolder::new(directory.path(), "access");
        let mut segment = folder.create(Duration::from_secs(86_400), 1, system_clock()()).unwrap();
        let (path, moved) = (folder.path_of(&segment.name()), directory.path().join("moved"));
        segment.append_durably(b"first\n").unwrap();
        fs::rename(&path, &moved).unwrap();
        fs::write(&path, "another file\n").unwrap();
        let appended = [segment.append(b"second\n"), segment.append_durably(b"third\n")];
        assert_eq!(
            appended.map(|result| result.map_err(|error| error.kind())),
            [Err(ErrorKind::NotFound); 2]
        );
        assert_eq!(fs::read_to_string(&moved).unwrap(), "first\n");
        fs::rename(&moved, &path).unwrap();
        segment.append(b"second\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
    }
}
