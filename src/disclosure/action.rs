//! What can happen to a field on its way into a sink.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::catalogue::{Class, Field, Form};
use super::disclosed::DisclosedValue;

/// What happens to one field on its way into a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// The field is left out.
    #[default]
    Drop,
    /// The value is written as it was observed; a session's id as this sink's own.
    Keep,
    /// Only an address's first bits are written.
    Truncate(Truncation),
    /// Only the range is written that a number or a length of time falls into.
    Bucket(Buckets),
    /// A time is written as the last whole multiple of a period before it.
    Round(Rounding),
    /// The value is replaced by a keyed digest.
    Pseudonym,
}

impl Action {
    /// Whether this action can be applied to `field`.
    pub fn fits(&self, field: Field) -> bool {
        match self {
            Self::Drop | Self::Keep => true,
            Self::Truncate(_) => field.form() == Form::Address,
            Self::Bucket(_) => matches!(field.form(), Form::Number | Form::Span),
            Self::Round(_) => field.form() == Form::Moment,
            // A session's id is already a pseudonym of the sink.
            Self::Pseudonym => match field.form() {
                Form::Address => true,
                Form::Text => field.class() == Class::Identifier,
                _ => false,
            },
        }
    }
}

/// How many of an address's first bits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    v4: u8,
    v6: u8,
}

impl Truncation {
    /// `None` unless both lengths really cut something off and leave something: 1 to 31 bits of IPv4, 1 to 127 of IPv6.
    pub fn new(v4: u8, v6: u8) -> Option<Self> {
        ((1..=31).contains(&v4) && (1..=127).contains(&v6)).then_some(Self { v4, v6 })
    }

    /// Bits kept of an IPv4 address.
    pub fn v4(self) -> u8 {
        self.v4
    }

    /// Bits kept of an IPv6 address.
    pub fn v6(self) -> u8 {
        self.v6
    }

    pub(super) fn apply(self, address: IpAddr) -> DisclosedValue {
        match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX << (32 - u32::from(self.v4));
                DisclosedValue::Prefix(Ipv4Addr::from_bits(v4.to_bits() & mask).into(), self.v4)
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX << (128 - u32::from(self.v6));
                DisclosedValue::Prefix(Ipv6Addr::from_bits(v6.to_bits() & mask).into(), self.v6)
            }
        }
    }
}

/// The bounds between ranges: numbers, or lengths of time in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets(Arc<[u64]>);

impl Buckets {
    /// So many bounds leave little to guess.
    pub const MOST: usize = 32;

    /// `None` unless there is at least one bound and at most [`MOST`](Self::MOST), and they are above zero and ascend.
    pub fn new(bounds: &[u64]) -> Option<Self> {
        let ascend = bounds.first().is_some_and(|first| *first > 0) && bounds.is_sorted_by(|a, b| a < b);
        (ascend && bounds.len() <= Self::MOST).then(|| Self(bounds.into()))
    }

    pub fn bounds(&self) -> &[u64] {
        &self.0
    }

    pub(super) fn number(&self, number: u64) -> DisclosedValue {
        let (from, to) = self.range(number);
        DisclosedValue::NumberRange(from, to)
    }

    pub(super) fn span(&self, span: Duration) -> DisclosedValue {
        let (from, to) = self.range(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        DisclosedValue::SpanRange(Duration::from_millis(from), to.map(Duration::from_millis))
    }

    fn range(&self, value: u64) -> (u64, Option<u64>) {
        let above = self.0.partition_point(|bound| *bound <= value);
        let from = above.checked_sub(1).and_then(|below| self.0.get(below)).copied();
        (from.unwrap_or(0), self.0.get(above).copied())
    }
}

/// The period to whose multiples times are rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounding(u64);

impl Rounding {
    /// `None` unless `period` is whole seconds, at least one.
    pub fn new(period: Duration) -> Option<Self> {
        (period.subsec_nanos() == 0 && period.as_secs() > 0).then_some(Self(period.as_secs()))
    }

    pub fn period(self) -> Duration {
        Duration::from_secs(self.0)
    }

    pub(super) fn apply(self, moment: SystemTime) -> DisclosedValue {
        let seconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        DisclosedValue::Moment(UNIX_EPOCH + Duration::from_secs(seconds - seconds % self.0))
    }
}
