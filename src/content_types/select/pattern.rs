//! Patterns for what clients say of themselves: literal text with `*` for any text and `{version}` for a version.
//!
//! From the left, each `*` takes as little as it can and `{version}` as much as it can, and nothing is tried twice: if
//! what follows a version does not fit, the search goes on behind that version. So a pattern takes time linear in the
//! length of what it is compared with.

use super::super::Version;

/// What a client's words have to look like, as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What stands before the first `*`, between each two, and behind the last; one part if there is no `*`.
    parts: Vec<Part>,
}

/// What a pattern found in a text that it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What stands in the place of `{version}`; `None` if the pattern has no such place.
    pub version: Option<Version>,
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("a pattern of 1 to {} bytes should stand here", Pattern::LONGEST)]
    Length,
    #[error("in a pattern braces stand only in `{{version}}`; `*` stands for any text")]
    Braces,
    #[error("`{{version}}` may stand only once in a pattern")]
    SecondVersion,
    #[error(
        "a digit, `.`, `-` or `+` behind `{{version}}` would be read as a part of the version; right would be `*`"
    )]
    VersionGoesOn,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// Text, up to the version if there is one.
    literal: String,
    /// The text behind the version.
    behind_version: Option<String>,
}

/// How a part has to stand in a text.
#[derive(Clone, Copy)]
struct Anchors {
    start: bool,
    end: bool,
}

const VERSION: &str = "{version}";

impl Pattern {
    /// Bytes of a pattern as it is written.
    pub const LONGEST: usize = 256;

    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() || text.len() > Self::LONGEST {
            return Err(PatternError::Length);
        }
        let parts = text.split('*').map(Part::parse).collect::<Result<Vec<_>, _>>()?;
        if parts.iter().filter(|part| part.behind_version.is_some()).count() > 1 {
            return Err(PatternError::SecondVersion);
        }
        Ok(Self { parts })
    }

    /// Whether the pattern has a place for the version.
    pub fn has_version(&self) -> bool {
        self.parts.iter().any(|part| part.behind_version.is_some())
    }

    /// What the pattern finds in a text, if it fits.
    pub fn find(&self, text: &str) -> Option<Found> {
        let last = self.parts.len().saturating_sub(1);
        let mut found = Found { version: None };
        let mut rest = text;
        for (index, part) in self.parts.iter().enumerate() {
            let (version, after) = part.find(rest, Anchors { start: index == 0, end: index == last })?;
            found.version = found.version.or(version);
            rest = after;
        }
        Some(found)
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, PatternError> {
        let (literal, behind_version) = match text.split_once(VERSION) {
            Some((_, behind)) if behind.contains(VERSION) => return Err(PatternError::SecondVersion),
            Some((literal, behind)) => (literal, Some(behind)),
            None => (text, None),
        };
        if literal.contains(['{', '}']) || behind_version.is_some_and(|text| text.contains(['{', '}'])) {
            return Err(PatternError::Braces);
        }
        let goes_on =
            |text: &str| text.starts_with(|first: char| first.is_ascii_digit() || ".-+".contains(first));
        if behind_version.is_some_and(goes_on) {
            return Err(PatternError::VersionGoesOn);
        }
        Ok(Self { literal: literal.to_owned(), behind_version: behind_version.map(str::to_owned) })
    }

    /// The version in the first place where the part fits, and what stands behind that place.
    fn find<'t>(&self, text: &'t str, anchors: Anchors) -> Option<(Option<Version>, &'t str)> {
        let literal = self.literal.as_str();
        match (&self.behind_version, anchors.start, anchors.end) {
            (Some(behind), true, _) => {
                let (version, rest) = Version::at_start(text.strip_prefix(literal)?)?;
                Some((Some(version), rest_behind(rest, behind, anchors.end)?))
            }
            (Some(behind), false, _) => self.find_version(text, behind, anchors.end),
            (None, true, true) => (text == literal).then_some((None, "")),
            (None, true, false) => Some((None, text.strip_prefix(literal)?)),
            (None, false, true) => text.ends_with(literal).then_some((None, "")),
            (None, false, false) => text.split_once(literal).map(|(_, rest)| (None, rest)),
        }
    }

    /// The same for a part with a version that may stand anywhere.
    fn find_version<'t>(
        &self,
        mut text: &'t str,
        behind: &str,
        at_end: bool,
    ) -> Option<(Option<Version>, &'t str)> {
        loop {
            let place = &text[text.find(&self.literal)?..];
            match Version::at_start(&place[self.literal.len()..]) {
                Some((version, after)) => match rest_behind(after, behind, at_end) {
                    Some(rest) => return Some((Some(version), rest)),
                    None => text = after,
                },
                None => {
                    let mut characters = place.chars();
                    characters.next()?;
                    text = characters.as_str();
                }
            }
        }
    }
}

