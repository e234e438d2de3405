//! Ranges of bytes (RFC 9110, section 14): one at a time, as that is all that resuming a download needs.

use std::fmt;

use axum::http::HeaderValue;

/// What is asked for of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first to the second, both included.
    Between(u64, u64),
    From(u64),
    /// So many at the end.
    Last(u64),
}

/// What is given of a blob (RFC 9110, section 14.4): `first` and `last` are both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    pub first: u64,
    pub last: u64,
    /// Of the whole blob.
    pub size: u64,
}

impl ByteRange {
    /// The value of `Range`. Several ranges, and what is written otherwise, are as if nothing was asked for (RFC 9110,
    /// section 14.2).
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let (unit, range) = value.to_str().ok()?.split_once('=')?;
        let (first, last) = range.trim().split_once('-')?;
        match (unit.eq_ignore_ascii_case("bytes"), first, last) {
            (true, "", last) => Some(Self::Last(number(last)?)),
            (true, first, "") => Some(Self::From(number(first)?)),
            (true, first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
            (false, ..) => None,
        }
    }

    /// What of a blob of this size that is; `None` if it is nothing.
    pub fn of(self, size: u64) -> Option<ContentRange> {
        let end = size.checked_sub(1)?;
        let (first, last) = match self {
            Self::Between(first, last) => (first, last.min(end)),
            Self::From(first) => (first, end),
            Self::Last(0) => return None,
            Self::Last(count) => (size.saturating_sub(count), end),
        };
        (first <= last).then_some(ContentRange { first, last, size })
    }
}

/// As it is written in `Range`.
impl fmt::Display for ByteRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Between(first, last) => write!(formatter, "bytes={first}-{last}"),
            Self::From(first) => write!(formatter, "bytes={first}-"),
            Self::Last(count) => write!(formatter, "bytes=-{count}"),
        }
    }
}

impl ContentRange {
    /// The value of `Content-Range` of an answer that has something.
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let (range, size) = value.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last, size) = (number(first)?, number(last)?, number(size)?);
        (first <= last && last < size).then_some(Self { first, last, size })
    }

    /// How many bytes that is.
    pub fn length(self) -> u64 {
        // Not more than the blob has, as none begins behind its own end.
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "bytes {}-{}/{}", self.first, self.last, self.size)
    }
}

/// Digits and nothing else: Rust's own parser takes a sign.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<ByteRange> {
        ByteRange::parse(&HeaderValue::from_str(text).unwrap())
    }

    #[test]
    fn one_range_is_understood_and_whatever_else_is_as_if_nothing_was_asked() {
        assert_eq!(parse("bytes=0-0"), Some(ByteRange::Between(0, 0)));
        assert_eq!(parse("Bytes= 5-"), Some(ByteRange::From(5)));
        assert_eq!(parse("bytes=-7"), Some(ByteRange::Last(7)));
        let others =
            ["bytes=0-1,3-4", "bytes=2-1", "bytes=-", "bytes", "items=0-1", "bytes=+1-2", "bytes=1 -2"];
        for other in others.into_iter().chain(["bytes=99999999999999999999-", "", "bytes=a-b"]) {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_range_is_cut_at_the_blobs_end_and_nothing_behind_it_is_given() {
        let given =
            |range: ByteRange, size| range.of(size).map(|range| (range.first, range.last, range.length()));
        assert_eq!(given(ByteRange::Between(2, 99), 10), Some((2, 9, 8)));
        assert_eq!(given(ByteRange::From(9), 10), Some((9, 9, 1)));
        assert_eq!(given(ByteRange::Last(3), 10), Some((7, 9, 3)));
        assert_eq!(given(ByteRange::Last(30), 10), Some((0, 9, 10)));
        for nothing in [ByteRange::From(10), ByteRange::Between(10, 12), ByteRange::Last(0)] {
            assert_eq!(given(nothing, 10), None);
        }
        assert_eq!(given(ByteRange::From(0), 0), None);
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for range in [ByteRange::Between(1, 2), ByteRange::From(3), ByteRange::Last(4)] {
            assert_eq!(parse(&range.to_string()), Some(range));
        }
        let content = ContentRange { first: 1, last: 2, size: 3 };
        let read = |text: &str| ContentRange::parse(&HeaderValue::from_str(text).unwrap());
        assert_eq!(read(&content.to_string()), Some(content));
        for wrong in ["bytes 2-1/3", "bytes 0-3/3", "bytes */3", "bytes 0-1/*", "0-1/3", "bytes 0-1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
