//! The kinds of policies, and how the kind of a file is known.

use std::path::Path;

use clap::ValueEnum;

/// A kind of policy, by the name of its folder.
#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    ContentTypes,
    Dialects,
    Limits,
    Metadata,
}

impl Kind {
    /// What the name of the file's folder tells.
    pub fn of(file: &Path) -> Option<Self> {
        let file = std::path::absolute(file).ok()?;
        Self::from_str(file.parent()?.file_name()?.to_str()?, false).ok()
    }
}
