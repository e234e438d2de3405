//! The audit log: what an auditor has to know of the metadata policy and its changes, and what the policy lets into the
//! sink `audit`. JSON lines, each with the SHA-256 of the line before.
//!
//! Whoever changes, removes or reorders a record breaks the chain behind it; who rewrites all that follows, too, is found
//! out by any later head that was kept elsewhere. The heads of [`Record`]s are told on the process's own log for that.

mod chain;
mod head;
mod hold;
mod journal;
mod record;
#[cfg(test)]
mod tests;
mod verify;

pub use chain::{Break, Fault};
pub use head::{Head, NoHead};
pub use record::Record;
pub use verify::{Anchors, Verdict, verify};

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::log_folder::{Clock, system_clock};
use super::log_thread::{Log, LogWriter, Output, QUEUE_LENGTH};
use super::metrics::{LogName, Metrics};
use crate::disclosure::{Audit, Disclosed, Statement};
use journal::Journal;

/// Where the audit log is and how long it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLogConfig {
    /// It has to be there. One process at a time writes into it.
    pub folder: PathBuf,
    /// Of every record.
    pub retention: Duration,
}

/// Why the audit log cannot be opened or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    #[error("cannot read the folder of the audit log: {0}")]
    Folder(io::ErrorKind),
    /// Another file could hide behind it, or nothing at all, and the chain would begin anew.
    #[error("{name} in the folder of the audit log is no regular file of its own")]
    NotAFile { name: String },
    #[error(
        "another process writes the audit log: each of those that run at the same time needs a folder of its own"
    )]
    InUse,
    #[error("the chain of the audit log is broken: {0}")]
    Broken(Break),
    /// What this version cannot read it cannot compare either, so that anything could widen what is disclosed.
    #[error(
        "the last policy in the audit log (record {record}) was put there by another version, and none can be compared \
         with it: run that version, or give the audit log a new folder and keep the old one"
    )]
    OtherVersion { record: u64 },
    #[error("cannot write the audit log: {0}")]
    Write(io::ErrorKind),
    #[error("cannot start the thread of the audit log: {0}")]
    Thread(io::ErrorKind),
}

/// Takes records. Clones write to the same log.
#[derive(Clone)]
pub struct AuditLog {
    journal: Arc<Mutex<Journal>>,
    head: Arc<Mutex<Head>>,
    log: Log<Disclosed<Audit>>,
}

/// The writing end, for whoever stops the process.
pub struct AuditLogWriter(LogWriter<Disclosed<Audit>>);

impl AuditLog {
    /// Opens the log and starts its thread. What a crash left of an unfinished record is cut off, and the next record says
    /// so; a chain that is broken otherwise is an error.
    pub fn open(config: &AuditLogConfig, metrics: Metrics) -> Result<(Self, AuditLogWriter), AuditError> {
        Self::start(config, system_clock(), &metrics)
    }

    fn start(
        config: &AuditLogConfig,
        clock: Clock,
        metrics: &Metrics,
    ) -> Result<(Self, AuditLogWriter), AuditError> {
        let journal = Journal::open(config, clock)?;
        let head = journal.told();
        let journal = Arc::new(Mutex::new(journal));
        let output = Shared(Arc::clone(&journal));
        let (log, writer) = Log::start(LogName::Audit, output, QUEUE_LENGTH, metrics.log(LogName::Audit))
            .map_err(|error| AuditError::Thread(error.kind()))?;
        Ok((Self { journal, head, log }, AuditLogWriter(writer)))
    }

    /// The policy that was put on record last in a log that another process may be writing.
    pub fn read_last_policy(config: &AuditLogConfig) -> Result<Option<Statement>, AuditError> {
        journal::last_policy(config)
    }

    /// The policy in force by the newest record that states one.
    pub fn last_policy(&self) -> Option<Statement> {
        self.lock().policy().cloned()
    }

    /// Writes a record, which is on the disk when this returns. It waits for the disk: call it where that is fine.
    pub fn record(&self, record: &Record<'_>) -> Result<Head, AuditError> {
        let recorded = self.lock().record(record);
        // The thread sleeps until the segments are due that it knows of; the record may have begun another one.
        self.log.wake();
        recorded
    }

    /// Queues a line. It never waits: when the queue is full or the log is closed, the line is lost and counted.
    pub fn write(&self, line: Disclosed<Audit>) {
        self.log.write(line);
    }

    /// The last record. It does not wait for the disk.
    pub fn head(&self) -> Head {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        lock(&self.journal)
    }
}

impl AuditLogWriter {
    /// Closes the log for lines and waits until what is queued is written, but not longer than `patience`. Lines that are
    /// still queued then, and lines that come later, are lost and counted. Records can still be written.
    ///
    /// It blocks: call it where that is fine, after the last session has ended.
    pub fn close(self, patience: Duration) {
        self.0.close(patience);
    }
}

impl AuditError {
    fn folder(error: io::Error) -> Self {
        Self::Folder(error.kind())
    }

    fn write(error: io::Error) -> Self {
        Self::Write(error.kind())
    }
}

/// The files, which records and the thread with the lines both write.
struct Shared(Arc<Mutex<Journal>>);

impl Output<Disclosed<Audit>> for Shared {
    fn write(&mut self, line: &Disclosed<Audit>) -> io::Result<()> {
        lock(&self.0).write(line).map(drop).map_err(as_io)
    }

    fn write_lost(&mut self, lines: u64) -> io::Result<()> {
        lock(&self.0).write_lost(lines).map(drop).map_err(as_io)
    }

    fn tend(&mut self) -> Duration {
        lock(&self.0).tend()
    }
}

fn as_io(error: AuditError) -> io::Error {
    match error {
        AuditError::Folder(kind) | AuditError::Write(kind) | AuditError::Thread(kind) => kind.into(),
        AuditError::NotAFile { .. }
        | AuditError::InUse
        | AuditError::Broken(_)
        | AuditError::OtherVersion { .. } => io::ErrorKind::Other.into(),
    }
}

/// A poisoned lock is taken all the same: the files are as after the last whole record.
fn lock(journal: &Mutex<Journal>) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}
