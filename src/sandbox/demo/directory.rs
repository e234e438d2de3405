//! A directory that only this user can read, and that is gone when it is dropped.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};

use crate::sandbox::random;

pub struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    pub fn new() -> io::Result<Self> {
        let name = random::token().map_err(io::Error::other)?;
        let path = std::env::temp_dir().join(format!("vestibule-demo-{name}"));
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file below the directory, with the folders on its way.
    pub fn write(&self, file: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.0.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Writes a file that only this user can read.
    pub fn write_secret(&self, file: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.write(file, "")?;
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's temporary directory; there is nobody left to tell.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_gone_with_all_that_is_in_it() {
        let directory = TemporaryDirectory::new().unwrap();
        let path = directory.path().to_owned();
        let file = directory.write("folder/file", "text").unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "text");
        drop(directory);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = TemporaryDirectory::new().unwrap();
        let secret = directory.write_secret("key", "text").unwrap();
        assert_eq!(fs::metadata(directory.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(secret).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
