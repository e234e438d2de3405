//! Nothing that holds a value, an id or a key can be displayed. Their `Debug` shows no value, which a unit test holds.

use std::fmt::Display;

use vestibule::disclosure::{
    Access, Disclosed, DisclosedValue, Observation, Pseudonym, PseudonymKeys, SessionId, Value,
};

fn display<T: Display>() {}

fn main() {
    display::<Value<'_>>();
    display::<Observation<'_>>();
    display::<DisclosedValue>();
    display::<Disclosed<Access>>();
    display::<Pseudonym>();
    display::<SessionId>();
    display::<PseudonymKeys>();
}
