//! The sockets that lead to a gatekeeper: set up before they connect, from the configured source addresses.
//!
//! One address has some 28,000 ports for connections to one endpoint (`net.ipv4.ip_local_port_range`). Who serves more
//! clients configures more source addresses.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};

use super::fault::ConnectionFault;
use crate::socket;

/// The addresses that connections to one gatekeeper come from, in turn. None: the system chooses.
#[derive(Debug)]
pub struct Sources {
    addresses: Vec<IpAddr>,
    turn: AtomicUsize,
    peer_timeout: Duration,
}

/// Why there is no TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialError {
    /// No source address could be used: none is of the endpoint's family, or local, or has a port left.
    Source,
    /// This machine gives no socket: too many files are open, memory is short, or the endpoint's family is missing.
    Local,
    /// The endpoint refuses, or cannot be reached.
    Connection(ConnectionFault),
}

impl Sources {
    /// `peer_timeout` as [`socket::prepare`] takes it.
    pub fn new(addresses: Vec<IpAddr>, peer_timeout: Duration) -> Self {
        Sources { addresses, turn: AtomicUsize::new(0), peer_timeout }
    }

    /// A TCP connection to the endpoint. The caller bounds its time.
    pub async fn dial(&self, endpoint: SocketAddr) -> Result<TcpStream, DialError> {
        if self.addresses.is_empty() {
            return self.dial_from(None, endpoint).await;
        }
        for source in self.in_turn(endpoint) {
            match self.dial_from(Some(source), endpoint).await {
                // Not an address of this machine, or no port of it left: the next one may do.
                Err(DialError::Source) => {}
                dialled => return dialled,
            }
        }
        Err(DialError::Source)
    }

    /// Without a source, the system chooses one.
    async fn dial_from(&self, source: Option<IpAddr>, endpoint: SocketAddr) -> Result<TcpStream, DialError> {
        let socket = self.socket(endpoint, source).map_err(|error| blame(&error, |_| DialError::Local))?;
        socket.connect(endpoint).await.map_err(|error| blame(&error, DialError::connection))
    }

    /// The addresses of the endpoint's family, beginning with another one each time.
    fn in_turn(&self, endpoint: SocketAddr) -> impl Iterator<Item = IpAddr> {
        let fits = |address: &&IpAddr| address.is_ipv4() == endpoint.is_ipv4();
        let fitting: Vec<IpAddr> = self.addresses.iter().filter(fits).copied().collect();
        let count = fitting.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(count).unwrap_or(0);
        fitting.into_iter().cycle().skip(first).take(count)
    }

    fn socket(&self, endpoint: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpSocket> {
        let socket = Socket::new(Domain::for_address(endpoint), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket::prepare(&socket, self.peer_timeout)?;
        if let Some(source) = source {
            // The port is chosen when the endpoint is known, so that each endpoint has all ports for itself. On a
            // system without the option, all endpoints together have as many.
            let _ = setsockopt(&socket, IpBindAddressNoPort, &true);
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        Ok(TcpSocket::from_std_stream(socket.into()))
    }
}

/// What is to blame for an error: the source address where it says so, whichever call it comes from, as the port may be
/// chosen by either.
fn blame(error: &io::Error, otherwise: fn(ErrorKind) -> DialError) -> DialError {
    match error.kind() {
        ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => DialError::Source,
        kind => otherwise(kind),
    }
}

impl DialError {
    fn connection(kind: ErrorKind) -> Self {
        DialError::Connection(kind.into())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(7);

    fn sources(addresses: &[&str]) -> Sources {
        Sources::new(addresses.iter().map(|address| address.parse().unwrap()).collect(), TIMEOUT)
    }

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn a_connection_has_its_options_before_it_is_made() {
        let (_listener, endpoint) = listener();
        let made = sources(&["127.0.0.1"]).socket(endpoint, Some(IpAddr::from([127, 0, 0, 1]))).unwrap();
        let connected = sources(&[]).dial(endpoint).await.unwrap();
        for socket in [socket2::SockRef::from(&made), socket2::SockRef::from(&connected)] {
            assert!(socket.tcp_nodelay().unwrap());
            assert!(socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), TIMEOUT);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(TIMEOUT));
        }
    }

    #[tokio::test]
    async fn connections_come_from_the_addresses_in_turn() {
        let (listener, endpoint) = listener();
        let sources = sources(&["127.0.0.2", "::1", "127.0.0.3"]);
        let mut came_from = Vec::new();
        for _ in 0..4 {
            let stream = sources.dial(endpoint).await.unwrap();
            let (_, peer) = listener.accept().unwrap();
            assert_eq!(stream.local_addr().unwrap(), peer);
            came_from.push(peer.ip().to_string());
        }
        assert_eq!(came_from, ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"]);
    }

    #[tokio::test]
    async fn an_address_that_is_not_local_is_passed_over() {
        let (_listener, endpoint) = listener();
        let sources = sources(&["192.0.2.1", "127.0.0.2"]);
        for _ in 0..2 {
            let stream = sources.dial(endpoint).await.unwrap();
            assert_eq!(stream.local_addr().unwrap().ip().to_string(), "127.0.0.2");
        }
    }

    #[tokio::test]
    async fn without_an_address_that_can_be_used_the_sources_are_to_blame() {
        let (_listener, endpoint) = listener();
        for addresses in [&["192.0.2.1"][..], &["::1"]] {
            assert_eq!(sources(addresses).dial(endpoint).await.err(), Some(DialError::Source));
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_refuses_is_to_blame_itself() {
        let (listener, endpoint) = listener();
        drop(listener);
        for addresses in [&[][..], &["127.0.0.2"]] {
            assert_eq!(
                sources(addresses).dial(endpoint).await.err(),
                Some(DialError::Connection(ConnectionFault::Refused))
            );
        }
    }

    #[test]
    fn whoever_chooses_the_address_the_endpoint_is_not_to_blame_for_it() {
        for kind in [ErrorKind::AddrNotAvailable, ErrorKind::AddrInUse] {
            assert_eq!(blame(&kind.into(), DialError::connection), DialError::Source);
        }
        let refused = DialError::Connection(ConnectionFault::Refused);
        assert_eq!(blame(&ErrorKind::ConnectionRefused.into(), DialError::connection), refused);
    }

    #[tokio::test]
    async fn two_connections_from_one_port_go_to_two_endpoints() {
        let ((_first, one), (_second, other)) = (listener(), listener());
        let source = IpAddr::from([127, 0, 0, 4]);
        let sources = Sources::new(vec![source], TIMEOUT);
        let socket = sources.socket(one, Some(source)).unwrap();
        // Without the option, the port is taken by then.
        assert_eq!(socket.local_addr().unwrap().port(), 0);
        assert!(sources.dial(other).await.is_ok());
    }
}
