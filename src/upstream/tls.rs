//! TLS towards a gatekeeper: its name, its roots, one client configuration with resumption.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::socket::{ALPN, WRITE_BUFFER};

/// An established connection to a gatekeeper.
pub type GatekeeperStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Whom the gatekeeper's certificate must be signed by.
#[derive(Clone)]
pub enum Roots {
    /// The system's store.
    System,
    /// These only.
    These(Vec<CertificateDer<'static>>),
}

/// TLS to one gatekeeper.
#[derive(Clone)]
pub struct Connector {
    server_name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

/// Why there can be no TLS to the gatekeeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    #[error("no root certificate can be used")]
    NoRoots,
    #[error("the TLS library refuses its own defaults")]
    Provider,
}

impl Connector {
    pub fn new(server_name: ServerName<'static>, roots: Roots) -> Result<Self, ConnectorError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|_| ConnectorError::Provider)?
            .with_root_certificates(store(roots)?)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Connector { server_name, config: Arc::new(config) })
    }

    /// The whole handshake; the caller bounds its time.
    pub async fn connect(&self, stream: TcpStream) -> std::io::Result<GatekeeperStream> {
        TlsConnector::from(Arc::clone(&self.config))
            .connect_with(self.server_name.clone(), stream, |connection| {
                connection.set_buffer_limit(Some(WRITE_BUFFER));
            })
            .await
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

fn store(roots: Roots) -> Result<RootCertStore, ConnectorError> {
    let certificates = match roots {
        // Certificates of the system that cannot be read are no reason not to use the others.
        Roots::System => rustls_native_certs::load_native_certs().certs,
        Roots::These(certificates) => certificates,
    };
    let mut store = RootCertStore::empty();
    let (added, _ignored) = store.add_parsable_certificates(certificates);
    if added == 0 { Err(ConnectorError::NoRoots) } else { Ok(store) }
}
