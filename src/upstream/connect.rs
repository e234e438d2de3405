//! Reaching a gatekeeper: what is known of it, for how many clients it is connected to at once, and the steps of one
//! connection. In which order its endpoints are tried is the business of `search`.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::framing::Vocabulary;

use super::attempt::{Attempt, now};
use super::endpoints::{Endpoint, Endpoints};
use super::fault::{ConnectionFault, TlsFault};
use super::health::{Health, HealthCounts};
use super::news::{EndpointChange, EndpointNews, Tell};
use super::resolve::Resolver;
use super::search::{ATTEMPTS, Search};
use super::signals::Signals;
use super::source::{DialError, Sources};
use super::starttls;
use super::tls::{Connector, GatekeeperStream};

/// How one gatekeeper is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamConfig {
    /// As the configuration calls it.
    pub name: String,
    pub endpoints: Endpoints,
    /// For all of it: resolution of the names, waiting for a turn, TCP, STARTTLS and TLS.
    pub connect_timeout: Duration,
    /// For how many clients a connection may be in the making at once; further ones wait, within their time. Who waits
    /// for DNS takes nobody's turn.
    pub max_connecting: usize,
    /// Where connections come from, in turn. None: the system chooses.
    pub source_addresses: Vec<IpAddr>,
    /// After how long an endpoint that acknowledges nothing is given up.
    pub peer_timeout: Duration,
    pub transport: Transport,
    pub tls: Connector,
    /// When our client certificate ends, if there is one and that can be read.
    pub certificate_end: Option<SystemTime>,
    pub signals: Signals,
}

impl UpstreamConfig {
    /// What an attempt has at least where no endpoint is slow and no turn is waited for.
    pub(super) fn fair_share(&self) -> Duration {
        self.connect_timeout / ATTEMPTS as u32
    }
}

/// How TLS to a gatekeeper begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// With the connection (XEP-0368).
    Tls,
    /// In a stream of our own (RFC 6120, 5).
    StartTls,
}

/// What a connection is made for.
#[derive(Clone, Copy, Debug)]
pub struct ConnectRequest<'r> {
    /// The client's address, which decides on the order of the endpoints.
    pub client: IpAddr,
    /// The host that the client has named.
    pub host: &'r str,
    /// What comes before TLS and STARTTLS: a PROXY header, or nothing.
    pub header: &'r [u8],
    /// What the gate tells apart in the stream before TLS.
    pub vocabulary: &'r Arc<Vocabulary>,
}

/// Why a gatekeeper could not be reached, as a closed list: for metrics and diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ConnectError {
    #[error("the endpoint's name could not be resolved")]
    Resolution,
    #[error("no source address could be used: none is of the endpoint's family, local, and has a port left")]
    Source,
    #[error("this machine gives no socket: too many files are open, or the endpoint's family is missing")]
    Local,
    #[error(transparent)]
    Connection(ConnectionFault),
    #[error("what the gatekeeper said before TLS is no stream, or has no place there")]
    StreamBeforeTls,
    #[error("the gatekeeper offers no STARTTLS")]
    StartTlsNotOffered,
    #[error("the gatekeeper offers STARTTLS and then refuses it")]
    StartTlsFailure,
    #[error("bytes in the clear came between <proceed/> and TLS")]
    InjectedBeforeTls,
    #[error(transparent)]
    Tls(TlsFault),
    #[error("the gatekeeper ended the connection without an answer to the stream")]
    Unanswered,
    #[error("not connected in time")]
    Timeout,
}

/// A connection on which the gatekeeper has said nothing yet.
pub struct Connected {
    pub stream: GatekeeperStream,
    /// To be told what comes of it.
    pub attempt: Attempt,
}

/// How full the way to a gatekeeper is, and how its endpoint addresses fare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatekeeperCounts {
    pub health: HealthCounts,
    /// Connections that are in the making.
    pub connecting: usize,
    /// As many as may be.
    pub most_connecting: usize,
}

