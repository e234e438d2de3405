//! What was observed of one event, and what anybody may see of it.
//!
//! It holds values only until the policy has judged them; it does not judge.

use std::fmt;

use super::field::{Event, Field, Value};

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

    /// An empty observation of `event`; `None` if no sink may see anything of it.
    pub fn observe<'a>(self, event: Event) -> Option<Observation<'a>> {
        let mask = self.masks[event as usize];
        (mask != 0).then_some(Observation { event, mask, values: [None; Field::ALL.len()] })
    }

    pub(super) fn add(&mut self, event: Event, field: Field) {
        self.masks[event as usize] |= bit(field);
    }
}

/// The values of one event.
#[derive(Clone)]
pub struct Observation<'a> {
    event: Event,
    mask: u64,
    values: [Option<Value<'a>>; Field::ALL.len()],
}

impl<'a> Observation<'a> {
    pub fn event(&self) -> Event {
        self.event
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

    /// The value of `field`, if there is one.
    pub(super) fn value(&self, field: Field) -> Option<Value<'a>> {
        self.values[field as usize]
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
