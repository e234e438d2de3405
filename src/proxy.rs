//! Composition root: builds every part from [`Config`]; runs and drains.

use std::net::SocketAddr;

use crate::config::Config;

/// A running proxy. Dropping it does not stop it; [`stop`](Self::stop) does.
pub struct Proxy {}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
}

impl Proxy {
    /// Opens the listeners and serves in the background, on worker threads of its own.
    pub fn start(_config: Config) -> Result<Self, StartError> {
        todo!()
    }
    /// The addresses that are really listened on (port 0 resolved), in the configuration's order.
    pub fn listeners(&self) -> &[SocketAddr] {
        todo!()
    }
    pub fn admin(&self) -> Option<SocketAddr> {
        todo!()
    }
    /// Stops accepting, ends the sessions with `system-shutdown`, returns when all is written.
    pub async fn stop(self) {
        todo!()
    }
}
