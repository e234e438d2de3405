//! What several parties allow in the same way.

use std::time::Duration;

/// Of a visible identifier and of a password, in characters.
pub const LONGEST_TEXT: usize = 320;
/// Of what can be configured: how long a token or a key is good, how long a session can be resumed. A token that would be
/// good for longer is not taken.
pub const SHORTEST_TIME: Duration = Duration::from_secs(1);
pub const LONGEST_TIME: Duration = Duration::from_hours(30 * 24);

/// Whether a user can be called so: the name is shown, and written into XML, which cannot hold all characters (XML 1.0,
/// section 2.2).
pub fn is_name(text: &str) -> bool {
    let cannot_be_shown =
        |character: char| character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}');
    (1..=LONGEST_TEXT).contains(&text.chars().count()) && !text.contains(cannot_be_shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_text_that_can_be_shown() {
        for right in ["a", "ann@provider.example", "ä b", &"ä".repeat(LONGEST_TEXT), "\u{fffd}\u{10ffff}"] {
            assert!(is_name(right), "{right}");
        }
        for wrong in
            ["", "\0", "a\u{1}", "a\nb", "\u{7f}", "\u{fffe}", "\u{ffff}", &"a".repeat(LONGEST_TEXT + 1)]
        {
            assert!(!is_name(wrong), "{wrong:?}");
        }
    }
}
