//! Looking at a gatekeeper without a client: every endpoint, every address, up to the first stream features. For
//! `vestibule check --connect`; nothing that serves clients comes here.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::ConnectError;
use super::connect::{ConnectRequest, UpstreamConfig, establish};
use super::endpoints::{Endpoint, ranked_addresses};
use super::fault::TlsFault;
use super::resolve::{ResolutionError, Resolver};
use super::source::Sources;
use super::starttls::OPENING;
use super::tls::{Established, GatekeeperStream};
use crate::framing::{Decoded, FrameDecoder, FrameKind};
use crate::stanza::{Mechanisms, Name, StreamHeader, vocabulary};

/// How long a gatekeeper may take for its header and features.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nobody's address (RFC 5737): the order does not matter where all are tried.
const NO_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 0));

/// One endpoint, and what became of each of its addresses.
pub struct ProbedEndpoint {
    pub endpoint: Endpoint,
    pub addresses: Result<Vec<ProbedAddress>, ResolutionError>,
}

pub struct ProbedAddress {
    pub address: SocketAddr,
    pub reached: Result<Reached, ConnectError>,
}

/// A gatekeeper that was reached.
pub struct Reached {
    pub tls: Established,
    /// What it offers for authentication.
    pub offer: Result<Mechanisms, OfferError>,
}

/// Why a gatekeeper that was reached is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    #[error("no stream features in time")]
    Timeout,
    #[error("the connection ended before the stream features")]
    Closed,
    #[error("what it sends is not XMPP as Vestibule admits it")]
    Refused,
    #[error("it answers the stream with an error")]
    StreamError,
    #[error(transparent)]
    Tls(TlsFault),
}

impl OfferError {
    fn of(error: &io::Error) -> Self {
        TlsFault::of(error).map_or(Self::Closed, Self::Tls)
    }
}

/// Tries every address of every endpoint, one after the other, and opens a stream to `host` on each.
pub async fn probe(
    config: &UpstreamConfig,
    resolver: &Resolver,
    host: &str,
) -> Result<Vec<ProbedEndpoint>, ResolutionError> {
    let sources = Sources::new(config.source_addresses.clone(), config.peer_timeout);
    let mut probed = Vec::new();
    for endpoint in config.endpoints.ranked(resolver, NO_CLIENT).await? {
        let addresses = match ranked_addresses(&endpoint, resolver, NO_CLIENT).await {
            Ok(addresses) => Ok(probe_addresses(config, &sources, host, addresses).await),
            Err(error) => Err(error),
        };
        probed.push(ProbedEndpoint { endpoint, addresses });
    }
    Ok(probed)
}

async fn probe_addresses(
    config: &UpstreamConfig,
    sources: &Sources,
    host: &str,
    addresses: Vec<SocketAddr>,
) -> Vec<ProbedAddress> {
    let mut probed = Vec::new();
    let header = config.signals.header(None);
    let vocabulary = Arc::new(vocabulary(&[], &[]));
    let request = ConnectRequest { client: NO_CLIENT, host, header: &header, vocabulary: &vocabulary };
    for address in addresses {
        let established = timeout(config.connect_timeout, establish(config, sources, request, address)).await;
        let reached = match established.unwrap_or(Err(ConnectError::Timeout)) {
            Ok(stream) => Ok(look_at(stream, host).await),
            Err(error) => Err(error),
        };
        probed.push(ProbedAddress { address, reached });
    }
    probed
}

async fn look_at(mut stream: GatekeeperStream, host: &str) -> Reached {
    let tls = Established::of(&stream);
    let asked = timeout(PATIENCE, ask(&mut stream, host)).await;
    // The stream is left as a client would leave it; whether that still arrives does not matter.
    let leaving = async {
        stream.write_all(b"</stream:stream>").await?;
        stream.shutdown().await
    };
    let _ = timeout(PATIENCE, leaving).await;
    Reached { tls, offer: asked.unwrap_or(Err(OfferError::Timeout)) }
}

/// Opens a stream and reads up to its features, through the gate.
async fn ask(stream: &mut GatekeeperStream, host: &str) -> Result<Mechanisms, OfferError> {
    let mut header = Vec::new();
    StreamHeader::initiating(host).write(&mut header);
    // Who refuses our certificate says so behind the handshake (RFC 8446, 4.4.2.4), and may have hung up by now: that is
    // still there to be read.
    if stream.write_all(&header).await.is_ok() {
        let _ = stream.flush().await;
    }
    let mut decoder = FrameDecoder::new(Arc::new(vocabulary(&[], &[])), OPENING);
    loop {
        let input = stream.fill_buf().await.map_err(|error| OfferError::of(&error))?;
        if input.is_empty() {
            return Err(OfferError::Closed);
        }
        let (taken, decoded) = decoder.decode(input).map_err(|_| OfferError::Refused)?;
        if let Some(offer) = decoded.and_then(|decoded| offer(&decoded)) {
            return offer;
        }
        decoder.release();
        stream.consume(taken);
    }
}

/// What a frame means here. `None`: another one has to be read.
fn offer(decoded: &Decoded<'_>) -> Option<Result<Mechanisms, OfferError>> {
    let Decoded::Frame(frame) = decoded else { return None };
    match (frame.kind, Name::of(frame.outline.name)) {
        (FrameKind::Header, _) => None,
        (FrameKind::Element, Some(Name::Features)) => {
            Some(Mechanisms::offered(frame).map_err(|_| OfferError::Refused))
        }
        (FrameKind::Element, Some(Name::StreamError)) => Some(Err(OfferError::StreamError)),
        (FrameKind::Element, _) => Some(Err(OfferError::Refused)),
        (FrameKind::Closing, _) => Some(Err(OfferError::Closed)),
    }
}
