//! The floor: the least that a proxy built on tokio and rustls can do. It joins a TLS connection to a TLS connection
//! and copies bytes; it has no limits, no time-outs and no idea of what passes.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::tls::DOMAIN;

/// Both legs of the pump.
#[derive(Clone)]
pub struct Pump {
    pub downstream: Arc<ServerConfig>,
    pub upstream: Arc<ClientConfig>,
    pub gatekeeper: SocketAddr,
}

impl Pump {
    /// Serves until the task is dropped.
    pub async fn serve(self, listener: TcpListener) -> Result<()> {
        loop {
            let (connection, _) = listener.accept().await?;
            let pump = self.clone();
            tokio::spawn(async move { pump.join(connection).await });
        }
    }

    async fn join(self, connection: TcpStream) -> Result<()> {
        connection.set_nodelay(true)?;
        let mut downstream = TlsAcceptor::from(self.downstream).accept(connection).await?;
        let connection = TcpStream::connect(self.gatekeeper).await?;
        connection.set_nodelay(true)?;
        let name = ServerName::try_from(DOMAIN)?;
        let mut upstream = TlsConnector::from(self.upstream).connect(name, connection).await?;
        copy_bidirectional(&mut downstream, &mut upstream).await?;
        Ok(())
    }
}
