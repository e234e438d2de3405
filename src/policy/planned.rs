//! What is designed but not built yet: refused as such, so that an operator who has read the design is not told that
//! the key is unknown. It is not in the schema.

/// A key, an item or a value that a later version will take.
///
/// The pattern is a path from the document's root: keys and item numbers (from 0) with dots between, `*` for any.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pattern: &'static str,
    value: Option<&'static str>,
}

impl Planned {
    /// Whatever stands at the path is not supported yet.
    pub const fn key(pattern: &'static str) -> Self {
        Self { pattern, value: None }
    }

    /// The path is supported, but not with this word as its value.
    pub const fn value(pattern: &'static str, value: &'static str) -> Self {
        Self { pattern, value: Some(value) }
    }

    pub(super) fn matches(&self, path: &[String], text: Option<&str>) -> bool {
        let value_matches = self.value.is_none_or(|value| text == Some(value));
        value_matches && self.matches_path(path)
    }

    fn matches_path(&self, path: &[String]) -> bool {
        let mut pattern = self.pattern.split('.');
        let all =
            path.iter().all(|segment| pattern.next().is_some_and(|part| part == "*" || part == segment));
        all && pattern.next().is_none()
    }
}
