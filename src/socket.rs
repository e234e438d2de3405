//! What every connection of either side is set to.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// How long a connection may be silent before the kernel asks whether the peer is still there, and between questions.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// How long sent bytes may stay unacknowledged before the kernel gives the connection up (RFC 5482).
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// The protocol's name in TLS (XEP-0368). A client that names others only is refused; one that names none is served.
pub const ALPN: &[u8] = ALPN_NAME.as_bytes();
pub const ALPN_NAME: &str = "xmpp-client";

/// What rustls may hold of what is to be written, in bytes: one record. What leaves it is not seen until all of it has
/// left, so with more of it a slow reader would be taken for a stalled one.
pub const WRITE_BUFFER: usize = 16 * 1024;

/// Small writes leave at once, and dead peers are noticed.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL))?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}
