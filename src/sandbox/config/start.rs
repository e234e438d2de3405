//! Starts what a configuration describes, at the addresses that stand in it.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::{GatekeeperSetup, ProviderSetup};
use crate::sandbox::gatekeeper::{self, Gatekeeper, Listeners};
use crate::sandbox::provider::{self, Provider};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Gatekeeper(#[from] gatekeeper::StartError),
    #[error(transparent)]
    Provider(#[from] provider::StartError),
}

impl GatekeeperSetup {
    /// Serves in tasks of the current runtime.
    pub async fn start(self) -> Result<Gatekeeper, StartError> {
        let listeners = Listeners { streams: listen(self.streams).await?, api: listen(self.api).await? };
        Ok(Gatekeeper::start(self.config, listeners, &self.identity)?)
    }
}

impl ProviderSetup {
    /// Serves in tasks of the current runtime.
    pub async fn start(self) -> Result<Provider, StartError> {
        Ok(Provider::start(self.config, listen(self.address).await?, &self.identity)?)
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}
