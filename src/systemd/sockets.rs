//! Sockets that the service manager has opened (sd_listen_fds(3)): they stay open when this process ends, so that clients
//! wait for the next one, or are taken by the one that runs beside it.

use std::io;
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use socket2::{Protocol, SockRef, Type};

/// The listening sockets that were handed over, until somebody takes them.
#[derive(Debug, Default)]
pub struct HandedOver(Vec<Named>);

#[derive(Debug)]
struct Named {
    /// As the service manager calls it.
    name: String,
    address: SocketAddr,
    socket: TcpListener,
}

/// What is wrong with a socket that was handed over.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("what the service manager says of the sockets that it hands over makes no sense")]
    Environment(#[source] io::Error),
    #[error("`{name}`, which was handed over, is no listening TCP socket")]
    NotListening { name: String },
    #[error(
        "the socket `{name}`, which was handed over, is for IPv6 and takes IPv4, too: that needs a socket of its own \
         (`BindIPv6Only=ipv6-only` in the socket unit)"
    )]
    BothFamilies { name: String },
    #[error(
        "the socket `{name}`, which was handed over, has the address {address}, and no listener in the configuration, nor \
         `admin`, has that"
    )]
    Unwanted { name: String, address: SocketAddr },
}

impl HandedOver {
    /// What the environment names. To be called once, while the process has a single thread, as the sockets are taken out of
    /// the environment.
    pub fn take() -> Result<Self, SocketError> {
        // The names come first: they would be gone with the rest.
        let names = sd_notify::listen_fds_with_names().map_err(SocketError::Environment)?;
        let names: Vec<String> = names.map(|(_, name)| name).collect();
        if names.is_empty() {
            return Ok(Self::default());
        }
        let mut sockets = ListenFd::from_env();
        let taken = names.into_iter().enumerate().map(|(number, name)| {
            let socket = sockets.take_tcp_listener(number).ok().flatten();
            Named::new(name, socket)
        });
        taken.collect::<Result<_, _>>().map(Self)
    }

    /// The socket with this address, if there is one.
    pub fn at(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let place = self.0.iter().position(|named| named.address == address)?;
        Some(self.0.swap_remove(place).socket)
    }

    /// Nobody else takes one.
    pub fn finish(self) -> Result<(), SocketError> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some(Named { name, address, .. }) => Err(SocketError::Unwanted { name, address }),
        }
    }
}

impl Named {
    fn new(name: String, socket: Option<TcpListener>) -> Result<Self, SocketError> {
        let listening = socket.filter(|socket| is_listening_tcp(socket).unwrap_or(false));
        let Some(socket) = listening else { return Err(SocketError::NotListening { name }) };
        let Some(address) = socket.set_nonblocking(true).and_then(|()| socket.local_addr()).ok() else {
            return Err(SocketError::NotListening { name });
        };
        // Limits of addresses are for one family: clients of IPv4 would share those of one network of IPv6.
        if address.is_ipv6() && !SockRef::from(&socket).only_v6().unwrap_or(false) {
            return Err(SocketError::BothFamilies { name });
        }
        Ok(Self { name, address, socket })
    }
}

fn is_listening_tcp(socket: &TcpListener) -> io::Result<bool> {
    let socket = SockRef::from(socket);
    Ok(socket.r#type()? == Type::STREAM
        && socket.protocol()? == Some(Protocol::TCP)
        && socket.is_listener()?)
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket};

    use super::*;

    fn named(name: &str, socket: impl Into<TcpListener>) -> Result<Named, SocketError> {
        Named::new(name.to_owned(), Some(socket.into()))
    }

    fn bound(address: &str) -> Socket {
        let address: SocketAddr = address.parse().unwrap();
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).unwrap();
        if address.is_ipv6() {
            socket.set_only_v6(false).unwrap();
        }
        socket.bind(&address.into()).unwrap();
        socket
    }

    #[test]
    fn a_socket_is_found_by_its_address_once_and_one_that_is_left_is_an_error() {
        let sockets = ["a", "b"].map(|name| named(name, TcpListener::bind("127.0.0.1:0").unwrap()).unwrap());
        let [first, second] = sockets.each_ref().map(|named| named.address);
        let mut handed_over = HandedOver(sockets.into());
        assert_eq!(handed_over.at(first).unwrap().local_addr().unwrap(), first);
        assert!(handed_over.at(first).is_none());
        let error = handed_over.finish().unwrap_err();
        assert!(
            matches!(&error, SocketError::Unwanted { name, address } if name == "b" && *address == second)
        );
    }

    #[test]
    fn what_does_not_listen_or_takes_both_families_is_refused() {
        assert!(matches!(named("a", bound("127.0.0.1:0")), Err(SocketError::NotListening { .. })));
        assert!(matches!(Named::new("a".to_owned(), None), Err(SocketError::NotListening { .. })));
        let both = bound("[::]:0");
        both.listen(1).unwrap();
        assert!(matches!(named("a", both), Err(SocketError::BothFamilies { .. })));
    }
}
