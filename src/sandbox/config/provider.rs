//! What a provider's configuration means.

use std::net::SocketAddr;

use super::checks::Checks;
use super::document::{GatekeeperAccessDocument, ProviderAccountDocument, ProviderDocument};
use crate::sandbox::certificates::Identity;
use crate::sandbox::media;
use crate::sandbox::provider::{Account, Config, GatekeeperAccess};

/// A provider that can be started.
pub struct ProviderSetup {
    pub config: Config,
    /// Where it is served.
    pub address: SocketAddr,
    pub identity: Identity,
}

pub(super) fn build(checks: &mut Checks, document: ProviderDocument) -> Option<ProviderSetup> {
    let identity = checks.identity(&document.certificate);
    // A credential tells who is calling.
    let credentials = document.gatekeepers.iter().map(|gatekeeper| &gatekeeper.credential);
    checks.distinct(credentials.chain(&document.operator));
    let config = Config {
        issuer: checks.url(document.issuer),
        accounts: accounts(checks, document.accounts),
        gatekeepers: gatekeepers(checks, document.gatekeepers),
        algorithm: document.algorithm,
        token_lifetime: checks.time(&document.token_lifetime),
        rotation: document.rotation.map(|rotation| checks.time(&rotation)),
        operator: document.operator.map(|secret| checks.secret(secret)),
        media: media::Limits::default(),
    };
    Some(ProviderSetup { config, address: document.address.value.0, identity: identity? })
}

fn accounts(checks: &mut Checks, documents: Vec<ProviderAccountDocument>) -> Vec<Account> {
    checks.distinct(documents.iter().map(|account| &account.visible_id));
    let account = |ProviderAccountDocument { visible_id, password }| Account {
        visible_id: checks.visible_id(visible_id),
        password: checks.password(password),
    };
    documents.into_iter().map(account).collect()
}

fn gatekeepers(checks: &mut Checks, documents: Vec<GatekeeperAccessDocument>) -> Vec<GatekeeperAccess> {
    checks.distinct(documents.iter().map(|gatekeeper| &gatekeeper.audience));
    let access = |GatekeeperAccessDocument { audience, credential }| GatekeeperAccess {
        audience: audience.value.to_string(),
        credential: checks.secret(credential),
    };
    documents.into_iter().map(access).collect()
}
