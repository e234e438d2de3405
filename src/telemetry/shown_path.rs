//! Paths as they are told to an operator.

use std::fmt::{self, Write};
use std::path::Path;

use crate::disclosure::is_printable;

/// Displays a path with everything escaped that does not show as itself: some terminals obey it. Whoever may make a file
/// chooses its name.
pub struct ShownPath<'a>(pub &'a Path);

impl fmt::Display for ShownPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_string_lossy().chars().try_for_each(|character| {
            if is_printable(character) {
                f.write_char(character)
            } else {
                write!(f, "{}", character.escape_unicode())
            }
        })
    }
}
