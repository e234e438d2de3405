//! The type of a field's value is the field's own, and a token's is a word of ours.

use std::net::IpAddr;

use vestibule::disclosure::Value;

fn pair(address: IpAddr) -> [Value<'static>; 2] {
    [Value::Account(address), Value::ClientAddress("juliet@client.example")]
}

fn word(text: &str) -> Value<'_> {
    Value::EndReason(text)
}

fn main() {}
