//! Reaching a gatekeeper: its endpoints in order, all within one time, few at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

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
        let deadline = Instant::now() + self.config.connect_timeout;
        let attempt = async {
            // The semaphore is never closed: an error cannot come from there.
            let _turn = self.turns.acquire().await.map_err(|_| ConnectError::Connection)?;
            self.try_endpoints(deadline).await
        };
        timeout_at(deadline, attempt).await.unwrap_or(Err(ConnectError::Timeout))
    }

    /// Each endpoint, and each of its addresses, has an equal share of the time that is left: one that does not answer
    /// leaves enough for the next.
    async fn try_endpoints(&self, deadline: Instant) -> Result<GatekeeperStream, ConnectError> {
        let endpoints = &self.config.endpoints;
        let mut last = ConnectError::Resolution;
        for (tried, endpoint) in endpoints.iter().enumerate() {
            let until = share(deadline, endpoints.len() - tried);
            match timeout_at(until, self.try_endpoint(endpoint, until)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = ConnectError::Timeout,
            }
        }
        Err(last)
    }

    async fn try_endpoint(
        &self,
        endpoint: &Endpoint,
        deadline: Instant,
    ) -> Result<GatekeeperStream, ConnectError> {
        let addresses: Vec<_> = lookup_host((endpoint.host.as_str(), endpoint.port))
            .await
            .map_err(|_| ConnectError::Resolution)?
            .collect();
        let mut last = ConnectError::Resolution;
        for (tried, address) in addresses.iter().enumerate() {
            let until = share(deadline, addresses.len() - tried);
            match timeout_at(until, self.try_address(*address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = ConnectError::Timeout,
            }
        }
        Err(last)
    }

    async fn try_address(&self, address: SocketAddr) -> Result<GatekeeperStream, ConnectError> {
        let stream = TcpStream::connect(address).await.map_err(|_| ConnectError::Connection)?;
        socket::prepare(&stream).map_err(|_| ConnectError::Connection)?;
        self.config.tls.connect(stream).await.map_err(|_| ConnectError::Tls)
    }
}

/// The end of one candidate's share of the time until `deadline`, when so many are left to try.
fn share(deadline: Instant, candidates: usize) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    now + left / u32::try_from(candidates).unwrap_or(u32::MAX).max(1)
}
