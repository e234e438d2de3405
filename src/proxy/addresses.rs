//! What a client's address may: asked before TLS, so that whoever is over it costs next to nothing.

use std::time::Instant;

use crate::limit::AddressPermit;

use super::connection::refuse;
use super::record::Connection;
use super::server::Server;

/// The right of the client's address to this connection. Without it, the connection is closed without a word.
pub(super) fn admit(server: &Server, connection: &Connection) -> Option<AddressPermit> {
    let addresses = &connection.configuration.addresses;
    let admitted = addresses.admit(connection.peer.ip(), Instant::now());
    admitted.map_err(|refusal| refuse(server, connection, refusal.into())).ok()
}
