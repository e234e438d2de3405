//! Accepting connections: each gets a permit before a byte of it is read.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that may wait to be accepted. The kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// One address that clients connect to, by direct TLS (XEP-0368).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    pub address: SocketAddr,
}

/// A handle of an open listening socket. Each worker accepts from one of its own.
#[derive(Debug)]
pub struct Listener {
    socket: StdListener,
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
        Ok(Listener { socket: socket.into() })
    }

    /// The address that is listened on, with the real port where the configuration says 0.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// One more handle of the same socket, for another worker.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Listener { socket: self.socket.try_clone()? })
    }

    /// Hands the socket to the current runtime.
    pub fn into_acceptor(self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.socket)
    }
}

/// How many connections may be open at once, over all listeners.
#[derive(Clone, Debug)]
pub struct Connections {
    free: Arc<Semaphore>,
    limit: usize,
}

/// The right to serve one connection. Given back when it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    _slot: OwnedSemaphorePermit,
}

impl Connections {
    /// More than tokio can count is as good as no limit.
    pub fn new(limit: usize) -> Self {
        let limit = limit.min(u32::MAX as usize).min(Semaphore::MAX_PERMITS);
        Connections { free: Arc::new(Semaphore::new(limit)), limit }
    }

    /// `None`: as many are open as may be.
    pub fn permit(&self) -> Option<ConnectionPermit> {
        let slot = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(ConnectionPermit { _slot: slot })
    }

    /// Waits until every permit was given back.
    pub async fn all_closed(&self) {
        // The semaphore is never closed, so that this cannot fail.
        let _ = self.free.acquire_many(self.limit as u32).await;
    }
}
