//! A provider: accounts with visible identifiers, signed tokens with published keys, and a place for pushes.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use super::certificates::{CertificateError, Identity};
use super::http::Server;
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

/// The provider could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the provider cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// A running provider. Dropping it ends it.
pub struct Provider {
    server: Server,
}

impl Provider {
    /// Serves in tasks of the current runtime.
    pub fn start(_config: Config, listener: TcpListener, identity: &Identity) -> Result<Self, StartError> {
        let server = Server::start(listener, identity.server_config()?, Router::new())?;
        Ok(Self { server })
    }

    /// Where its HTTP interface is served.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }
}
