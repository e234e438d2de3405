//! The access log on an output that is one stream of lines, for instance standard output. How long it is kept is the
//! business of whoever reads it.

use std::io::{self, Write};
use std::time::Duration;

use super::{lost_line, render};
use crate::disclosure::{Access, Disclosed};
use crate::telemetry::log_thread::Output;

pub(super) struct Stream<W> {
    output: W,
    /// A failed write may have left a part of its line: what follows must not be glued to it.
    torn: bool,
    text: Vec<u8>,
}

impl<W: Write> Stream<W> {
    pub fn new(output: W) -> Self {
        Self { output, torn: false, text: Vec::new() }
    }

    fn write_text(&mut self) -> io::Result<()> {
        let separator: &[u8] = if self.torn { b"\n" } else { b"" };
        self.text.splice(..0, separator.iter().copied());
        let written = self.output.write_all(&self.text).and_then(|()| self.output.flush());
        self.torn = written.is_err();
        written
    }
}

impl<W: Write + Send + 'static> Output<Disclosed<Access>> for Stream<W> {
    fn write(&mut self, line: &Disclosed<Access>) -> io::Result<()> {
        self.text.clear();
        render(line, &mut self.text);
        self.write_text()
    }

    fn write_lost(&mut self, lines: u64) -> io::Result<()> {
        self.text = lost_line(lines);
        self.write_text()
    }

    fn tend(&mut self) -> Duration {
        Duration::MAX
    }
}
