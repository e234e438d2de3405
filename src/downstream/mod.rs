//! The clients' side: listening, permits, balancers' PROXY headers, STARTTLS, and the TLS handshake. What the streams in
//! TLS say is not its business.

mod listener;
pub mod proxy_header;
pub mod starttls;
pub mod tickets;
pub mod tls;

pub use listener::{
    ConnectionPermit, Connections, Entry, Listener, ListenerConfig, TlsBegin, TrustedProxies,
};
