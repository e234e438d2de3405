//! Files that are read only if they are some: reading a pipe or a device may never end.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Take};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Bytes of the largest file that is read: a file with holes may be as good as endless. A segment has much fewer.
const LARGEST: u64 = 1 << 30;
/// Bytes of the longest line that is read. No log has one that comes near to it.
const LONGEST_LINE: u64 = 64 << 20;

/// The lines of a regular file, as far as it went when it was opened.
pub(in crate::telemetry) struct Lines(BufReader<Take<File>>);

impl Lines {
    /// Fails with [`ErrorKind::InvalidInput`] if this is no regular file, and with [`ErrorKind::FileTooLarge`] if it is larger
    /// than any that has to be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Opening a device may do something, so that it is looked at before; what has come in its place meanwhile is not
        // waited for.
        check(&fs::metadata(path)?)?;
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).custom_flags(nonblocking).open(path)?;
        let found = file.metadata()?;
        check(&found)?;
        Ok(Self(BufReader::new(file.take(found.len()))))
    }

    /// Reads the next line with its line feed, which the last one may lack; `false` if there is none. Fails with
    /// [`ErrorKind::FileTooLarge`] if it is too long.
    pub fn read(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        (&mut self.0).take(LONGEST_LINE).read_until(b'\n', line)?;
        let is_cut = line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n");
        if is_cut { Err(ErrorKind::FileTooLarge.into()) } else { Ok(!line.is_empty()) }
    }
}

fn check(found: &fs::Metadata) -> io::Result<()> {
    if !found.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    if found.len() > LARGEST { Err(ErrorKind::FileTooLarge.into()) } else { Ok(()) }
}
