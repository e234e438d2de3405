//! A segment that is being written.

use std::fs::File;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::{Now, SegmentName};

/// The longest time for which one segment is written.
const LONGEST: Duration = Duration::from_secs(86_400);

pub(in crate::telemetry) struct Segment {
    name: SegmentName,
    file: File,
    /// Of all whole lines.
    length: u64,
    opened: Instant,
    /// Behind the whole lines is a part of one that could neither be finished nor cut off.
    torn: bool,
}

impl Segment {
    pub(super) fn new(name: SegmentName, file: File, length: u64, now: Now) -> Self {
        Self { name, file, length, opened: now.steady, torn: false }
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
        let period = LONGEST.min(self.name.retention() / 4);
        let is_old = match now.wall.duration_since(self.name.start()) {
            // Starts are whole seconds, so that the retention's seconds may be fewer than a quarter of it.
            Ok(age) => age >= period.max(Duration::from_secs(1)),
            Err(_) => true,
        };
        self.length >= most || is_old || now.steady.saturating_duration_since(self.opened) >= period
    }

    /// Appends whole lines, or nothing.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.cut()?;
        }
        match self.file.write_all(lines) {
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
        self.file.sync_data().inspect_err(|_| {
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
