//! The access log: one JSON object per line, for what the metadata policy lets into the sink `access`.
//!
//! It takes [`Disclosed<Access>`] and nothing else. In a folder it keeps every line for as long as the policy says and
//! no longer; what it writes to standard output or to the journal is kept by whoever reads it.

mod folder;
mod journald;
mod stream;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::line::render_fields;
use super::log_folder::system_clock;
use super::log_thread::{Log, LogWriter, Output, QUEUE_LENGTH};
use super::metrics::{LogName, Metrics};
use crate::disclosure::{Access, Disclosed};
use folder::Folder;
use journald::Journald;
use stream::Stream;

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    StandardOutput,
    /// systemd's journal.
    Journald,
    Folder(FolderConfig),
}

/// A folder for the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderConfig {
    /// It has to be there.
    pub path: PathBuf,
    /// Bytes after which a segment is closed; the line that reaches them still belongs to it.
    pub segment_size: u64,
}

/// Takes lines from sessions. Clones write to the same log.
#[derive(Clone)]
pub struct AccessLog(Log<Disclosed<Access>>);

/// The writing end, for whoever stops the process.
pub struct AccessLogWriter(LogWriter<Disclosed<Access>>);

impl AccessLog {
    /// Opens the target and starts the writer.
    pub fn open(target: &AccessLogTarget, metrics: Metrics) -> io::Result<(Self, AccessLogWriter)> {
        match target {
            AccessLogTarget::StandardOutput => Self::start(Stream::new(io::stdout()), QUEUE_LENGTH, &metrics),
            AccessLogTarget::Journald => {
                Self::start(Journald::open(Path::new(journald::SOCKET))?, QUEUE_LENGTH, &metrics)
            }
            AccessLogTarget::Folder(config) => {
                Self::start(Folder::open(config, system_clock())?, QUEUE_LENGTH, &metrics)
            }
        }
    }

    fn start(
        output: impl Output<Disclosed<Access>>,
        queue_length: usize,
        metrics: &Metrics,
    ) -> io::Result<(Self, AccessLogWriter)> {
        let metrics = metrics.log(LogName::Access);
        let (log, writer) = Log::start(LogName::Access, output, queue_length, metrics)?;
        Ok((Self(log), AccessLogWriter(writer)))
    }

    /// Queues a line. It never waits: when the queue is full or the log is closed, the line is lost and counted.
    pub fn write(&self, line: Disclosed<Access>) {
        self.0.write(line);
    }
}

impl AccessLogWriter {
    /// Closes the log and waits until what is queued is written, but not longer than `patience`. Lines that are still
    /// queued then, and lines that come later, are lost and counted.
    ///
    /// It blocks: call it where that is fine, after the last session has ended.
    pub fn close(self, patience: Duration) {
        self.0.close(patience);
    }
}

/// Appends the line with its end of line.
pub fn render(disclosed: &Disclosed<Access>, line: &mut Vec<u8>) {
    line.push(b'{');
    render_fields(disclosed, line);
    line.extend_from_slice(b"}\n");
}

/// What stands in the place of lines that were lost.
fn lost_line(lines: u64) -> Vec<u8> {
    format!("{{\"event\":\"lost\",\"lines\":{lines}}}\n").into_bytes()
}
