//! Where the gate and the others differ: closed lists, each line with its ground and an example that shows it to be
//! real.

use crate::framing::{Refusal, RefusalKind};
use crate::gate::STREAMS;
use crate::opinions::Oracle;
use crate::reading::{Event, Reading};

/// Whether the gate may refuse what rxml and expat accept: our restrictions of XML, all of them. `reading` is what rxml
/// sees in the input.
pub fn is_our_restriction(refusal: Refusal, input: &[u8], reading: &Reading) -> bool {
    let (before, rest) = input.split_at((refusal.offset as usize).min(input.len()));
    match refusal.kind {
        // Only the ASCII characters of a URI.
        RefusalKind::AmbiguousNamespace => !value_at(rest).iter().copied().all(is_in_a_uri),
        RefusalKind::NamespaceTooLong => value_at(rest).len() > 1024,
        // A stream is more than a document (RFC 6120, 4.2).
        RefusalKind::WrongNamespace => root(reading).is_some_and(|(namespace, _)| namespace != STREAMS),
        RefusalKind::WrongRoot => {
            root(reading).is_some_and(|(namespace, local)| namespace == STREAMS && local != "stream")
        }
        RefusalKind::EmptyRoot => reading.events.len() == 2,
        RefusalKind::NestedStream => has_nested_stream(reading),
        RefusalKind::TextBetweenStanzas => {
            let is_written_otherwise = rest.starts_with(b"&#") || before.ends_with(b"<![CDATA[");
            is_written_otherwise || has_text_in_root(reading)
        }
        _ => false,
    }
}

/// Whether an oracle is not asked about a document that the gate passes, as it is known to refuse it or to lose
/// something of it.
pub fn is_not_asked(oracle: Oracle, document: &[u8]) -> bool {
    match oracle {
        Oracle::Rxml => {
            space_before_the_root(document)
                || standalone_otherwise(document)
                || lone_carriage_return(document)
        }
        Oracle::Libxml2Push => line_end_in_section(document),
        Oracle::Expat | Oracle::Libxml2 => false,
    }
}

/// rxml takes no white space before a root if there is no XML declaration.
fn space_before_the_root(document: &[u8]) -> bool {
    document.first().is_some_and(u8::is_ascii_whitespace)
}

/// rxml takes `standalone` only as `yes`, and only behind `encoding`.
fn standalone_otherwise(document: &[u8]) -> bool {
    let declaration = document.strip_prefix(b"<?xml").unwrap_or_default();
    let declaration = declaration.split(|byte| *byte == b'>').next().unwrap_or_default();
    let has = |text: &str| declaration.windows(text.len()).any(|part| part == text.as_bytes());
    has("standalone") && !(has("encoding") && has("yes"))
}

/// In an attribute's value rxml takes a carriage return only before a line feed; before the quote it loses it. As the
/// last byte of a document it waits for more.
fn lone_carriage_return(document: &[u8]) -> bool {
    document.ends_with(b"\r") || document.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n')
}

/// libxml2's push parser leaves carriage returns in CDATA sections as they are.
fn line_end_in_section(document: &[u8]) -> bool {
    let has = |text: &[u8]| document.windows(text.len()).any(|part| part == text);
    has(b"<![CDATA[") && has(b"\r")
}

/// The value of the attribute that `text` begins with; empty if there is none.
fn value_at(text: &[u8]) -> &[u8] {
    let Some(start) = text.iter().position(|byte| b"'\"".contains(byte)) else { return b"" };
    text[start + 1..].split(|byte| *byte == text[start]).next().unwrap_or_default()
}

/// The reserved and the unreserved characters, and `%` (RFC 3986, 2), but for `&`: in XML it begins a reference.
fn is_in_a_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$'()*+,;=%".contains(&byte)
}

fn root(reading: &Reading) -> Option<(&str, &str)> {
    match reading.events.first() {
        Some(Event::Start { name, .. }) => Some((&name.namespace, &name.local)),
        _ => None,
    }
}

fn has_nested_stream(reading: &Reading) -> bool {
    let is_stream = |event: &Event| matches!(event, Event::Start { name, .. } if name.is(STREAMS, "stream"));
    reading.events.iter().skip(1).any(is_stream)
}

fn has_text_in_root(reading: &Reading) -> bool {
    let mut depth = 0;
    reading.events.iter().any(|event| {
        match event {
            Event::Start { .. } => depth += 1,
            Event::End => depth -= 1,
            Event::Text(text) => return depth == 1 && !text.trim_matches([' ', '\t', '\r', '\n']).is_empty(),
        }
        false
    })
}
