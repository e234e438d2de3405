//! Files that the sandbox makes: certificates, and the keys of clients. None that is there already is touched.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Keys and certificates have a few KiB at most.
const LARGEST: u64 = 64 * 1024;

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

/// The text of a small file, or `None` if there is no such file.
pub fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    // Opening a pipe could take for ever.
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut text = String::new();
    File::open(path)?.take(LARGEST).read_to_string(&mut text)?;
    Ok(Some(text))
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
            assert_eq!(write(&path, "second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(read_if_there(&path).unwrap().as_deref(), Some("first"));
        }
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_if_there(folder.path()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
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
