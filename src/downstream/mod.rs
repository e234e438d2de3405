//! The clients' side: listening, the TLS handshake, and what was observed of the connection.

pub mod tls;

use std::net::SocketAddr;

/// One address that clients connect to (direct TLS).
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    pub address: SocketAddr,
}
