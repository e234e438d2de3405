//! The audit log's files: what is written into which segment, and when one is deleted.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;

use super::chain::{Break, Chain};
use super::head::{Head, hash};
use super::hold::Hold;
use super::record::{Content, OwnRecord, Record};
use super::{AuditError, AuditLogConfig};
use crate::disclosure::{Audit, Disclosed, Statement};
use crate::telemetry::Diagnostic;
use crate::telemetry::log_folder::{Clock, LogFolder, Now, Segment, SegmentName, Watch};
use crate::telemetry::metrics::LogName;

/// The log's name in the names of its segments.
pub(super) const LOG: &str = "audit";
/// Bytes after which a segment is closed.
const SEGMENT_SIZE: u64 = 64 << 20;

pub(super) struct Journal {
    folder: LogFolder,
    retention: Duration,
    clock: Clock,
    current: Option<Segment>,
    head: Head,
    /// The same, for whoever asks for it while a record is being written.
    told: Arc<Mutex<Head>>,
    /// In force now.
    policy: Option<Statement>,
    /// The segment that states it last.
    stated_in: Option<SegmentName>,
    /// The last record of each segment, which the record of its deletion names.
    ends: BTreeMap<SegmentName, Head>,
    /// Bytes of an unfinished line that were cut off at the opening and that no record tells of yet.
    discarded: u64,
    watch: Watch,
    hold: Hold,
}

impl Journal {
    /// Reads what is there, and follows its chain to the end.
    pub fn open(config: &AuditLogConfig, clock: Clock) -> Result<Self, AuditError> {
        let mut hold = Hold::take(&config.folder)?;
        hold.fill();
        let folder = LogFolder::new(&config.folder, LOG);
        folder.bring_back_from_the_future(clock()).map_err(AuditError::folder)?;
        let segments = segments(&folder)?;
        let Followed { mut chain, stated_in, ends } = follow(&folder, &segments)?;
        let policy = chain.take_policy()?;
        let mut current = None;
        if let Some(last) = segments.last() {
            let now = clock();
            let mut segment = folder.reopen(*last, now).map_err(AuditError::folder)?;
            if chain.unfinished > 0 {
                let whole = segment.length().saturating_sub(chain.unfinished);
                segment.truncate(whole).map_err(AuditError::write)?;
            }
            current = Some(segment);
        }
        let head = chain.head.unwrap_or(Head::EMPTY);
        Ok(Self {
            folder,
            retention: config.retention,
            clock,
            current,
            head,
            told: Arc::new(Mutex::new(head)),
            policy,
            stated_in,
            ends,
            discarded: chain.unfinished,
            watch: Watch::new(LogName::Audit),
            hold,
        })
    }

    /// Where the head can be read without waiting for the disk.
    pub fn told(&self) -> Arc<Mutex<Head>> {
        Arc::clone(&self.told)
    }

    pub fn policy(&self) -> Option<&Statement> {
        self.policy.as_ref()
    }

    /// Writes a record. It is on the disk when this returns; after an error there is nothing of it.
    ///
    /// Its head is told on the process's own log, and anchors all records before it. The heads of other records are not:
    /// the moment of an event is something that only a rule for the sink `diagnostics` lets into that log.
    pub fn record(&mut self, record: &Record<'_>) -> Result<Head, AuditError> {
        let head = self.append(&content(record)?)?;
        if let Record::Policy { statement, .. } = record {
            self.policy = Some((*statement).clone());
            self.stated_in = self.current.as_ref().map(Segment::name);
        }
        Diagnostic::AuditRecord { head }.report();
        Ok(head)
    }

    pub fn write(&mut self, disclosed: &Disclosed<Audit>) -> Result<Head, AuditError> {
        let mut salt = [0; 16];
        rand::fill(&mut salt).map_err(|_| AuditError::Write(io::ErrorKind::Other))?;
        self.append(&Content::of_disclosed(disclosed, u128::from_be_bytes(salt)))
    }

    pub fn write_lost(&mut self, lines: u64) -> Result<Head, AuditError> {
        self.append(&content(&OwnRecord::Lost { lines })?)
    }

    /// Appends a record to the segment that it belongs into, which says first which policy is in force.
    fn append(&mut self, content: &Content) -> Result<Head, AuditError> {
        let now = (self.clock)();
        self.begin_segment(now)?;
        self.restate_policy(now)?;
        self.append_line(content, now)
    }

    fn begin_segment(&mut self, now: Now) -> Result<(), AuditError> {
        self.keep_hold()?;
        if self.current.as_ref().is_some_and(|segment| self.takes_more(segment, now)) {
            return Ok(());
        }
        let number = self.head.sequence.saturating_add(1);
        self.current = Some(self.folder.create(self.retention, number, now).map_err(AuditError::write)?);
        self.watch.look_at_once();
        Ok(())
    }

    /// A folder whose lock was removed, or that was made anew, could be written by somebody else.
    fn keep_hold(&mut self) -> Result<(), AuditError> {
        if !self.hold.is_in_place() {
            let mut hold = Hold::take(self.folder.path())?;
            // A refusal frees the folder again, and this is asked before the next record as well.
            self.refuse_if_continued()?;
            hold.fill();
            self.hold = hold;
        }
        Ok(())
    }

    /// While nobody held the folder, another process may have gone on with the chain: then it is not ours any more.
    fn refuse_if_continued(&self) -> Result<(), AuditError> {
        let segments = self.folder.segments().map_err(AuditError::folder)?;
        let is_beyond = |head: Head| head.sequence >= self.head.sequence && head != self.head;
        match follow(&self.folder, &segments) {
            Ok(followed) if followed.chain.head.is_some_and(is_beyond) => Err(AuditError::InUse),
            _ => Ok(()),
        }
    }

