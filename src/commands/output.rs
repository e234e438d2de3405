//! How commands write what may hold text of a file, or a file's name: some terminals obey what does not show as itself.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use serde::Serialize;
use vestibule::disclosure::{is_printable, visible};

/// Writes one line, and it stays one, whatever is in it.
pub fn write_line(output: &mut impl Write, line: impl Display) -> io::Result<()> {
    writeln!(output, "{}", visible(&line.to_string()))
}

/// Prints one JSON document on standard output.
pub fn print_json(document: &impl Serialize) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{}", escaped(&serde_json::to_string_pretty(document)?))?;
    Ok(())
}

/// JSON that says the same (RFC 8259, section 7). What does not show as itself stands in its strings only, but for the
/// ends of its lines.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || is_printable(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_and_shows_all() {
        let mut output = Vec::new();
        write_line(&mut output, "a\n\u{9b}2Jb\u{202e}").unwrap();
        assert_eq!(output, b"a\\u{a}\\u{9b}2Jb\\u{202e}\n");
    }

    #[test]
    fn json_shows_all_and_says_the_same() {
        let text = "a\n\u{9b}2Jb\u{202e}\u{e0041}é";
        let json = escaped(&serde_json::to_string_pretty(&[text]).unwrap());
        assert_eq!(json, "[\n  \"a\\n\\u009b2Jb\\u202e\\udb40\\udc41é\"\n]");
        assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap(), [text]);
    }
}
