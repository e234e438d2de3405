//! How the logs write what was disclosed: the event's name and the fields as members of a JSON object (RFC 8259).
//!
//! Times are RFC 3339 in UTC with milliseconds, lengths of time are seconds, sizes bytes, pseudonyms and session ids
//! hexadecimal, cut addresses prefixes such as `192.0.2.0/24`, ranges their bounds such as `60-3600` or `3600-`, of which the
//! second one is outside.

use std::io::{self, Write};

use crate::disclosure::{Disclosed, DisclosedValue, Pseudonym, Range, Sink, Timestamp, is_printable};

/// Appends the event and the fields, without the braces around them and without an end of line.
pub(crate) fn render_fields<S: Sink>(disclosed: &Disclosed<S>, line: &mut Vec<u8>) {
    let start = line.len();
    if write_fields(disclosed, line).is_err() {
        // Writing to memory does not fail; if it did, half a line would be worse than none.
        line.truncate(start);
    }
}

fn write_fields<S: Sink>(disclosed: &Disclosed<S>, line: &mut Vec<u8>) -> io::Result<()> {
    write!(line, "\"event\":\"{}\"", disclosed.event().name())?;
    for (field, value) in disclosed.fields() {
        write!(line, ",\"{}\":", field.name())?;
        write_value(value, line)?;
    }
    Ok(())
}

fn write_value(value: &DisclosedValue, line: &mut Vec<u8>) -> io::Result<()> {
    match value {
        DisclosedValue::Moment(moment) => write!(line, "\"{}\"", Timestamp(*moment)),
        DisclosedValue::Span(span) => write!(line, "{}.{:03}", span.as_secs(), span.subsec_millis()),
        DisclosedValue::Address(address) => write!(line, "\"{address}\""),
        DisclosedValue::Prefix(address, length) => write!(line, "\"{address}/{length}\""),
        DisclosedValue::Number(number) => write!(line, "{number}"),
        DisclosedValue::Text(text) => write_text(text, line),
        DisclosedValue::Token(token) => write_text(token, line),
        DisclosedValue::Pseudonym(pseudonym) => write_pseudonym(*pseudonym, line),
        DisclosedValue::NumberRange(from, to) => write!(line, "\"{}\"", Range(*from, *to)),
        DisclosedValue::SpanRange(from, to) => {
            write!(line, "\"{}\"", Range(from.as_secs_f64(), to.map(|to| to.as_secs_f64())))
        }
    }
}

/// Text that a peer may have chosen. Besides what JSON demands, everything is escaped that does not show as itself: some
/// terminals obey it when the log is looked at.
fn write_text(text: &str, line: &mut Vec<u8>) -> io::Result<()> {
    line.push(b'"');
    for character in text.chars() {
        match character {
            '"' | '\\' => line.extend([b'\\', character as u8]),
            shown if is_printable(shown) => {
                line.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
            }
            hidden => {
                for unit in hidden.encode_utf16(&mut [0; 2]) {
                    write!(line, "\\u{unit:04x}")?;
                }
            }
        }
    }
    line.push(b'"');
    Ok(())
}

fn write_pseudonym(pseudonym: Pseudonym, line: &mut Vec<u8>) -> io::Result<()> {
    write!(line, "\"{:032x}\"", u128::from_be_bytes(*pseudonym.as_bytes()))
}