    /// No record is written behind a statement that did not reach the disk: the one in an older segment will be deleted
    /// with that, and the next start would know of no policy.
    fn restate_policy(&mut self, now: Now) -> Result<(), AuditError> {
        let current = self.current.as_ref().map(Segment::name);
        let Some(statement) = self.policy.as_ref().filter(|_| self.stated_in != current) else {
            return Ok(());
        };
        let restated = content(&OwnRecord::PolicyInForce { statement })?;
        self.append_line(&restated, now)?;
        self.stated_in = current;
        Ok(())
    }

    /// Whether the next record belongs into this segment, which an earlier run may have begun with another retention, and
    /// which somebody may have removed.
    fn takes_more(&self, segment: &Segment, now: Now) -> bool {
        let retention = segment.name().retention();
        let is_ours = retention.as_secs() == self.retention.as_secs();
        is_ours && segment.is_in_place() && !segment.is_complete(SEGMENT_SIZE, now)
    }

    fn append_line(&mut self, content: &Content, now: Now) -> Result<Head, AuditError> {
        let Some(segment) = &mut self.current else { return Err(AuditError::Write(io::ErrorKind::NotFound)) };
        let sequence = self.head.sequence.checked_add(1).ok_or(AuditError::Write(io::ErrorKind::Other))?;
        let mut line = content.line(sequence, now.wall, &self.head, self.discarded);
        let head = Head { sequence, hash: hash(&line) };
        line.push(b'\n');
        segment.append_durably(&line).map_err(AuditError::write)?;
        (self.head, self.discarded) = (head, 0);
        self.ends.insert(segment.name(), head);
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = head;
        Ok(head)
    }

    /// Deletes what is due, each segment after a record that says so. Returns after how long to look again.
    pub fn tend(&mut self) -> Duration {
        let now = (self.clock)();
        if let Some(rest) = self.watch.rest(now) {
            return rest;
        }
        let outcome = self.delete_due(now).map_err(|error| super::as_io(error).kind());
        self.watch.looked(now, outcome)
    }

    fn delete_due(&mut self, now: Now) -> Result<Duration, AuditError> {
        let (due, wait) = self.folder.due(now).map_err(AuditError::folder)?;
        let Some(last) = due.last() else { return Ok(wait) };
        let segments = self.folder.segments().map_err(AuditError::folder)?;
        // The chain can only be shortened from its beginning: what stands before a segment that is due goes, too.
        for name in segments.into_iter().take_while(|name| name <= last) {
            self.delete(name)?;
        }
        self.hold.fill();
        Ok(wait)
    }

    fn delete(&mut self, name: SegmentName) -> Result<(), AuditError> {
        // What says that it is deleted must not be deleted with it.
        self.current.take_if(|current| current.name() == name);
        if let Some(head) = self.ends.get(&name).copied() {
            self.record_deletion(&name, head)?;
            // A file that cannot be deleted is tried again, but not recorded again.
            self.ends.remove(&name);
        }
        self.folder.delete(&name).map_err(AuditError::write)
    }

    pub(super) fn record_deletion(&mut self, name: &SegmentName, head: Head) -> Result<Head, AuditError> {
        let (segment, head) = (name.to_string(), head.to_string());
        let content = content(&OwnRecord::SegmentDeleted { segment, head })?;
        self.append(&content).or_else(|_| {
            self.hold.give_way().map_err(AuditError::write)?;
            self.append(&content)
        })
    }
}

fn content(record: &impl serde::Serialize) -> Result<Content, AuditError> {
    Content::of(record).ok_or(AuditError::Write(io::ErrorKind::InvalidData))
}

/// The policy that was put on record last. It writes nothing, and does not need the log for itself.
pub(super) fn last_policy(config: &AuditLogConfig) -> Result<Option<Statement>, AuditError> {
    let folder = LogFolder::new(&config.folder, LOG);
    let segments = segments(&folder)?;
    follow(&folder, &segments)?.chain.take_policy()
}

/// All segments, each of them a regular file.
fn segments(folder: &LogFolder) -> Result<Vec<SegmentName>, AuditError> {
    match folder.not_files().map_err(AuditError::folder)?.first() {
        Some(name) => Err(AuditError::NotAFile { name: name.to_string() }),
        None => folder.segments().map_err(AuditError::folder),
    }
}

/// What is known of the segments once their chain was followed.
struct Followed {
    chain: Chain,
    stated_in: Option<SegmentName>,
    ends: BTreeMap<SegmentName, Head>,
}

/// The chain through all segments, which has to be whole.
fn follow(folder: &LogFolder, segments: &[SegmentName]) -> Result<Followed, AuditError> {
    let (mut chain, mut stated_in, mut ends) = (Chain::default(), None, BTreeMap::new());
    let mut first_break = None;
    for (index, name) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        let stated_before = chain.stated;
        let last = |head, _| _ = ends.insert(*name, head);
        let broken = |found| _ = first_break.get_or_insert(found);
        chain.follow(&folder.path_of(name), is_last, last, broken).map_err(AuditError::folder)?;
        if chain.stated != stated_before {
            stated_in = Some(*name);
        }
    }
    if let (Err(fault), Some(first)) = (chain.check_beginning(), segments.first()) {
        first_break.get_or_insert(Break { file: folder.path_of(first), line: 1, fault });
    }
    match first_break {
        Some(broken) => Err(AuditError::Broken(broken)),
        None => Ok(Followed { chain, stated_in, ends }),
    }
}
