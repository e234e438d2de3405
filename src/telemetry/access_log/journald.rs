//! The access log in systemd's journal, by its native protocol: one datagram for each line
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>). How long it is kept is the journal's business.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{lost_line, render};
use crate::disclosure::{Access, Disclosed};
use crate::telemetry::log_thread::Output;

/// Where the journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// How long a journal may leave a line waiting before that is lost. Then the queue loses lines, and closing does not hang.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Journald {
    journal: PathBuf,
    socket: UnixDatagram,
    text: Vec<u8>,
    datagram: Vec<u8>,
}

impl Journald {
    /// Fails if nobody listens at `journal`.
    pub fn open(journal: &Path) -> io::Result<Self> {
        UnixDatagram::unbound()?.connect(journal)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { journal: journal.to_owned(), socket, text: Vec::new(), datagram: Vec::new() })
    }

    /// The line's end is no part of it in the journal. A line that is too long for a datagram is an error at once.
    fn send(&mut self) -> io::Result<()> {
        self.datagram.clear();
        append_field("MESSAGE", self.text.trim_ascii_end(), &mut self.datagram);
        append_field("PRIORITY", b"6", &mut self.datagram);
        append_field("SYSLOG_IDENTIFIER", b"vestibule", &mut self.datagram);
        // By its path each time: a journal that was started again listens on another socket.
        self.socket.send_to(&self.datagram, &self.journal).map(drop)
    }
}

impl Output<Disclosed<Access>> for Journald {
    fn write(&mut self, line: &Disclosed<Access>) -> io::Result<()> {
        self.text.clear();
        render(line, &mut self.text);
        self.send()
    }

    fn write_lost(&mut self, lines: u64) -> io::Result<()> {
        self.text = lost_line(lines);
        self.send()
    }

    fn tend(&mut self) -> Duration {
        Duration::MAX
    }
}

/// `NAME=value` with a line feed, or, for a value that has one itself, the name, a line feed, the length as 64 bits in
/// little-endian order, the value and a line feed.
fn append_field(name: &str, value: &[u8], datagram: &mut Vec<u8>) {
    datagram.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        datagram.push(b'\n');
        datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        datagram.push(b'=');
    }
    datagram.extend_from_slice(value);
    datagram.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_several_lines_has_its_length_before_it() {
        let mut datagram = Vec::new();
        append_field("A", b"one", &mut datagram);
        append_field("B", b"two\nlines", &mut datagram);
        assert_eq!(datagram, b"A=one\nB\n\x09\0\0\0\0\0\0\0two\nlines\n");
    }
}
