//! Reaching a gatekeeper: its endpoints in order, all within one time, few at once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::tls::{Connector, GatekeeperStream};
use crate::socket;

/// How many connections to one gatekeeper may be in the making at once; further ones wait, within their time.
const CONCURRENT: usize = 512;

/// How one gatekeeper is reached.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Tried in order.
    pub endpoints: Vec<Endpoint>,
    /// For all of it: waiting for its turn, resolution of the name, TCP and TLS.
    pub connect_timeout: Duration,
    pub tls: Connector,
}

/// A host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
}

/// Why a gatekeeper could not be reached, as a closed list: for metrics and diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ConnectError {
    #[error("the endpoint's name could not be resolved")]
    Resolution,
    #[error("the connection was refused or broke")]
    Connection,
    #[error("the certificate or the handshake failed")]
    Tls,
    #[error("not connected in time")]
    Timeout,
}

/// A gatekeeper, shared by all its clients' sessions.
#[derive(Debug)]
pub struct Gatekeeper {
    config: Arc<UpstreamConfig>,
    turns: Semaphore,
}

impl Gatekeeper {
    pub fn new(config: Arc<UpstreamConfig>) -> Self {
        Gatekeeper { config, turns: Semaphore::new(CONCURRENT) }
    }

    /// A connection for one client.
    pub async fn connect(&self) -> Result<GatekeeperStream, ConnectError> {
        let attempt = async {
            // The semaphore is never closed: an error cannot come from there.
            let _turn = self.turns.acquire().await.map_err(|_| ConnectError::Connection)?;
            self.try_endpoints().await
        };
        timeout(self.config.connect_timeout, attempt).await.unwrap_or(Err(ConnectError::Timeout))
    }

    async fn try_endpoints(&self) -> Result<GatekeeperStream, ConnectError> {
        let mut last = ConnectError::Resolution;
        for endpoint in &self.config.endpoints {
            match self.try_endpoint(endpoint).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn try_endpoint(&self, endpoint: &Endpoint) -> Result<GatekeeperStream, ConnectError> {
        let addresses = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port))
            .await
            .map_err(|_| ConnectError::Resolution)?;
        let mut last = ConnectError::Resolution;
        for address in addresses {
            let connected: io::Result<TcpStream> = async {
                let stream = TcpStream::connect(address).await?;
                socket::prepare(&stream)?;
                Ok(stream)
            }
            .await;
            last = match connected {
                Ok(stream) => match self.config.tls.connect(stream).await {
                    Ok(stream) => return Ok(stream),
                    Err(_) => ConnectError::Tls,
                },
                Err(_) => ConnectError::Connection,
            };
        }
        Err(last)
    }
}