/// A gatekeeper, shared by all its clients' sessions.
pub struct Gatekeeper {
    pub(super) config: Arc<UpstreamConfig>,
    pub(super) resolver: Arc<Resolver>,
    pub(super) sources: Sources,
    pub(super) health: Arc<Mutex<Health>>,
    turns: Semaphore,
    most_connecting: usize,
    tell: Tell,
}

impl Gatekeeper {
    /// `tell` hears which endpoints are passed over, and which are back.
    pub fn new(config: Arc<UpstreamConfig>, resolver: Arc<Resolver>, tell: Tell) -> Self {
        let most_connecting = config.max_connecting.min(Semaphore::MAX_PERMITS);
        Gatekeeper {
            resolver,
            sources: Sources::new(config.source_addresses.clone(), config.peer_timeout),
            health: Arc::new(Mutex::new(Health::new(config.connect_timeout))),
            turns: Semaphore::new(most_connecting),
            most_connecting,
            tell,
            config,
        }
    }

    /// As the configuration calls it.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// How it is reached.
    pub fn config(&self) -> &UpstreamConfig {
        &self.config
    }

    /// How its endpoint addresses fare: those that are configured as addresses, and those that were looked up within
    /// the last hour; and how many connections are in the making.
    pub fn counts(&self) -> GatekeeperCounts {
        GatekeeperCounts {
            health: self.known_addresses().counts(now()),
            connecting: self.most_connecting.saturating_sub(self.turns.available_permits()),
            most_connecting: self.most_connecting,
        }
    }

    /// The same addresses, one by one, and whether each is up; in no particular order.
    pub fn addresses(&self) -> Vec<(SocketAddr, bool)> {
        self.known_addresses().addresses(now())
    }

    fn known_addresses(&self) -> MutexGuard<'_, Health> {
        let mut health = self.health();
        for address in self.config.endpoints.addresses() {
            health.note(address, now());
        }
        health
    }

    /// How it is told of its clients' connections.
    pub fn signals(&self) -> &Signals {
        &self.config.signals
    }

    /// A connection for one client.
    pub async fn connect(&self, request: ConnectRequest<'_>) -> Result<Connected, ConnectError> {
        let deadline = Instant::now() + self.config.connect_timeout;
        let search = Search::new(self, request, deadline).run();
        timeout_at(deadline, search).await.unwrap_or(Err(ConnectError::Timeout))
    }

    /// Leave to connect, until it is dropped.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, ConnectError> {
        // The semaphore is never closed: an error cannot come from there.
        self.turns.acquire().await.map_err(|_| ConnectError::Local)
    }

    /// Tells what has become of an address of `endpoint`.
    pub(super) fn tell_of(&self, endpoint: Endpoint) -> Box<dyn Fn(EndpointChange) + Send> {
        let (config, tell) = (Arc::clone(&self.config), self.tell);
        Box::new(move |change| {
            let endpoint = config.endpoints.as_configured(&endpoint);
            tell(EndpointNews { upstream: &config.name, endpoint: &endpoint, change });
        })
    }

    pub(super) fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// TCP, and all that comes before the stream. The caller bounds its time.
pub(super) async fn establish(
    config: &UpstreamConfig,
    sources: &Sources,
    request: ConnectRequest<'_>,
    address: SocketAddr,
) -> Result<GatekeeperStream, ConnectError> {
    let mut stream = sources.dial(address).await?;
    stream.write_all(request.header).await.map_err(|error| ConnectError::Connection(error.kind().into()))?;
    if config.transport == Transport::StartTls {
        starttls::negotiate(&mut stream, request).await?;
    }
    config.tls.connect(stream).await.map_err(ConnectError::Tls)
}

impl From<DialError> for ConnectError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Source => ConnectError::Source,
            DialError::Local => ConnectError::Local,
            DialError::Connection(fault) => ConnectError::Connection(fault),
        }
    }
}
