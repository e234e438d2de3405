//! Who takes part: four people, all of them made up, with accounts at one gatekeeper.

use super::ActError;
use crate::sandbox::client::{ClientError, Credentials, Mechanism};
use crate::sandbox::gatekeeper::Account;

/// The gatekeeper's domain.
pub const HOST: &str = "gatekeeper.example";

/// Somebody with an account and one client.
pub struct Person {
    pub name: &'static str,
    /// The local part of the person's JID.
    pub account: &'static str,
    pub resource: &'static str,
    pub mechanism: Mechanism,
    pub password: &'static str,
    contacts: &'static [&'static str],
}

pub const ALICE: Person = Person {
    name: "Alice",
    account: "alice",
    resource: "telephone",
    mechanism: Mechanism::ScramSha256,
    password: "white-rabbit-4711",
    contacts: &["bob"],
};
pub const BOB: Person = Person {
    name: "Bob",
    account: "bob",
    resource: "notebook",
    mechanism: Mechanism::Plain,
    password: "green-builder-0815",
    contacts: &["alice"],
};
pub const CAROL: Person = Person {
    name: "Carol",
    account: "carol",
    resource: "tablet",
    mechanism: Mechanism::ScramSha256,
    password: "christmas-song-1843",
    contacts: &[],
};
pub const MALLORY: Person = Person {
    name: "Mallory",
    account: "mallory",
    resource: "workstation",
    mechanism: Mechanism::ScramSha256,
    password: "in-the-middle-1978",
    contacts: &[],
};
pub const EVERYBODY: [&Person; 4] = [&ALICE, &BOB, &CAROL, &MALLORY];

impl Person {
    pub fn full_jid(&self) -> String {
        format!("{}@{HOST}/{}", self.account, self.resource)
    }

    /// The error of an act that this person's client could not go on with.
    pub fn failed(&self, source: ClientError) -> ActError {
        ActError::Client { who: self.name, source }
    }

    /// As the gatekeeper knows the person.
    pub fn known_account(&self) -> Account {
        let contacts = self.contacts.iter().map(ToString::to_string).collect();
        Account { name: self.account.to_owned(), password: self.password.to_owned(), contacts }
    }

    pub fn credentials(&self) -> Credentials {
        let Self { mechanism, .. } = *self;
        Credentials { account: self.account.to_owned(), password: self.password.to_owned(), mechanism }
    }
}
