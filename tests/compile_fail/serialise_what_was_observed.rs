//! Nothing that holds a value, an id or a key can be serialised, neither by itself nor inside of something else.

use vestibule::disclosure::{
    Access, Disclosed, DisclosedValue, Observation, Pseudonym, PseudonymKeys, SessionId, Value,
};

fn serialise<T: serde::Serialize>() {}

fn main() {
    serialise::<Value<'_>>();
    serialise::<Observation<'_>>();
    serialise::<DisclosedValue>();
    serialise::<Disclosed<Access>>();
    serialise::<Pseudonym>();
    serialise::<SessionId>();
    serialise::<PseudonymKeys>();
}
