//! Where the gate and the others differ: closed lists, each line with its ground and an example that shows it to be
//! real.

use std::borrow::Cow;

use crate::framing::{Refusal, RefusalKind};
use crate::gate::STREAMS;
use crate::opinions::Oracle;
use crate::reading::{Event, Reading};

/// Whether the gate may refuse what rxml and expat accept: our restrictions of XML, all of them. `reading` is what they
/// see in the input.
pub fn is_our_restriction(refusal: Refusal, input: &[u8], reading: &Reading) -> bool {
    let (before, rest) = input.split_at((refusal.offset as usize).min(input.len()));
    let in_header = reading.pieces.first().is_some_and(|header| before.len() < header.end);
    match refusal.kind {
        // Only the ASCII characters of a URI.
        RefusalKind::AmbiguousNamespace => {
            declared_at(rest).is_some_and(|namespace| !namespace.iter().copied().all(is_in_a_uri))
        }
        RefusalKind::NamespaceTooLong => declared_at(rest).is_some_and(|namespace| namespace.len() > 1024),
        // A stream is more than a document (RFC 6120, 4.2).
        RefusalKind::WrongNamespace => {
            in_header && root(reading).is_some_and(|(namespace, _)| namespace != STREAMS)
        }
        RefusalKind::WrongRoot => {
            in_header
                && root(reading).is_some_and(|(namespace, local)| namespace == STREAMS && local != "stream")
        }
        RefusalKind::EmptyRoot => in_header && reading.events.len() == 2,
        RefusalKind::NestedStream => {
            let name = rest.split(|byte| b" \t\r\n/>".contains(byte)).next().unwrap_or_default();
            before.ends_with(b"<")
                && (name == b"stream" || name.ends_with(b":stream"))
                && has_nested_stream(reading)
        }
        RefusalKind::TextBetweenStanzas => match before.strip_suffix(b"<![CDATA[") {
            Some(before) => ends_in_the_root(before),
            None => {
                let is_text = !rest.first().is_some_and(|byte| b" \t\r\n<".contains(byte));
                is_text && ends_in_the_root(before)
            }
        },
        _ => false,
    }
}

/// Whether an oracle is not asked about a document that the gate passes, as it is known to refuse it or to lose
/// something of it.
pub fn is_not_asked(oracle: Oracle, document: &[u8]) -> bool {
    match oracle {
        Oracle::Rxml => {
            let is_lost = holds_in_section(document, b"]\r");
            space_before_the_root(document) || standalone_otherwise(document) || is_lost
        }
        Oracle::Libxml2Push => holds_in_section(document, b"\r"),
        Oracle::Expat | Oracle::Libxml2 => false,
    }
}

/// In an attribute's value rxml takes a carriage return only before a line feed, before the quote it loses it, and as the
/// last byte of a document it waits for more. So it is given lone ones as line feeds, as which every parser has to take
/// them (XML 1.0, 2.11).
pub fn with_line_ends_for_rxml(document: &[u8]) -> Cow<'_, [u8]> {
    if !document.contains(&b'\r') {
        return Cow::Borrowed(document);
    }
    let mut document = document.to_vec();
    for at in 0..document.len() {
        if document[at] == b'\r' && document.get(at + 1) != Some(&b'\n') {
            document[at] = b'\n';
        }
    }
    Cow::Owned(document)
}

/// rxml takes no white space before a root if there is no XML declaration.
fn space_before_the_root(document: &[u8]) -> bool {
    document.first().is_some_and(u8::is_ascii_whitespace)
}

/// rxml takes `standalone` only as `yes`, and only behind `encoding`.
fn standalone_otherwise(document: &[u8]) -> bool {
    let declaration = document.strip_prefix(b"<?xml").unwrap_or_default();
    let declaration = declaration.split(|byte| *byte == b'>').next().unwrap_or_default();
    let has = |text: &[u8]| find(declaration, text).is_some();
    has(b"standalone") && !(has(b"encoding") && has(b"yes"))
}

/// Whether `text` stands in a CDATA section: there libxml2's push parser leaves all carriage returns as they are, and rxml
/// those behind brackets.
fn holds_in_section(document: &[u8], text: &[u8]) -> bool {
    let mut rest = document;
    // In a document that the gate passes, `<![CDATA[` stands nowhere else.
    while let Some(start) = find(rest, b"<![CDATA[") {
        let section = &rest[start..];
        let end = find(section, b"]]>").unwrap_or(section.len());
        if find(&section[..end], text).is_some() {
            return true;
        }
        rest = &section[end..];
    }
    false
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|part| part == text)
}

/// The value of the namespace declaration that `text` begins with.
fn declared_at(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"xmlns")?;
    let (name, rest) = rest.split_at(rest.iter().position(|byte| b"=\"'<>".contains(byte))?);
    let is_name = name.first().is_none_or(|first| b": \t\r\n".contains(first));
    let value = rest.strip_prefix(b"=").filter(|_| is_name)?.trim_ascii_start();
    let (quote, value) = value.split_first().filter(|(quote, _)| b"\"'".contains(quote))?;
    value.split(|byte| byte == quote).next()
}

/// The reserved and the unreserved characters, and `%` (RFC 3986, 2), but for `&`: in XML it begins a reference.
fn is_in_a_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$'()*+,;=%".contains(&byte)
}

/// Whether the root may be closed after `before`: nothing else is open there.
fn ends_in_the_root(before: &[u8]) -> bool {
    let tags = before.split(|byte| *byte == b'<').skip(1);
    let root = tags.into_iter().find(|tag| !tag.starts_with(b"?")).unwrap_or_default();
    let name = root.split(|byte| b" \t\r\n/>".contains(byte)).next().unwrap_or_default();
    Oracle::Rxml.read(&[before, b"</", name, b">"].concat()).is_ok()
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
