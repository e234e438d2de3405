//! Real outputs that take nothing, and the journal's socket.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use super::*;

#[test]
fn a_full_device_costs_lines_and_nothing_else() {
    let metrics = metrics();
    let full = File::options().write(true).open("/dev/full").unwrap();
    write_ten(Stream::new(full), &metrics);
    assert_eq!(lost(&metrics, "write-failed"), 10);
}

#[test]
fn a_closed_pipe_costs_lines_and_nothing_else() {
    let metrics = metrics();
    let (reader, pipe) = io::pipe().unwrap();
    drop(reader);
    write_ten(Stream::new(pipe), &metrics);
    assert_eq!(lost(&metrics, "write-failed"), 10);
}

#[test]
fn a_pipe_that_nobody_reads_stops_neither_sessions_nor_the_end() {
    let (directory, metrics) = (tempfile::tempdir().unwrap(), metrics());
    let path = directory.path().join("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // A pipe that somebody could read can be opened.
    let _reader = File::options().read(true).write(true).open(&path).unwrap();
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let mut filler = File::options().write(true).custom_flags(nonblocking).open(&path).unwrap();
    while filler.write(b" ").is_ok() {}
    let output = File::options().write(true).open(&path).unwrap();
    let (log, writer) = AccessLog::start(Stream::new(output), 10, &metrics).unwrap();
    // The thread takes the first line and gets no further.
    while lost(&metrics, "queue-full") < 10 {
        log.write(edits(1));
    }
    writer.close(Duration::from_millis(10));
    assert!(lost(&metrics, "stopped") > 0);
    assert_eq!(sample(&metrics, "vestibule_access_log_lines_written_total"), 0);
}

#[test]
fn the_journal_gets_a_datagram_for_each_line_also_after_it_was_started_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    assert!(Journald::open(&path).is_err(), "nobody listens");
    let journal = UnixDatagram::bind(&path).unwrap();
    let mut output = Journald::open(&path).unwrap();
    let expected = |message: &str| format!("MESSAGE={message}\nPRIORITY=6\nSYSLOG_IDENTIFIER=vestibule\n");
    output.write(&edits(1)).unwrap();
    assert_eq!(received(&journal), expected("{\"event\":\"session\",\"edits\":1}"));
    drop(journal);
    fs::remove_file(&path).unwrap();
    assert!(output.write(&edits(2)).is_err());
    let journal = UnixDatagram::bind(&path).unwrap();
    output.write_lost(1).unwrap();
    assert_eq!(received(&journal), expected("{\"event\":\"lost\",\"lines\":1}"));
}

#[test]
fn a_line_that_is_too_long_for_a_datagram_is_lost_and_counted() {
    let (directory, metrics) = (tempfile::tempdir().unwrap(), metrics());
    let path = directory.path().join("socket");
    let journal = UnixDatagram::bind(&path).unwrap();
    let (log, writer) = AccessLog::start(Journald::open(&path).unwrap(), 10, &metrics).unwrap();
    log.write(disclosed("{ account: keep }", &[Value::Account(&"a".repeat(1 << 20))]));
    log.write(edits(1));
    writer.close(PATIENCE);
    assert_eq!(lost(&metrics, "write-failed"), 1);
    assert!(received(&journal).starts_with("MESSAGE={\"event\":\"session\",\"edits\":1}\n"));
    assert!(received(&journal).starts_with("MESSAGE={\"event\":\"lost\",\"lines\":1}\n"));
}

#[test]
fn a_journal_that_takes_nothing_costs_lines_and_nothing_else() {
    let (directory, metrics) = (tempfile::tempdir().unwrap(), metrics());
    let path = directory.path().join("socket");
    let _journal = UnixDatagram::bind(&path).unwrap();
    // One socket may be allowed less than the journal's takes; what it has sent stays when it is closed.
    while fill(&path) > 0 {}
    let (log, writer) = AccessLog::start(Journald::open(&path).unwrap(), 10, &metrics).unwrap();
    log.write(edits(1));
    writer.close(PATIENCE);
    assert_eq!(lost(&metrics, "write-failed"), 1);
}

/// Sends datagrams until there is no room, and says how many those were.
fn fill(journal: &Path) -> usize {
    let socket = UnixDatagram::unbound().unwrap();
    socket.set_nonblocking(true).unwrap();
    (0..).take_while(|_| socket.send_to(b" ", journal).is_ok()).count()
}

fn write_ten(output: impl Output<Disclosed<Access>>, metrics: &Metrics) {
    let (log, writer) = AccessLog::start(output, 100, metrics).unwrap();
    (0..10).for_each(|number| log.write(edits(number)));
    writer.close(PATIENCE);
}

fn edits(number: u64) -> Disclosed<Access> {
    disclosed("{ edits: keep }", &[Value::Edits(number)])
}

fn received(journal: &UnixDatagram) -> String {
    let mut datagram = [0; 1_024];
    let length = journal.recv(&mut datagram).unwrap();
    String::from_utf8(datagram[..length].to_vec()).unwrap()
}
