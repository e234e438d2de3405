//! What `vestibule inspect` prints.

use super::super::inspect::Inspector;
use super::super::{FrameDecoder, Refusal, RefusalKind};
use super::{HEADER, document, stream};

/// The lines for `input`, which must be the same as a whole and byte by byte, and the verdict.
fn inspect(decoder: fn() -> FrameDecoder, input: &str) -> (String, Result<(), Refusal>) {
    let run = |size: usize| {
        let (mut inspector, mut lines) = (Inspector::new(decoder()), String::new());
        let fed = input.as_bytes().chunks(size).try_for_each(|chunk| inspector.inspect(chunk, &mut lines));
        let verdict = fed.and_then(|()| inspector.finish(&mut lines));
        (lines, verdict)
    };
    let whole = run(usize::MAX);
    assert_eq!(whole, run(1));
    whole
}

#[test]
fn each_frame_is_a_line_with_its_expanded_name() {
    let input = format!("{HEADER}\n<message><body/></message><p:é xmlns:p='urn:p'/></stream:stream>\n");
    let (header, first) = (HEADER.len(), HEADER.len() + 1);
    let expected = format!(
        "0 {header} header {{http://etherx.jabber.org/streams}}stream\n\
         {first} 26 stanza {{jabber:client}}message\n\
         {} 23 stanza {{urn:p}}é\n\
         {} 16 closing {{http://etherx.jabber.org/streams}}stream\n",
        first + 26,
        first + 49,
    );
    assert_eq!(inspect(stream, &input), (expected, Ok(())));
}

#[test]
fn a_refusal_is_the_last_line() {
    let input = format!("{HEADER}<a/><b x='1' x='2'/><c/>");
    let offset = HEADER.len() as u64 + 13;
    let (lines, verdict) = inspect(stream, &input);
    assert_eq!(verdict, Err(Refusal { kind: RefusalKind::DuplicateAttribute, offset }));
    assert_eq!(lines.lines().count(), 3);
    assert_eq!(lines.lines().last(), Some(format!("refused duplicate-attribute at {offset}").as_str()));
}

#[test]
fn an_incomplete_input_is_truncated_at_its_end() {
    assert_eq!(inspect(stream, "").0, "refused truncated at 0\n");
    let (lines, _) = inspect(stream, &format!("{HEADER}<a>"));
    assert_eq!(lines.lines().last(), Some(format!("refused truncated at {}", HEADER.len() + 3).as_str()));
}

#[test]
fn a_document_may_be_a_single_tag() {
    assert_eq!(inspect(document, "<a/>"), ("0 4 header {}a\n".to_owned(), Ok(())));
    let expected = "0 3 header {}a\n4 4 stanza {}b\n9 4 closing {}a\n".to_owned();
    assert_eq!(inspect(document, "<a>x<b/>y</a>"), (expected, Ok(())));
}

/// Whether a terminal takes the character for a command: control characters, and those that turn the direction of
/// writing (Unicode Standard Annex 9, 2; Bidi_Control).
fn commands_a_terminal(character: char) -> bool {
    let turns = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(character, '\u{2066}'..='\u{2069}');
    turns || character.is_control()
}

#[test]
fn nothing_that_commands_a_terminal_is_printed() {
    for character in ('\0'..=char::MAX).filter(|character| commands_a_terminal(*character)) {
        for input in [format!("<a{character}b/>"), format!("<b xmlns='a{character}b'/>")] {
            let (lines, _) = inspect(document, &input);
            assert!(
                !lines.split('\n').any(|line| line.contains(commands_a_terminal)),
                "{}",
                lines.escape_debug()
            );
        }
    }
}
