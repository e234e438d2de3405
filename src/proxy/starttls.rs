//! STARTTLS with a client: what it is held to, and what is written down when it comes to nothing.

use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpStream;

use crate::downstream::starttls::{self, StartTlsError, Terms};
use crate::framing;
use crate::limit::Limits;
use crate::telemetry::metrics::HandshakeResult;

use super::record::{self, Connection};
use super::server::{self, Server};

/// The largest header, and the largest element, in bytes. What is held before TLS is not counted in `memory`, as it is no
/// session's yet; it is as little as every session may hold uncounted.
const LARGEST: usize = 8 * 1024;

/// The name of the host that the client has named in the stream before TLS.
pub(super) async fn negotiate(
    server: &Server,
    stream: &mut TcpStream,
    connection: &Connection,
) -> Result<Box<str>, HandshakeResult> {
    // Without randomness there would be no TLS either.
    let random = server::random().map_err(|_| HandshakeResult::StartTlsLost)?;
    let configuration = &connection.configuration;
    let Limits { timeouts, before_authentication: limits, .. } = &*configuration.limits;
    let deadline = (Instant::now() + timeouts.header).min(connection.accepted + timeouts.authentication);
    let terms = Terms {
        vocabulary: Arc::clone(&configuration.vocabulary),
        limits: framing::Limits {
            header_bytes: limits.header_bytes.min(LARGEST),
            stanza_bytes: limits.stanza_bytes.min(LARGEST),
            ..*limits
        },
        deadline: deadline.into(),
        stream_id: u128::from_be_bytes(random),
        find: |to: &str| configuration.find_host(to),
    };
    let failed = match starttls::negotiate(stream, terms).await {
        Ok(host) => return Ok(host),
        Err(failed) => failed,
    };
    record::starttls(server, connection, &failed);
    Err(match failed.error {
        StartTlsError::Timeout => HandshakeResult::StartTlsTimeout,
        StartTlsError::Injected => HandshakeResult::StartTlsInjected,
        StartTlsError::Closed | StartTlsError::Lost => HandshakeResult::StartTlsLost,
        _ => HandshakeResult::StartTlsRefused,
    })
}
