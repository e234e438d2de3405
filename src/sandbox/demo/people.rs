//! Who takes part, all of them made up: three users of a provider, whose clients connect through Vestibule, and one
//! user of the gatekeeper, who is connected to it directly.

use super::ActError;
use crate::sandbox::client::{ClientError, Credentials, Mechanism};
use crate::sandbox::{gatekeeper, provider};

/// The gatekeeper's domain.
pub const HOST: &str = "gatekeeper.example";
/// The name of the provider's HTTP server.
pub const PROVIDER: &str = "provider.example";

/// A user of the provider, with one client.
pub struct ProviderUser {
    pub name: &'static str,
    /// By which people know the user at the provider.
    pub visible_id: &'static str,
    pub password: &'static str,
    /// The provider's clients say here which build they are.
    pub resource: &'static str,
    pub mechanism: Mechanism,
}

/// A user of the gatekeeper, with one client.
pub struct GatekeeperUser {
    pub name: &'static str,
    /// The local part of the user's JID.
    pub account: &'static str,
    pub password: &'static str,
    pub resource: &'static str,
}

/// She has an older build, which plays no videos.
pub const ALICE: ProviderUser = ProviderUser {
    name: "Alice",
    visible_id: "alice@provider.example",
    password: "white-rabbit-4711",
    resource: "app-2.4",
    mechanism: Mechanism::OauthBearer,
};
pub const CAROL: ProviderUser = ProviderUser {
    name: "Carol",
    visible_id: "carol@provider.example",
    password: "christmas-song-1843",
    resource: "app-2.12",
    mechanism: Mechanism::Plain,
};
pub const MALLORY: ProviderUser = ProviderUser {
    name: "Mallory",
    visible_id: "mallory@provider.example",
    password: "in-the-middle-1978",
    resource: "app-2.12",
    mechanism: Mechanism::OauthBearer,
};
pub const PROVIDER_USERS: [&ProviderUser; 3] = [&ALICE, &CAROL, &MALLORY];

pub const BOB: GatekeeperUser =
    GatekeeperUser { name: "Bob", account: "bob", password: "green-builder-0815", resource: "notebook" };

impl ProviderUser {
    /// As the provider knows the user.
    pub fn account(&self) -> provider::Account {
        provider::Account { visible_id: self.visible_id.to_owned(), password: self.password.to_owned() }
    }

    /// The error of an act that this user's client could not go on with.
    pub fn failed(&self, source: ClientError) -> ActError {
        ActError::Client { who: self.name, source }
    }
}

impl GatekeeperUser {
    pub fn bare_jid(&self) -> String {
        format!("{}@{HOST}", self.account)
    }

    /// As the gatekeeper knows the user.
    pub fn known_account(&self) -> gatekeeper::Account {
        gatekeeper::Account {
            name: self.account.to_owned(),
            password: self.password.to_owned(),
            contacts: Vec::new(),
        }
    }

    pub fn credentials(&self) -> Credentials {
        Credentials {
            account: self.account.to_owned(),
            password: self.password.to_owned(),
            mechanism: Mechanism::ScramSha256,
        }
    }
}
