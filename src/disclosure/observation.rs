//! What was observed of one event, and what anybody may see of it.
//!
//! It holds values only until the policy has judged them; it does not judge.

use std::fmt;
use std::ops::BitOr;
use std::time::SystemTime;

use super::catalogue::{Event, Field, Value};

/// Which fields of which events some sink may see: the union of all rules, as a bit mask.
///
/// The session asks it before it builds a value, so that what nobody may see is never built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    masks: [u64; Event::ALL.len()],
}

// A field is a bit of an event's mask.
const _: () = assert!(Field::ALL.len() <= u64::BITS as usize);

impl Interest {
    /// Whether any sink may see `field` of `event`.
    pub fn wants(self, event: Event, field: Field) -> bool {
        self.masks[event as usize] & bit(field) != 0
    }

    /// Whether any sink may see anything of `event`.
    #[inline]
    pub fn wants_any(self, event: Event) -> bool {
        self.masks[event as usize] != 0
    }

    /// An observation of `event`, which happens at the time `at`; `None` if no sink may see anything of it.
    pub fn observe<'a>(self, event: Event, at: SystemTime) -> Option<Observation<'a>> {
        let mask = self.masks[event as usize];
        if mask == 0 {
            return None;
        }
        let mut observation = Observation { event, at, mask, values: [None; Field::ALL.len()] };
        observation.record(Value::Time(at));
        Some(observation)
    }

    pub(super) fn add(&mut self, event: Event, field: Field) {
        self.masks[event as usize] |= bit(field);
    }
}

impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        let mut both = self;
        both.masks.iter_mut().zip(other.masks).for_each(|(mask, other)| *mask |= other);
        both
    }
}

/// The values of one event.
#[derive(Clone)]
pub struct Observation<'a> {
    event: Event,
    at: SystemTime,
    mask: u64,
    values: [Option<Value<'a>>; Field::ALL.len()],
}

impl<'a> Observation<'a> {
    pub fn event(&self) -> Event {
        self.event
    }

    /// When it happened. Exceptions are over when it is not before their end.
    pub(super) fn at(&self) -> SystemTime {
        self.at
    }

    /// Whether any sink may see `field`: ask before building a value that costs something.
    pub fn wants(&self, field: Field) -> bool {
        self.mask & bit(field) != 0
    }

    /// Adds a value, in place of an earlier one of the same field. A value that nobody may see is not kept.
    pub fn record(&mut self, value: Value<'a>) {
        let field = value.field();
        if self.wants(field) {
            self.values[field as usize] = Some(value);
        }
    }

    /// The recorded values, in the catalogue's order.
    pub(super) fn values(&self) -> impl Iterator<Item = Value<'a>> {
        self.values.iter().flatten().copied()
    }
}

impl fmt::Debug for Observation<'_> {
    /// The event, and the names of the recorded fields without their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.event.name()).field(&Recorded(&self.values)).finish()
    }
}

/// Lists the recorded values by their own `Debug`, which shows no value.
struct Recorded<'o, 'a>(&'o [Option<Value<'a>>]);

impl fmt::Debug for Recorded<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().flatten()).finish()
    }
}

fn bit(field: Field) -> u64 {
    1 << field as u32
}
