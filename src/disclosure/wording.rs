//! How the forms, periods and moments of a policy are said to people: in its report, and where two are compared.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use super::catalogue::{Field, Form};
use super::comparison::Change;
use super::printable::is_printable;
use super::statement::{ActionStatement, FieldStatement};
use crate::policy::Moment;

impl FieldStatement {
    /// The form in which the field is let out, for instance `as observed`.
    pub fn form(&self) -> String {
        let field = Field::from_name(&self.field);
        match &self.action {
            ActionStatement::Keep if field == Some(Field::SessionId) => {
                "as an id of this sink's own".to_owned()
            }
            ActionStatement::Keep => "as observed".to_owned(),
            ActionStatement::Pseudonym => "as a pseudonym".to_owned(),
            ActionStatement::Truncate { v4, v6 } => {
                format!("cut to the first {v4} bits of IPv4, {v6} bits of IPv6")
            }
            ActionStatement::Bucket(bounds) => {
                let is_span = field.is_some_and(|field| field.form() == Form::Span);
                let bound = |bound: &u64| if is_span { milliseconds(*bound) } else { bound.to_string() };
                let bounds: Vec<String> = bounds.iter().map(bound).collect();
                format!("as a range, with the bounds {}", bounds.join(", "))
            }
            ActionStatement::Round(seconds) => format!("rounded down to multiples of {}", period(*seconds)),
        }
    }
}

impl fmt::Display for Change {
    /// One line: the place, what was let out, and what would be. It may quote the policies' files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sink, event, what, before, after, until } = self;
        let place: Vec<&str> =
            [sink.as_deref(), event.as_deref(), Some(what)].into_iter().flatten().collect();
        let [before, after] = [before, after].map(|form| form.as_deref().unwrap_or("nothing"));
        let until = until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        f.write_str(&visible(&format!("{}: {before} -> {after}{until}", place.join(", "))))
    }
}

/// Text of a policy's file, or a file's name, for a line of its own: what does not show as itself is written as an escape,
/// for instance `\u{202e}`.
pub fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        if is_printable(character) {
            visible.push(character);
        } else {
            visible.extend(character.escape_unicode());
        }
    }
    visible
}

/// The same for text of several lines.
pub fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// A length of time in its largest unit that is exact, for instance `14 days`.
pub fn period(seconds: u64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let exact = units.into_iter().find(|(unit, _)| seconds != 0 && seconds.is_multiple_of(*unit));
    let (unit, name) = exact.unwrap_or((1, "second"));
    match seconds / unit {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

/// A moment in UTC, for instance `2026-12-01T12:00:00Z`. One beyond the calendar is said in seconds since 1970.
pub fn moment(seconds: u64) -> String {
    /// The last second of the year 9999, the last one that RFC 3339 can write.
    const LAST: u64 = 253_402_300_799;
    match UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).filter(|_| seconds <= LAST) {
        Some(moment) => Moment::new(moment).to_string(),
        None => format!("{seconds} seconds after 1970-01-01T00:00:00Z"),
    }
}

fn milliseconds(milliseconds: u64) -> String {
    match milliseconds % 1_000 {
        0 => period(milliseconds / 1_000),
        _ => format!("{milliseconds} milliseconds"),
    }
}
