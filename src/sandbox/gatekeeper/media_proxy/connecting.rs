//! Connecting to an origin. The name is looked up once, and the connection is made to an address that was looked at: what
//! the name leads to a moment later is nobody's concern.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::addresses::Addresses;
use super::origins::Target;
use super::{FetchError, Resolve};

/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;

pub async fn connect(
    target: &Target,
    resolver: &dyn Resolve,
    addresses: &Addresses,
) -> Result<TlsStream<TcpStream>, FetchError> {
    let found = match target.host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => resolver.resolve(&target.host).await.map_err(|_| FetchError::Unreachable)?,
    };
    let mut refused = FetchError::Address;
    for address in found.into_iter().filter(|address| addresses.allow(*address)).take(MOST_ADDRESSES) {
        match TcpStream::connect(SocketAddr::new(address, target.port)).await {
            Ok(stream) => return secure(stream, target).await,
            Err(_) => refused = FetchError::Unreachable,
        }
    }
    Err(refused)
}

/// TLS, for the name that stands in the URL, whatever address that has led to.
async fn secure(stream: TcpStream, target: &Target) -> Result<TlsStream<TcpStream>, FetchError> {
    let connector = TlsConnector::from(target.tls.clone());
    connector.connect(target.name.clone(), stream).await.map_err(|_| FetchError::Unreachable)
}
