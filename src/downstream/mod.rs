//! The clients' side: listening, permits, and the TLS handshake. What the streams say is not its business.

mod listener;
pub mod tls;

pub use listener::{ConnectionPermit, Connections, Listener, ListenerConfig};
