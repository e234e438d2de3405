//! What the logs have in common: a thread of its own for each, behind a bounded queue.
//!
//! A full disk, a closed pipe or a slow reader cost lines, which are counted, told to the operator and stated in the log
//! itself. They never stop traffic.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::Diagnostic;
use super::metrics::{Label, LogMetrics, LogName, LossReason};
use super::queue::{Pop, Push, Queue, Queued};

/// How many lines may wait for a log's thread. A line is some hundred bytes, so this bounds the memory to a few MiB.
pub(super) const QUEUE_LENGTH: usize = 8_192;

/// Where the lines of a log come to rest.
pub(super) trait Output<T>: Send + 'static {
    /// Writes a line. After an error nothing of it may spoil the lines that follow.
    fn write(&mut self, line: &T) -> io::Result<()>;

    /// States in the log itself that `lines` are missing, beside the line that was written last.
    fn write_lost(&mut self, lines: u64) -> io::Result<()>;

    /// Deletes what has reached its retention. Returns after how long it wants to be called again.
    fn tend(&mut self) -> Duration;
}

/// Takes lines from sessions. Clones write to the same log.
pub(super) struct Log<T>(Arc<Shared<T>>);

struct Shared<T> {
    name: LogName,
    queue: Queue<T>,
    /// Lines that were lost and are not stated in the log yet.
    unstated: AtomicU64,
    metrics: LogMetrics,
}

/// The end of a log, for whoever stops the process.
pub(super) struct LogWriter<T> {
    log: Log<T>,
    done: Receiver<()>,
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Queued> Log<T> {
    /// Starts the thread that writes to `output`, before which `queue_length` lines may wait.
    pub fn start(
        name: LogName,
        output: impl Output<T>,
        queue_length: usize,
        metrics: LogMetrics,
    ) -> io::Result<(Self, LogWriter<T>)> {
        let queue = Queue::new(queue_length);
        let log = Self(Arc::new(Shared { name, queue, unstated: AtomicU64::new(0), metrics }));
        let (finished, done) = mpsc::sync_channel(1);
        let writing = log.clone();
        thread::Builder::new().name(format!("{}-log", log.name())).spawn(move || {
            writing.write_lines(output);
            // Nobody may be waiting any more.
            let _ = finished.try_send(());
        })?;
        Ok((log.clone(), LogWriter { log, done }))
    }

    /// Queues a line. It never waits: when the queue is full or the log is closed, the line is lost and counted.
    pub fn write(&self, line: T) {
        match self.0.queue.push(line) {
            Push::Queued => {}
            Push::Full => {
                if self.lose(LossReason::QueueFull) {
                    Diagnostic::LogQueueFull { log: self.0.name }.report();
                }
            }
            Push::Closed => self.0.metrics.lost(LossReason::Stopped, 1),
        }
    }

    /// Lets the thread look at once for what has reached its retention: somebody else began a segment.
    pub fn wake(&self) {
        self.0.queue.wake();
    }

    fn name(&self) -> &'static str {
        self.0.name.name()
    }

    /// Counts a lost line. Whether it is the first since losses were stated last.
    fn lose(&self, reason: LossReason) -> bool {
        self.0.metrics.lost(reason, 1);
        self.0.unstated.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// The thread: until the queue is closed and empty.
    fn write_lines(&self, mut output: impl Output<T>) {
        let mut failing = false;
        let mut patience = output.tend();
        loop {
            match self.0.queue.pop(patience) {
                Pop::Item(line) => self.write_line(&mut output, &line, &mut failing),
                Pop::Nothing => {}
                Pop::Closed => break,
            }
            patience = output.tend();
        }
        // If that fails, too, the metrics know of the lines.
        let _ = self.state_losses(&mut output);
    }

    fn write_line(&self, output: &mut impl Output<T>, line: &T, failing: &mut bool) {
        if let Err(error) = output.write(line) {
            self.lose(LossReason::WriteFailed);
            self.tell_failure(failing, &error);
            return;
        }
        self.0.metrics.written();
        match self.state_losses(output) {
            Ok(()) => *failing = false,
            Err(error) => self.tell_failure(failing, &error),
        }
    }

    fn tell_failure(&self, failing: &mut bool, error: &io::Error) {
        if !*failing {
            Diagnostic::LogFailed { log: self.0.name, kind: error.kind() }.report();
        }
        *failing = true;
    }

    /// States the lines that were lost in the log, once the worst is over: a queue that stays full would otherwise add a
    /// statement to each line.
    fn state_losses(&self, output: &mut impl Output<T>) -> io::Result<()> {
        if self.0.unstated.load(Ordering::Relaxed) == 0 || !self.0.queue.is_half_empty() {
            return Ok(());
        }
        let lines = self.0.unstated.swap(0, Ordering::Relaxed);
        let stated = output.write_lost(lines);
        match stated {
            Ok(()) => Diagnostic::LogResumed { log: self.0.name, lost: lines }.report(),
            Err(_) => _ = self.0.unstated.fetch_add(lines, Ordering::Relaxed),
        }
        stated
    }
}

impl<T: Queued> LogWriter<T> {
    /// Closes the log and waits until what is queued is written, but not longer than `patience`: an output that takes
    /// nothing must not keep the process from ending. Lines that are still queued then are lost and counted.
    ///
    /// It blocks: call it where that is fine, after the last session has ended. Lines that come later are lost and
    /// counted, too.
    pub fn close(self, patience: Duration) {
        let log = &self.log.0;
        log.queue.close();
        if self.done.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            log.metrics.lost(LossReason::Stopped, log.queue.clear());
        }
    }
}
