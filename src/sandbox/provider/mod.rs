//! A provider: accounts with visible identifiers, signed tokens with published keys, and a place for pushes.

use std::time::Duration;

use super::token::Algorithm;

/// What a provider serves.
pub struct Config {
    /// Its issuer URL: `https`, and all that it publishes is below it.
    pub issuer: String,
    pub accounts: Vec<Account>,
    pub gatekeepers: Vec<GatekeeperAccess>,
    /// What it signs with.
    pub algorithm: Algorithm,
    pub token_lifetime: Duration,
    /// How often it begins to sign with another key, if it does.
    pub rotation: Option<Duration>,
    /// What an operator shows as `Authorization: Bearer`; nobody can be one without.
    pub operator: Option<String>,
}

/// One user.
pub struct Account {
    pub visible_id: String,
    pub password: String,
}

/// An agreement with a gatekeeper.
pub struct GatekeeperAccess {
    /// Its domain: what tokens for it name as their audience.
    pub audience: String,
    /// What it shows as `Authorization: Bearer`.
    pub credential: String,
}
