//! The folder into which `--pictures` has the files of the scenes written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Media;

/// A folder that is there.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if it is not there yet.
    ///
    /// # Errors
    ///
    /// If it cannot be made, or something else has its name.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Writes a file of an act, under the act's number and its own. What an earlier run left there is replaced.
    pub fn write(&self, act: usize, number: usize, media: &Media) -> io::Result<PathBuf> {
        let path = self.0.join(format!("act-{act:02}-{number}.{}", media.extension()));
        fs::write(&path, &media.bytes)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_their_act_and_written_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let made = Folder::open(&folder.path().join("a/b")).unwrap();
        let media = Media { media_type: "image/png".to_owned(), bytes: vec![1, 2], alt: String::new() };
        let path = made.write(3, 1, &media).unwrap();
        assert!(path.ends_with("a/b/act-03-1.png"));
        assert_eq!(fs::read(path).unwrap(), [1, 2]);
    }

    #[test]
    fn a_file_is_no_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Folder::open(file.path()).is_err());
    }
}
