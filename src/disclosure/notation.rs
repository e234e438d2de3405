//! How times and ranges are written, wherever they are let out.

use std::fmt;
use std::time::SystemTime;

use time::OffsetDateTime;

/// A range by its bounds, `60-3600` or `3600-`; the second one is outside.
pub(crate) struct Range<N>(pub N, pub Option<N>);

impl<N: fmt::Display> fmt::Display for Range<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.0)?;
        self.1.iter().try_for_each(|to| write!(f, "{to}"))
    }
}

/// A time as sinks write it: `2026-11-05T09:30:00.125Z`.
pub(crate) struct Timestamp(pub SystemTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = utc(self.0);
        let (year, month, day) = moment.to_calendar_date();
        let (hour, minute, second, millisecond) = moment.to_hms_milli();
        let month = u8::from(month);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }
}

/// A time before 1970 becomes 1970: it means that the clock was not set. So does one after the year 9999.
fn utc(moment: SystemTime) -> OffsetDateTime {
    let since_epoch = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since_epoch.as_nanos())
        .ok()
        .and_then(|nanoseconds| OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
