//! Times as they are told to others.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time in UTC with whole seconds (RFC 3339; XEP-0082). Empty beyond the year 9999.
pub(super) fn written(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}
