//! The gatekeeper's side: endpoints, connecting, TLS. One connection for each client, never pooled.

mod connect;
pub mod tls;

pub use connect::{ConnectError, Endpoint, Gatekeeper, UpstreamConfig};
