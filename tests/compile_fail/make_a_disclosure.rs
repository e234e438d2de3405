//! Only the policy makes disclosures.

use std::time::Duration;

use vestibule::disclosure::{Access, Disclosed, DisclosedValue, Event, Field};

fn main() {
    let fields = vec![(Field::Account, DisclosedValue::Text("juliet@client.example".to_owned()))];
    let _ = Disclosed::<Access>::new(Event::Session, Duration::MAX, fields);
}
