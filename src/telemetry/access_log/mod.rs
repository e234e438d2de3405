//! The access log: one JSON object per line, for what the metadata policy lets into the sink `access`.
//!
//! It takes [`Disclosed<Access>`] and nothing else. Lines are written by a thread of its own behind a bounded queue: a
//! full disk, a closed pipe or a slow reader cost lines, which are counted, and never stop traffic. It does not rotate
//! or delete files.

mod line;
mod queue;
#[cfg(test)]
mod tests;

pub use line::render;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::Diagnostic;
use super::metrics::{LossReason, Metrics};
use crate::disclosure::{Access, Disclosed};
use queue::{Push, Queue};

/// How many lines may wait for the writer. A line is some hundred bytes, so this bounds the memory to a few MiB.
const QUEUE_LENGTH: usize = 8_192;

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    StandardOutput,
    /// Lines are appended. A file that is not there yet is made with mode 0600.
    File(PathBuf),
}

/// Takes lines from sessions. Clones write to the same log.
#[derive(Clone)]
pub struct AccessLog {
    queue: Arc<Queue<Disclosed<Access>>>,
    metrics: Metrics,
}

/// The writing end, for whoever stops the process.
pub struct AccessLogWriter {
    log: AccessLog,
    done: Receiver<()>,
}

impl AccessLog {
    /// Opens the target and starts the writer.
    pub fn open(target: &AccessLogTarget, metrics: Metrics) -> io::Result<(Self, AccessLogWriter)> {
        match target {
            AccessLogTarget::StandardOutput => Self::start(io::stdout(), QUEUE_LENGTH, metrics),
            AccessLogTarget::File(path) => Self::start(open_file(path)?, QUEUE_LENGTH, metrics),
        }
    }

    /// Starts a writer to `output`, before which `queue_length` lines may wait.
    pub fn start<W: Write + Send + 'static>(
        output: W,
        queue_length: usize,
        metrics: Metrics,
    ) -> io::Result<(Self, AccessLogWriter)> {
        let log = Self { queue: Arc::new(Queue::new(queue_length)), metrics };
        let (finished, done) = mpsc::sync_channel(1);
        let writing = log.clone();
        thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            writing.write_lines(output);
            // Nobody may be waiting any more.
            let _ = finished.try_send(());
        })?;
        Ok((log.clone(), AccessLogWriter { log, done }))
    }

    /// Queues a line. It never waits: when the queue is full or the log is closed, the line is lost and counted.
    pub fn write(&self, line: Disclosed<Access>) {
        match self.queue.push(line) {
            Push::Queued => {}
            Push::Full => self.metrics.access_log_lost(LossReason::QueueFull, 1),
            Push::Closed => self.metrics.access_log_lost(LossReason::Stopped, 1),
        }
    }

    /// The writer's thread: until the queue is closed and empty.
    fn write_lines(&self, mut output: impl Write) {
        let mut text = Vec::new();
        let mut failing = false;
        while let Some(line) = self.queue.pop() {
            text.clear();
            if failing {
                // The failed write may have left a part of its line: what follows must not be glued to it.
                text.push(b'\n');
            }
            render(&line, &mut text);
            match output.write_all(&text).and_then(|()| output.flush()) {
                Ok(()) => {
                    failing = false;
                    self.metrics.access_log_written();
                }
                Err(error) => {
                    if !failing {
                        Diagnostic::AccessLogFailed { kind: error.kind() }.report();
                    }
                    failing = true;
                    self.metrics.access_log_lost(LossReason::WriteFailed, 1);
                }
            }
        }
    }
}

impl AccessLogWriter {
    /// Closes the log and waits until what is queued is written, but not longer than `patience`: an output that takes
    /// nothing must not keep the process from ending. Lines that are still queued then are lost and counted.
    ///
    /// It blocks: call it where that is fine, after the last session has ended. Lines that come later are lost and
    /// counted, too.
    pub fn close(self, patience: Duration) {
        self.log.queue.close();
        if self.done.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            self.log.metrics.access_log_lost(LossReason::Stopped, self.log.queue.clear());
        }
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    // Opening a named pipe waits for its reader, for ever if there is none.
    #[cfg(unix)]
    if std::fs::metadata(path).is_ok_and(|file| std::os::unix::fs::FileTypeExt::is_fifo(&file.file_type())) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
