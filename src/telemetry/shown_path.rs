//! Paths as they are told to an operator.

use std::fmt;
use std::path::Path;

use crate::disclosure::visible;

/// Displays a path with everything escaped that does not show as itself: some terminals obey it. Whoever may make a file
/// chooses its name.
pub struct ShownPath<'a>(pub &'a Path);

impl fmt::Display for ShownPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(&self.0.to_string_lossy()))
    }
}
