//! The gatekeeper's side: endpoints, connecting, TLS.

pub mod tls;

use std::time::Duration;

/// How one gatekeeper is reached.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Tried in order.
    pub endpoints: Vec<Endpoint>,
    /// All of it: name resolution, TCP and TLS.
    pub connect_timeout: Duration,
    pub tls: tls::Connector,
}

/// A host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
}
