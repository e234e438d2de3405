//! The access log in a folder, by retention.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::time::Duration;

use super::{FolderConfig, lost_line, render};
use crate::disclosure::{Access, Disclosed};
use crate::telemetry::Diagnostic;
use crate::telemetry::log_folder::{Clock, LogFolder, Now, Segment, Watch};
use crate::telemetry::log_thread::Output;
use crate::telemetry::metrics::LogName;

pub(super) struct Folder {
    folder: LogFolder,
    segment_size: u64,
    clock: Clock,
    /// The segments that are being written, by retention.
    open: BTreeMap<Duration, Segment>,
    /// Of the line that came last.
    retention: Option<Duration>,
    watch: Watch,
    text: Vec<u8>,
}

impl Folder {
    /// Fails if the folder cannot be read.
    pub fn open(config: &FolderConfig, clock: Clock) -> io::Result<Self> {
        let folder = LogFolder::new(&config.path, "access");
        if !folder.not_files()?.is_empty() {
            Diagnostic::LogNotAFile { log: LogName::Access }.report();
        }
        if let Err(error) = folder.bring_back_from_the_future(clock()) {
            // This process deletes what kept its name in time all the same, if it runs for so long.
            Diagnostic::LogNotDeleted { log: LogName::Access, kind: error.kind() }.report();
        }
        Ok(Self {
            folder,
            segment_size: config.segment_size,
            clock,
            open: BTreeMap::new(),
            retention: None,
            watch: Watch::new(LogName::Access),
            text: Vec::new(),
        })
    }

    /// Appends a line to the segment of its retention.
    fn append(&mut self, retention: Duration) -> io::Result<()> {
        let now = (self.clock)();
        let mut create = || {
            self.watch.look_at_once();
            self.folder.create(retention, 1, now)
        };
        let segment = match self.open.entry(retention) {
            Entry::Vacant(entry) => entry.insert(create()?),
            Entry::Occupied(entry)
                if !entry.get().is_in_place() || entry.get().is_complete(self.segment_size, now) =>
            {
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
        let mut outcome = Ok(wait);
        for name in due {
            match self.folder.delete(&name) {
                // What follows must not be written into a file that has no name any more.
                Ok(()) => self.open.retain(|_, segment| segment.name() != name),
                // One that cannot be deleted must not keep the others.
                Err(error) => outcome = Err(error),
            }
        }
        outcome
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
        if let Some(rest) = self.watch.rest(now) {
            return rest;
        }
        let outcome = self.delete_due(now).map_err(|error| error.kind());
        self.watch.looked(now, outcome)
    }
}
