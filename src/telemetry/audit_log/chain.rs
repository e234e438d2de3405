//! Follows a chain from record to record and finds where it is broken.

use std::io;
use std::path::{Path, PathBuf};

use super::AuditError;
use super::head::{Head, hash};
use super::record::{Deletion, Entry, StatedPolicy};
use crate::disclosure::Statement;
use crate::telemetry::ShownPath;
use crate::telemetry::log_folder::Lines;

/// What is wrong at a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("there is no record in this line")]
    NoRecord,
    #[error("the record {record} is not the one that this record follows: it was changed")]
    Changed { record: u64 },
    #[error("the records from {from} to {to} are missing before this one")]
    Missing { from: u64, to: u64 },
    #[error("the record {record} stands behind the record {after}")]
    Reordered { record: u64, after: u64 },
    #[error("the records before {record} are missing, and no record says that they were deleted")]
    Beheaded { record: u64 },
    #[error(
        "the record {record} says that a segment was deleted which had not reached its retention by then"
    )]
    DeletedEarly { record: u64 },
    #[error("the record {record} is not the anchored one")]
    NotAnchored { record: u64 },
    #[error("the anchored record {record} is missing: the last one is {last}")]
    AnchorMissing { record: u64, last: u64 },
}

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {fault}", ShownPath(.file))]
pub struct Break {
    pub file: PathBuf,
    pub line: u64,
    pub fault: Fault,
}

/// A chain as far as it was followed.
#[derive(Default)]
pub(super) struct Chain {
    /// What the first record follows: all that is known of what was before.
    pub before: Option<Head>,
    /// The last record.
    pub head: Option<Head>,
    policy: Option<StatedPolicy>,
    /// The record that states it.
    pub stated: Option<u64>,
    pub records: u64,
    /// Bytes behind the last line feed: of a line that is being written, or that a crash left unfinished.
    pub unfinished: u64,
    /// Where the chain goes on behind segments that were deleted.
    deleted: Vec<Head>,
    /// Deletions of segments, by their numbers, that were not due.
    early: Vec<(u64, Break)>,
}

impl Chain {
    /// Follows the chain through a file: `visit` is told of every record with its line, `broken` of what is wrong. Only
    /// the last line of the file that `is_last` may be unfinished.
    pub fn follow(
        &mut self,
        file: &Path,
        is_last: bool,
        mut visit: impl FnMut(Head, u64),
        mut broken: impl FnMut(Break),
    ) -> io::Result<()> {
        let mut input = Lines::open(file)?;
        let (mut line, mut number) = (Vec::new(), 0);
        while input.read(&mut line)? {
            number += 1;
            let found = match line.strip_suffix(b"\n") {
                Some(record) => self.step(record, file, number),
                None if is_last => {
                    self.unfinished = line.len() as u64;
                    return Ok(());
                }
                None => Err(Fault::NoRecord),
            };
            if let Err(fault) = found {
                broken(Break { file: file.to_owned(), line: number, fault });
            }
            if let Some(head) = self.head
                && found != Err(Fault::NoRecord)
            {
                visit(head, number);
            }
        }
        Ok(())
    }

    /// Goes on to a record. After a fault the chain is followed from this record on.
    fn step(&mut self, line: &[u8], file: &Path, number: u64) -> Result<(), Fault> {
        let Some(entry) = Entry::parse(line) else { return Err(Fault::NoRecord) };
        let last = match self.head {
            Some(head) => head,
            None => Head { sequence: entry.sequence.saturating_sub(1), hash: entry.previous },
        };
        self.before.get_or_insert(last);
        let found = follows(&last, &entry);
        self.head = Some(Head { sequence: entry.sequence, hash: hash(line) });
        self.records += 1;
        if let Some(deletion) = entry.deletion {
            let fault = Fault::DeletedEarly { record: entry.sequence };
            self.note_deletion(&deletion, Break { file: file.to_owned(), line: number, fault });
        }
        if entry.policy.is_some() {
            (self.policy, self.stated) = (entry.policy, Some(entry.sequence));
        }
        found
    }

    /// A segment that is due takes those before it with it, and these are recorded first.
    fn note_deletion(&mut self, deletion: &Deletion, early: Break) {
        let Deletion { segment, head, time } = *deletion;
        self.deleted.push(head);
        if segment.is_due(time) {
            self.early.retain(|(number, _)| *number >= segment.number);
        } else {
            self.early.push((segment.number, early));
        }
    }

    /// The deletions of segments that had not reached their retention by the calendar. They do not keep a log from being
    /// gone on with: a calendar that was set back by far looks the same.
    pub fn take_early(&mut self) -> impl Iterator<Item = Break> {
        std::mem::take(&mut self.early).into_iter().map(|(_, early)| early)
    }

    /// The policy in force at the end of the chain.
    pub fn take_policy(&mut self) -> Result<Option<Statement>, AuditError> {
        match self.policy.take() {
            Some(StatedPolicy::Readable(statement)) => Ok(Some(statement)),
            Some(StatedPolicy::Unreadable(_)) => {
                Err(AuditError::OtherVersion { record: self.stated.unwrap_or_default() })
            }
            None => Ok(None),
        }
    }

    /// Whether what is missing before the first record was deleted in order.
    pub fn check_beginning(&self) -> Result<(), Fault> {
        match self.before {
            Some(before) if before != Head::EMPTY && !self.deleted.contains(&before) => {
                Err(Fault::Beheaded { record: before.sequence.saturating_add(1) })
            }
            _ => Ok(()),
        }
    }
}

/// Whether `entry` comes right behind `last`.
fn follows(last: &Head, entry: &Entry) -> Result<(), Fault> {
    let expected = last.sequence.saturating_add(1);
    if entry.sequence > expected {
        return Err(Fault::Missing { from: expected, to: entry.sequence - 1 });
    }
    if entry.sequence < expected {
        return Err(Fault::Reordered { record: entry.sequence, after: last.sequence });
    }
    if entry.previous != last.hash {
        return Err(Fault::Changed { record: last.sequence });
    }
    Ok(())
}
