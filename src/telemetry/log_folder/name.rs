//! The names of segments: `LOG.RETENTION.START.NUMBER.jsonl`, for instance `access.14d.20261123T070000Z.1.jsonl`.
//!
//! A name says by itself when the file has to be deleted, so that a later run needs nothing else to know it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// The name of a segment. It is ordered by its number first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::telemetry) struct SegmentName {
    /// Tells segments apart that begin in the same second; in the audit log the sequence of the first record.
    pub number: u64,
    log: &'static str,
    /// In seconds since 1970.
    start: i64,
    /// In seconds.
    retention: u64,
}

/// The longest time for which any segment is written.
const LONGEST_PERIOD: Duration = Duration::from_secs(86_400);

/// Units of a retention, the largest first; a name has the first one that fits without a rest.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];

impl SegmentName {
    /// The segment of `log` whose first line is written at `start`. Parts of seconds are left out of both times, so that
    /// nothing is kept for longer than `retention`.
    pub fn new(log: &'static str, retention: Duration, start: SystemTime, number: u64) -> Self {
        let start = start.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        // A name has room for the years to 9999 only.
        let start = i64::try_from(start).ok().filter(|start| at(*start).is_some()).unwrap_or(0);
        Self { number, log, start, retention: retention.as_secs() }
    }

    /// Reads a name of a segment of `log`. Whatever this does not write itself is no name.
    pub fn parse(log: &'static str, text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(log)?.strip_prefix('.')?.strip_suffix(".jsonl")?.split('.');
        let (retention, start, number) = (parts.next()?, parts.next()?, parts.next()?);
        let name = Self {
            number: number.parse().ok()?,
            log,
            start: parse_start(start)?,
            retention: parse_retention(retention)?,
        };
        (parts.next().is_none() && name.to_string() == text).then_some(name)
    }

    pub fn start(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(self.start).unwrap_or(0))
    }

    pub fn retention(&self) -> Duration {
        Duration::from_secs(self.retention)
    }

    /// The longest time for which it is written: what is in it is deleted so much too early at most.
    pub fn period(&self) -> Duration {
        LONGEST_PERIOD.min(self.retention() / 4)
    }

    /// Whether it may be deleted at `time`, give or take its period: a clock that is set back a little while a process
    /// runs does not prolong the retention, so that the calendar may be short of it.
    pub fn is_due(&self, time: SystemTime) -> bool {
        let age = time.duration_since(self.start()).unwrap_or_default();
        age.saturating_add(self.period()) >= self.retention()
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, length): &&(&str, u64)| self.retention.is_multiple_of(*length);
        let (unit, length) = UNITS.iter().find(fits).copied().unwrap_or(("s", 1));
        write!(f, "{}.{}{unit}.", self.log, self.retention / length)?;
        let start = at(self.start).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (year, month, day) = start.to_calendar_date();
        let (hour, minute, second) = start.to_hms();
        let month = u8::from(month);
        write!(f, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z.{}.jsonl", self.number)
    }
}

fn at(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok().filter(|at| (1970..=9999).contains(&at.year()))
}

fn parse_retention(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (amount, unit) = text.split_at(digits);
    let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
    amount.parse::<u64>().ok()?.checked_mul(*length)
}

/// Reads `20261123T070000Z`.
fn parse_start(text: &str) -> Option<i64> {
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u16>().ok();
    let small = |range| u8::try_from(part(range)?).ok();
    let month = Month::try_from(small(4..6)?).ok()?;
    let date = Date::from_calendar_date(part(0..4)?.into(), month, small(6..8)?).ok()?;
    let time = Time::from_hms(small(9..11)?, small(11..13)?, small(13..15)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_says_log_retention_start_and_number() {
        let start = UNIX_EPOCH + Duration::from_millis(1_795_417_200_999);
        for (retention, expected) in [
            (14 * 86_400, "access.14d.20261123T070000Z.1.jsonl"),
            (36 * 3_600, "access.36h.20261123T070000Z.1.jsonl"),
            (90 * 60, "access.90min.20261123T070000Z.1.jsonl"),
            (61, "access.61s.20261123T070000Z.1.jsonl"),
            (0, "access.0d.20261123T070000Z.1.jsonl"),
        ] {
            let name = SegmentName::new("access", Duration::from_secs(retention), start, 1);
            assert_eq!(name.to_string(), expected);
        }
    }

    #[test]
    fn a_segment_is_due_once_its_lines_may_be_deleted() {
        let start = UNIX_EPOCH + Duration::from_secs(1_795_417_200);
        for (retention, due) in [(0, 0), (8, 6), (345_600, 259_200), (31_536_000, 31_449_600)] {
            let name = SegmentName::new("audit", Duration::from_secs(retention), start, 1);
            let is_due = |seconds| name.is_due(start + Duration::from_secs(seconds));
            assert!(is_due(due) && (due == 0 || !is_due(due - 1)), "{retention}");
        }
        let forever = SegmentName::parse("audit", "audit.18446744073709551615s.20261123T070000Z.1.jsonl");
        assert!(!forever.unwrap().is_due(UNIX_EPOCH));
    }

    #[test]
    fn whatever_is_not_exactly_a_name_is_none() {
        for text in [
            "access.log",
            "access.14d.20261123T070000Z.jsonl",
            "access.14d.20261123T070000Z.1.jsonl.gz",
            "access.14d.20261123T070000Z.01.jsonl",
            "access.14d.20261123T070000Z.1.1.jsonl",
            "access.014d.20261123T070000Z.1.jsonl",
            "access.336h.20261123T070000Z.1.jsonl",
            "access.14w.20261123T070000Z.1.jsonl",
            "access.14d.20261323T070000Z.1.jsonl",
            "access.14d.2026112\u{e9}070000Z.1.jsonl",
            "access.14d.20261123T070000Z.-1.jsonl",
            "audit.14d.20261123T070000Z.1.jsonl",
            "xaccess.14d.20261123T070000Z.1.jsonl",
        ] {
            assert_eq!(SegmentName::parse("access", text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_reads_back(retention in 0_u64..1 << 40, start in 0_u64..253_402_300_800, number: u64) {
            let start = UNIX_EPOCH + Duration::from_secs(start);
            let name = SegmentName::new("audit", Duration::from_secs(retention), start, number);
            prop_assert_eq!(SegmentName::parse("audit", &name.to_string()), Some(name));
            prop_assert_eq!((name.start(), name.retention()), (start, Duration::from_secs(retention)));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text: String) {
            let _ = SegmentName::parse("", &format!(".1d.{text}"));
        }
    }
}
