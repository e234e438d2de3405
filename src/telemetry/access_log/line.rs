//! One line of the access log: the event's name and the disclosed fields as a JSON object (RFC 8259).
//!
//! Times are RFC 3339 in UTC with milliseconds, lengths of time are seconds, sizes bytes, pseudonyms and session ids
//! hexadecimal, cut addresses prefixes such as `192.0.2.0/24`, ranges their bounds such as `60-3600` or `3600-`, of which the
//! second one is outside.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::disclosure::{Disclosed, DisclosedValue, Pseudonym, Sink};

/// Appends the line with its end of line.
pub fn render<S: Sink>(disclosed: &Disclosed<S>, line: &mut Vec<u8>) {
    let start = line.len();
    if write_line(disclosed, line).is_err() {
        // Writing to memory does not fail; if it did, half a line would be worse than none.
        line.truncate(start);
    }
}

fn write_line<S: Sink>(disclosed: &Disclosed<S>, line: &mut Vec<u8>) -> io::Result<()> {
    write!(line, "{{\"event\":\"{}\"", disclosed.event().name())?;
    for (field, value) in disclosed.fields() {
        write!(line, ",\"{}\":", field.name())?;
        write_value(value, line)?;
    }
    line.write_all(b"}\n")
}

fn write_value(value: &DisclosedValue, line: &mut Vec<u8>) -> io::Result<()> {
    match value {
        DisclosedValue::Moment(moment) => write_moment(*moment, line),
        DisclosedValue::Span(span) => write!(line, "{}.{:03}", span.as_secs(), span.subsec_millis()),
        DisclosedValue::Address(address) => write!(line, "\"{address}\""),
        DisclosedValue::Prefix(address, length) => write!(line, "\"{address}/{length}\""),
        DisclosedValue::Number(number) => write!(line, "{number}"),
        DisclosedValue::Text(text) => write_text(text, line),
        DisclosedValue::Token(token) => write_text(token, line),
        DisclosedValue::Pseudonym(pseudonym) => write_pseudonym(*pseudonym, line),
        DisclosedValue::NumberRange(from, Some(to)) => write!(line, "\"{from}-{to}\""),
        DisclosedValue::NumberRange(from, None) => write!(line, "\"{from}-\""),
        DisclosedValue::SpanRange(from, Some(to)) => {
            write!(line, "\"{}-{}\"", from.as_secs_f64(), to.as_secs_f64())
        }
        DisclosedValue::SpanRange(from, None) => write!(line, "\"{}-\"", from.as_secs_f64()),
    }
}

/// Text that a peer may have chosen. Besides what JSON demands, every control character is escaped, those above ASCII
/// too: some terminals obey them when the log is looked at.
fn write_text(text: &str, line: &mut Vec<u8>) -> io::Result<()> {
    line.push(b'"');
    for character in text.chars() {
        match character {
            '"' | '\\' => line.extend([b'\\', character as u8]),
            // Control characters and the marks that reorder text all have four hexadecimal digits.
            control if control.is_control() || reorders(control) => {
                write!(line, "\\u{:04x}", u32::from(control))?
            }
            other => line.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    line.push(b'"');
    Ok(())
}

/// Unicode's bidirectional controls and line separators, which can make a line look like another one.
fn reorders(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn write_pseudonym(pseudonym: Pseudonym, line: &mut Vec<u8>) -> io::Result<()> {
    write!(line, "\"{:032x}\"", u128::from_be_bytes(*pseudonym.as_bytes()))
}

/// `"2026-11-05T09:30:00.125Z"`. A time before 1970 is written as 1970: it means that the clock was not set.
fn write_moment(moment: SystemTime, line: &mut Vec<u8>) -> io::Result<()> {
    let since_epoch = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since_epoch.as_secs() / 86_400, since_epoch.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let millisecond = since_epoch.subsec_millis();
    write!(line, "\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z\"")
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    /// From 0000-03-01 to 1970-01-01. Years begin in March here, so that a leap day is the last day of its year.
    const DAYS_BEFORE_EPOCH: u64 = 719_468;
    let days = days + DAYS_BEFORE_EPOCH;
    let (era, day_of_era) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    // Leap days so far are taken out before dividing: one in 4 years, none in 100, but one in 400.
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, months have 31, 30, 31, 30, 31 days, again and again: 153 days in five months.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}
