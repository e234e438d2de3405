//! Files that the sandbox makes: certificates, and the keys of clients. None that is there already is touched.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

/// Keys and certificates have a few KiB at most.
const LARGEST: u64 = 64 * 1024;

/// Why a file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("it is a folder")]
    Folder,
    #[error("it is a pipe, a device or a socket")]
    Special,
    #[error("it is a link to what is not there")]
    LinkToNothing,
    #[error("it has more than {largest} bytes")]
    TooLarge { largest: u64 },
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("{0}")]
    Io(ErrorKind),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// Writes a file that is not there yet.
pub fn write_new(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// Writes a file that is not there yet, and that only this user can read.
pub fn write_new_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Writes a file that only this user can read, in the place of one of that name. It is there whole, or the former one is.
pub fn replace_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&beside)?.write_all(bytes)?;
    fs::rename(beside, path)
}

/// The text of a small file, or `None` if there is nothing of that name.
pub fn read_if_there(path: &Path) -> Result<Option<String>, FileError> {
    read_at_most(path, LARGEST)
}

/// The text of a file of at most so many bytes, or `None` if there is nothing of that name.
pub fn read_at_most(path: &Path, largest: u64) -> Result<Option<String>, FileError> {
    // Opening a pipe could take for ever, and reading a device never ends.
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return nothing_or_link(path),
        metadata => metadata?,
    };
    if metadata.is_dir() {
        return Err(FileError::Folder);
    }
    if !metadata.is_file() {
        return Err(FileError::Special);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(largest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest {
        return Err(FileError::TooLarge { largest });
    }
    String::from_utf8(bytes).map(Some).map_err(|_| FileError::NotText)
}

/// A link to what is not there is something, which no new file can take the place of.
fn nothing_or_link(path: &Path) -> Result<Option<String>, FileError> {
    if fs::symlink_metadata(path).is_ok() { Err(FileError::LinkToNothing) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for (name, write) in [("a", write_new as fn(&Path, &str) -> io::Result<()>), ("b", write_new_secret)]
        {
            let path = folder.path().join(name);
            assert!(read_if_there(&path).unwrap().is_none());
            write(&path, "first").unwrap();
            assert_eq!(write(&path, "second").unwrap_err().kind(), ErrorKind::AlreadyExists);
            assert_eq!(read_if_there(&path).unwrap().as_deref(), Some("first"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_small_text_is_told_for_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, target) in [("nothing", "nowhere"), ("device", "/dev/zero"), ("folder", "/")] {
            std::os::unix::fs::symlink(target, path(name)).unwrap();
        }
        fs::write(path("large"), vec![b'a'; 64 * 1024 + 1]).unwrap();
        fs::write(path("bytes"), [0xFF]).unwrap();
        for (name, error) in [
            ("nothing", FileError::LinkToNothing),
            ("device", FileError::Special),
            ("folder", FileError::Folder),
            ("large", FileError::TooLarge { largest: LARGEST }),
            ("bytes", FileError::NotText),
        ] {
            assert_eq!(read_if_there(&path(name)), Err(error));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_is_replaced_is_read_by_this_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device");
        for text in ["first", "second"] {
            replace_secret(&path, text.as_bytes()).unwrap();
            assert_eq!(read_at_most(&path, 6).unwrap().as_deref(), Some(text));
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(read_at_most(&path, 5), Err(FileError::TooLarge { largest: 5 }));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_can_read_a_secret() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_new_secret(&path, "secret").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
