//! The access log in a folder, by retention.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::time::{Duration, Instant};

use super::{FolderConfig, lost_line, render};
use crate::disclosure::{Access, Disclosed};
use crate::telemetry::Diagnostic;
use crate::telemetry::log_folder::{Clock, LogFolder, Now, Segment};
use crate::telemetry::log_thread::Output;
use crate::telemetry::metrics::LogName;

/// How soon to try again what could not be deleted.
const RETRY: Duration = Duration::from_secs(60);

pub(super) struct Folder {
    folder: LogFolder,
    segment_size: u64,
    clock: Clock,
    /// The segments that are being written, by retention.
    open: BTreeMap<Duration, Segment>,
    /// Of the line that came last.
    retention: Option<Duration>,
    /// When to look for what is due; at once, as long as it is none.
    wake: Option<Instant>,
    failing: bool,
    text: Vec<u8>,
}

impl Folder {
    /// Fails if the folder cannot be read.
    pub fn open(config: &FolderConfig, clock: Clock) -> io::Result<Self> {
        let folder = LogFolder::new(&config.path, "access");
        folder.segments()?;
        Ok(Self {
            folder,
            segment_size: config.segment_size,
            clock,
            open: BTreeMap::new(),
            retention: None,
            wake: None,
            failing: false,
            text: Vec::new(),
        })
    }

    /// Appends a line to the segment of its retention.
    fn append(&mut self, retention: Duration) -> io::Result<()> {
        let now = (self.clock)();
        // A new segment is due at another time than those before.
        let mut create = || {
            self.wake = None;
            self.folder.create(retention, 1, now)
        };
        let segment = match self.open.entry(retention) {
            Entry::Vacant(entry) => entry.insert(create()?),
            Entry::Occupied(entry) if entry.get().is_complete(self.segment_size, now) => {
                let segment = entry.into_mut();
                *segment = create()?;
                segment
            }
            Entry::Occupied(entry) => entry.into_mut(),
        };
        segment.append(&self.text)
    }

    /// Deletes what is due and says after how long to look again.
    fn delete_due(&mut self, now: Now) -> io::Result<Duration> {
        let (due, wait) = self.folder.due(now)?;
        for name in due {
            self.folder.delete(&name)?;
            // What follows must not be written into a file that has no name any more.
            self.open.retain(|_, segment| segment.name() != name);
        }
        Ok(wait)
    }
}

impl Output<Disclosed<Access>> for Folder {
    fn write(&mut self, line: &Disclosed<Access>) -> io::Result<()> {
        self.text.clear();
        render(line, &mut self.text);
        self.retention = Some(line.retention());
        self.append(line.retention())
    }

    fn write_lost(&mut self, lines: u64) -> io::Result<()> {
        self.text = lost_line(lines);
        self.retention.map_or(Ok(()), |retention| self.append(retention))
    }

    fn tend(&mut self) -> Duration {
        let now = (self.clock)();
        if let Some(wait) = self.wake.map(|wake| wake.saturating_duration_since(now.steady))
            && !wait.is_zero()
        {
            return wait;
        }
        let deleted = self.delete_due(now);
        if let Err(error) = &deleted
            && !self.failing
        {
            Diagnostic::LogNotDeleted { log: LogName::Access, kind: error.kind() }.report();
        }
        self.failing = deleted.is_err();
        let wait = deleted.unwrap_or(RETRY);
        self.wake = now.steady.checked_add(wait);
        wait
    }
}
