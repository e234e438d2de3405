//! What every connection of either side is set to.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// A peer that is silent is asked for an answer so many times, in equal parts of the time that it may be silent.
const QUESTIONS: u32 = 4;

/// The protocol's name in TLS (XEP-0368). A client that names others only is refused; one that names none is served.
pub const ALPN: &[u8] = ALPN_NAME.as_bytes();
pub const ALPN_NAME: &str = "xmpp-client";

/// What rustls may hold of what is to be written, in bytes: one record. What leaves it is not seen until all of it has
/// left, so with more of it a slow reader would be taken for a stalled one.
pub const WRITE_BUFFER: usize = 16 * 1024;

/// Small writes leave at once, and a peer that has vanished is noticed: sent bytes may stay unacknowledged for
/// `peer_timeout` (RFC 5482), and after as long a silence the kernel asks whether the peer is still there.
pub fn prepare(socket: &impl AsFd, peer_timeout: Duration) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    // The kernel counts whole seconds here, and refuses none.
    let interval = (peer_timeout / QUESTIONS).max(Duration::from_secs(1));
    let time = peer_timeout.max(Duration::from_secs(1));
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time).with_interval(interval))?;
    socket.set_tcp_user_timeout(Some(peer_timeout))
}
