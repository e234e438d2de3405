use std::sync::Arc;

use rustls_pki_types::{CertificateDer, ServerName};

/// Whom the gatekeeper's certificate must be signed by.
#[derive(Clone)]
pub enum Roots {
    /// The system's store.
    System,
    These(Vec<CertificateDer<'static>>),
}

/// TLS to one gatekeeper: its name, its roots, one client configuration with resumption.
#[derive(Clone, Debug)]
pub struct Connector {
    server_name: ServerName<'static>,
    config: Arc<rustls::ClientConfig>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    #[error("no root certificate could be used")]
    NoRoots,
}

impl Connector {
    pub fn new(_server_name: ServerName<'static>, _roots: Roots) -> Result<Self, ConnectorError> {
        todo!()
    }
}
