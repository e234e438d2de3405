//! Accepting connections: each gets a permit before a byte of it is read.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Connections that may wait to be accepted. The kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// One address that clients connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    pub address: SocketAddr,
    pub entry: Entry,
}

/// What comes before TLS on a listener's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Only these connect, and each connection begins with a PROXY header. `None`: clients connect themselves.
    pub proxies: Option<TrustedProxies>,
    pub tls: TlsBegin,
}

/// How TLS begins on a listener: one way, never guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsBegin {
    /// With the connection (XEP-0368).
    Direct,
    /// In a stream, before which nothing else can be done (RFC 6120, 5).
    StartTls,
}

/// The balancers whose PROXY headers are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// A listener of IPv6 sees an address of IPv4 as a mapped one (RFC 4291, 2.5.5.2); it is one of IPv4 here.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// A handle of an open listening socket. Each worker accepts from one of its own.
#[derive(Debug)]
pub struct Listener {
    socket: StdListener,
    entry: Entry,
}

impl Listener {
    pub fn bind(config: &ListenerConfig) -> io::Result<Self> {
        let address = config.address;
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // `[::]` means IPv6 only, wherever it runs: IPv4 has an address of its own in the configuration.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Listener { socket: socket.into(), entry: config.entry.clone() })
    }

    /// A listener on a socket that listens already and does not block.
    pub fn on(socket: StdListener, config: &ListenerConfig) -> Self {
        Listener { socket, entry: config.entry.clone() }
    }

    /// The address that is listened on, with the real port where the configuration says 0.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// One more handle of the same socket, for another worker.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Listener { socket: self.socket.try_clone()?, entry: self.entry.clone() })
    }

    /// Hands the socket to the current runtime, and tells what its connections begin with.
    pub fn into_acceptor(self) -> io::Result<(TcpListener, Entry)> {
        Ok((TcpListener::from_std(self.socket)?, self.entry))
    }
}

/// How many connections may be open at once, over all listeners.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Slots>);

#[derive(Debug)]
struct Slots {
    limit: AtomicUsize,
    open: AtomicUsize,
    /// Told each time that none is open any more.
    all_closed: Notify,
}

/// The right to serve one connection. Given back when it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit(Arc<Slots>);

impl Connections {
    pub fn new(limit: usize) -> Self {
        let (limit, open) = (AtomicUsize::new(limit), AtomicUsize::new(0));
        Connections(Arc::new(Slots { limit, open, all_closed: Notify::new() }))
    }

    /// From here on so many may be open. Those that are too many then stay open.
    pub fn set_limit(&self, limit: usize) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// `None`: as many are open as may be.
    pub fn permit(&self) -> Option<ConnectionPermit> {
        let limit = self.0.limit.load(Ordering::Relaxed);
        let one_more = |open: usize| open.checked_add(1).filter(|&open| open <= limit);
        self.0.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(ConnectionPermit(Arc::clone(&self.0)))
    }

    /// Waits until every permit was given back.
    pub async fn all_closed(&self) {
        loop {
            // Registered before it looks, so that the last one to close is not missed.
            let closed = self.0.all_closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if self.0.open.load(Ordering::Acquire) == 0 {
                return;
            }
            closed.await;
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.all_closed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_open_as_may_be_also_after_the_limit_has_changed() {
        let connections = Connections::new(2);
        let mut open = vec![connections.permit().unwrap(), connections.permit().unwrap()];
        assert!(connections.permit().is_none());
        connections.set_limit(1);
        open.pop();
        assert!(connections.permit().is_none());
        connections.set_limit(2);
        assert!(connections.permit().is_some());
    }

    #[tokio::test]
    async fn that_all_are_closed_is_told_to_all_who_wait() {
        let connections = Connections::new(2);
        connections.all_closed().await;
        let open = connections.permit();
        let waiting = [connections.clone(), connections.clone()]
            .map(|connections| tokio::spawn(async move { connections.all_closed().await }));
        tokio::task::yield_now().await;
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
        drop(open);
        for waiting in waiting {
            waiting.await.unwrap();
        }
    }

    #[test]
    fn networks_hold_single_addresses_and_mapped_ones() {
        let networks = ["192.0.2.0/24", "198.51.100.1/32", "2001:db8::/32"];
        let trusted = TrustedProxies::new(networks.map(|network| network.parse().unwrap()));
        for inside in ["192.0.2.255", "198.51.100.1", "2001:db8:1::1", "::ffff:192.0.2.1"] {
            assert!(trusted.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["192.0.3.0", "198.51.100.2", "2001:db9::1", "::192.0.2.1", "::ffff:192.0.3.1"] {
            assert!(!trusted.contains(outside.parse().unwrap()), "{outside}");
        }
    }
}