/// What stands behind a literal that the text begins with, and ends with if it has to.
fn rest_behind<'t>(text: &'t str, literal: &str, at_end: bool) -> Option<&'t str> {
    text.strip_prefix(literal).filter(|rest| !at_end || rest.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(pattern: &str, text: &str) -> Option<Found> {
        Pattern::parse(pattern).expect("a pattern").find(text)
    }

    #[test]
    fn a_pattern_fits_a_whole_text() {
        for (pattern, text, fits) in [
            ("Example", "Example", true),
            ("Example", "Example 2", false),
            ("Example", "My Example", false),
            ("Example", "example", false),
            ("*", "", true),
            ("*", "anything", true),
            ("Example*", "Example", true),
            ("Example*", "Example 2", true),
            ("*Example", "My Example", true),
            ("*Example", "Example 2", false),
            ("*abc", "abcabc", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**c", "abc", true),
            ("*\u{e4}*", "B\u{e4}r", true),
        ] {
            assert_eq!(find(pattern, text).is_some(), fits, "{pattern} in {text}");
        }
    }

    #[test]
    fn a_version_is_found_in_its_place() {
        for (pattern, text, version) in [
            ("{version}", "2.10", Some("2.10")),
            ("Example {version}", "Example 2.10", Some("2.10")),
            ("Example {version}", "Example 2.10 (Linux)", None),
            ("Example {version}*", "Example 2.10 (Linux)", Some("2.10")),
            ("Example {version}*", "Example 2.10b3", Some("2.10")),
            ("Example {version}*", "Example two", None),
            ("Example {version} (*)", "Example 2.10-beta.1 (Linux)", Some("2.10-beta.1")),
            ("*{version}", "Example 2.10", Some("2.10")),
            ("*{version}", "Example 9 2.10", Some("2.10")),
            ("*{version}*", "Example 9 2.10", Some("9")),
            ("*/{version} *", "Mozilla/5.0/2.10 x", Some("2.10")),
            ("*/{version} *", "//2.10 x", Some("2.10")),
            ("*/{version}", "a/1 b/2", Some("2")),
            ("https://example.org/{version}", "https://example.org/2.10", Some("2.10")),
            ("phone.{version}.x", "phone.2.10.x", None),
        ] {
            let Ok(pattern) = Pattern::parse(pattern) else {
                assert_eq!(version, None, "{pattern}");
                continue;
            };
            let found = pattern.find(text).and_then(|found| found.version);
            assert_eq!(found, version.map(|text| Version::parse(text).expect("a version")), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_pattern_says_why() {
        for (text, error) in [
            ("", PatternError::Length),
            (&*"a".repeat(257), PatternError::Length),
            ("{Version}", PatternError::Braces),
            ("{version", PatternError::Braces),
            ("a}", PatternError::Braces),
            ("{version} {name}", PatternError::Braces),
            ("{version}{version}", PatternError::SecondVersion),
            ("{version} * {version}", PatternError::SecondVersion),
            ("{version}.1", PatternError::VersionGoesOn),
            ("{version}-beta", PatternError::VersionGoesOn),
            ("{version}+*", PatternError::VersionGoesOn),
            ("{version}0", PatternError::VersionGoesOn),
        ] {
            assert_eq!(Pattern::parse(text), Err(error), "{text}");
        }
    }

    /// The plain meaning of a pattern without a version, with every split of the text tried.
    fn fits_plainly(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            (['*', rest @ ..], text) => (0..=text.len()).any(|at| fits_plainly(rest, &text[at..])),
            ([first, rest @ ..], [character, text @ ..]) => first == character && fits_plainly(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn taking_as_little_as_possible_misses_nothing(pattern in "[ab*]{1,6}", text in "[ab]{0,8}") {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            let plainly = fits_plainly(&characters(&pattern), &characters(&text));
            prop_assert_eq!(find(&pattern, &text).is_some(), plainly);
        }

        #[test]
        fn any_pattern_takes_any_text(pattern in "([a1./* -]|\\{version\\}|\u{e4}){1,6}", text in "([a1./ -]|\u{e4}){0,32}") {
            if let Ok(pattern) = Pattern::parse(&pattern)
                && let Some(found) = pattern.find(&text)
            {
                prop_assert_eq!(found.version.is_some(), pattern.has_version());
            }
        }
    }
}
