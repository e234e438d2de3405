//! The file that the report is written to: whether it can be is known before anything is played, and whoever opens it
//! sees all of a report, the one before, or none.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::sandbox::random;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the report cannot be written to {0}: it is a folder")]
    Folder(PathBuf),
    #[error("the report cannot be written to {0}: it is no ordinary file")]
    NoFile(PathBuf),
    #[error("the report cannot be written to {0}: {1}")]
    Unwritable(PathBuf, #[source] io::Error),
}

/// A place for a report, held by a file beside it that gets its name once it is whole. Dropped before, it leaves nothing.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    draft: PathBuf,
    file: Option<File>,
}

impl Destination {
    /// # Errors
    ///
    /// If there is something that is no ordinary file, or no file can be made beside it.
    pub fn prepare(path: &Path) -> Result<Self, FileError> {
        let unwritable = |error| FileError::Unwritable(path.to_owned(), error);
        let target = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(FileError::Folder(path.to_owned())),
            Ok(found) if !found.is_file() => return Err(FileError::NoFile(path.to_owned())),
            // A link stays one: what it leads to is replaced.
            Ok(_) => fs::canonicalize(path).map_err(unwritable)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(unwritable(error)),
        };
        let name = target.file_name().ok_or_else(|| FileError::Folder(path.to_owned()))?;
        let token = random::token().map_err(|error| unwritable(io::Error::other(error)))?;
        let mut draft_name = OsString::from(".");
        draft_name.push(name);
        draft_name.push(format!(".{token}"));
        let draft = target.with_file_name(draft_name);
        let file = OpenOptions::new().write(true).create_new(true).open(&draft).map_err(unwritable)?;
        Ok(Self { path: target, draft, file: Some(file) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the whole page in its place, and returns where that is.
    pub fn write(mut self, page: &str) -> Result<PathBuf, FileError> {
        let written = self.file.take().map_or_else(
            || Err(io::ErrorKind::NotFound.into()),
            |mut file| {
                file.write_all(page.as_bytes())?;
                file.sync_all()?;
                fs::rename(&self.draft, &self.path)
            },
        );
        match written {
            Ok(()) => {
                self.draft.clear();
                Ok(self.path.clone())
            }
            Err(error) => Err(FileError::Unwritable(self.path.clone(), error)),
        }
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if !self.draft.as_os_str().is_empty() {
            // What cannot be removed stays; there is nobody left to tell.
            let _ = fs::remove_file(&self.draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_report_is_there_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        fs::write(&path, "before").unwrap();
        drop(Destination::prepare(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        let destination = Destination::prepare(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        destination.write("after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(names(folder.path()), ["report.html"]);
    }

    #[test]
    fn a_folder_is_not_replaced_nor_is_anything_made_where_nothing_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let is_folder = |path: &Path| matches!(Destination::prepare(path), Err(FileError::Folder(_)));
        assert!(is_folder(folder.path()));
        assert!(is_folder(&folder.path().join("..")));
        let missing = folder.path().join("missing/report.html");
        assert!(matches!(Destination::prepare(&missing), Err(FileError::Unwritable(..))));
        assert!(matches!(Destination::prepare(Path::new("/dev/null")), Err(FileError::NoFile(_))));
        assert!(names(folder.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        fs::write(&file, "before").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        Destination::prepare(&link).unwrap().write("after").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "after");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
