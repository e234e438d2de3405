//! Who a connection is from where a balancer stands before Vestibule: the PROXY header, which comes before TLS.
//!
//! Only a listener that is told to expect a header reads one, and then every connection has to have one: whether it is
//! there is never guessed. Of what the header says only the client's address is kept.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::downstream::proxy_header::{ProxyHeader, ProxyHeaderError};
use crate::telemetry::metrics::ConnectionRefusal;
use crate::upstream::Provenance;

use super::connection::refuse;
use super::record::Connection;
use super::server::Server;

/// What a trusted balancer's connection turned out to be.
enum Introduction {
    /// A client's, from this address.
    Client(SocketAddr),
    /// The balancer's own (LOCAL): nobody else stands behind it.
    Balancer,
    /// A client's of whom the balancer says nothing (UNKNOWN, a Unix socket). The balancer's address is not the client's,
    /// so nothing is told of it.
    Unknown,
    /// One of its health checks: it ended before anything of TLS came.
    HealthCheck,
}

/// Reads the header within the time for the TLS handshake that follows it, and for authentication. `None` if there is nothing more to do.
pub(super) async fn read(server: &Server, stream: &mut TcpStream, connection: &mut Connection) -> Option<()> {
    let timeouts = connection.configuration.limits.timeouts;
    let deadline = connection.accepted + timeouts.tls_handshake.min(timeouts.authentication);
    match introduce(stream, deadline.into()).await {
        Ok(Introduction::Client(address)) => {
            connection.peer = address;
            connection.provenance = Provenance::Balancer;
            Some(())
        }
        Ok(Introduction::Balancer) => {
            connection.provenance = Provenance::Observed;
            Some(())
        }
        Ok(Introduction::Unknown) => Some(()),
        Ok(Introduction::HealthCheck) => {
            server.metrics.health_checked();
            None
        }
        Err(reason) => {
            refuse(server, connection, reason);
            None
        }
    }
}

async fn introduce(stream: &mut TcpStream, deadline: Instant) -> Result<Introduction, ConnectionRefusal> {
    // A check may do without a header as well.
    match timeout_at(deadline, has_ended(stream)).await {
        Err(_) => return Err(ConnectionRefusal::ProxyHeaderTimeout),
        Ok(true) => return Ok(Introduction::HealthCheck),
        Ok(false) => {}
    }
    let header = timeout_at(deadline, ProxyHeader::read(stream)).await;
    let header = header.map_err(|_| ConnectionRefusal::ProxyHeaderTimeout)?.map_err(reason)?;
    if let Some(ends) = header.addresses {
        return Ok(Introduction::Client(ends.source));
    }
    // A connection on which nothing follows for long is left to the handshake's time limit.
    let ended = timeout_at(deadline, has_ended(stream)).await.unwrap_or(false);
    Ok(match (ended, header.local) {
        (true, _) => Introduction::HealthCheck,
        (false, true) => Introduction::Balancer,
        (false, false) => Introduction::Unknown,
    })
}

/// Waits for the next byte, and leaves it where it is. True if the connection ends in its place.
async fn has_ended(stream: &TcpStream) -> bool {
    !matches!(stream.peek(&mut [0]).await, Ok(1..))
}

fn reason(error: ProxyHeaderError) -> ConnectionRefusal {
    match error {
        ProxyHeaderError::Missing => ConnectionRefusal::NoProxyHeader,
        ProxyHeaderError::Cut
        | ProxyHeaderError::TooLong
        | ProxyHeaderError::Malformed
        | ProxyHeaderError::Damaged => ConnectionRefusal::BadProxyHeader,
    }
}
