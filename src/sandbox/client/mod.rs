//! A small XMPP client: TLS, authentication, binding, and then whatever bytes it is told to send.
//!
//! It waits for nothing that it was not asked to wait for, and reconnects never: it follows a script. It answers one
//! kind of request, how many stanzas have come, once stream management is enabled. All that it sent and received can be
//! read afterwards.

mod authentication;
pub mod encryption;
mod enlistment;
mod groups;
mod media;
mod participant;
mod requests;
mod stream_management;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use authentication::{Credentials, Mechanism, TokenStatus};
pub use enlistment::{ApiError, Enlisted, Enlisting, ProviderAccount, Token};
pub use groups::{GroupRequest, group_message, is_group};
pub use media::{About, Authorization, Media, MediaError, Source};
pub use participant::{Participant, ParticipantError};
pub use requests::{Refused, Request};
pub use stream_management::Resumption;

use self::stream_management::{Management, Taken};

use super::connection::{Connection, ConnectionError, Received, Stanza, Transcripts};
use super::element::{Element, escape};
use super::random::RandomError;
use super::scram::ScramError;
use crate::stanza::StreamHeader;
use crate::stanza::namespace::{BIND, STREAM_ERRORS, STREAMS};

/// How long a client waits for anything before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stream errors that are nobody's fault for long (RFC 6120, section 4.9.3).
const PASSING_CONDITIONS: [&str; 5] =
    ["connection-timeout", "internal-server-error", "remote-connection-failed", "reset", "system-shutdown"];

/// Where a client connects to.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    /// The name sent by SNI and looked for in the certificate.
    pub name: ServerName<'static>,
    /// The domain that streams are addressed to.
    pub host: String,
    pub tls: Arc<ClientConfig>,
}

/// Why a client could not go on. Only a stream error's condition comes from the peer, and only if it has the form of
/// one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("nothing came for {} s", PATIENCE.as_secs())]
    TimedOut,
    #[error("the server did not say what comes next in the protocol")]
    Unexpected,
    #[error("the server refused the authentication")]
    NotAuthenticated,
    #[error("the server refused the token: {0}")]
    TokenRefused(TokenStatus),
    #[error("the server cannot tell at present who is who")]
    CannotAuthenticate,
    #[error("the server broke SCRAM: {0}")]
    Scram(ScramError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error("the server closed its stream")]
    Closed,
    #[error("the server ended the stream with the error {0}")]
    StreamError(String),
    #[error("the server has no stream management to offer, or refused it")]
    NotManaged,
    #[error("the session can be resumed no more")]
    NotResumed {
        /// How many of the client's stanzas the server says it has handled.
        handled: Option<u32>,
    },
    #[error("the server refused the request: {0}")]
    Refused(String),
    #[error("the server leaves too many stanzas without an acknowledgement")]
    Unacknowledged,
}

impl ClientError {
    /// Whether the same may succeed a little later, on another connection.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connection(ConnectionError::Certificate) => false,
            Self::Connection(_) | Self::TimedOut | Self::CannotAuthenticate | Self::Closed => true,
            Self::StreamError(condition) => PASSING_CONDITIONS.contains(&condition.as_str()),
            _ => false,
        }
    }
}

impl From<ScramError> for ClientError {
    fn from(error: ScramError) -> Self {
        Self::Scram(error)
    }
}

impl From<std::io::Error> for ClientError {
    fn from(error: std::io::Error) -> Self {
        Self::Connection(error.into())
    }
}

/// One stream to a server.
pub struct Client {
    connection: Connection,
    host: String,
    /// What the server offered last.
    features: Option<Element>,
    /// Once stream management is enabled.
    management: Option<Management>,
    /// What came before the answer to a request, and is still to be received.
    before: VecDeque<Stanza>,
    /// Requests made so far: the ids of the next ones are larger.
    asked: u64,
}

/// What came from the server.
pub enum Arrival {
    /// It was not looked at.
    New(Received),
    /// It came before the answer to a request, and was counted then.
    Kept(Stanza),
}

impl Client {
    /// TCP, TLS, the first header and the first features.
    pub async fn connect(server: &Server) -> Result<Self, ClientError> {
        let handshake = async {
            let stream = TcpStream::connect(server.address).await?;
            stream.set_nodelay(true)?;
            TlsConnector::from(server.tls.clone()).connect(server.name.clone(), stream).await
        };
        let stream = tokio::time::timeout(PATIENCE, handshake).await.map_err(|_| ClientError::TimedOut)??;
        let (connection, host) = (Connection::new(stream), server.host.clone());
        let mut client =
            Self { connection, host, features: None, management: None, before: VecDeque::new(), asked: 0 };
        client.open_stream().await?;
        Ok(client)
    }

    /// Proves who the user is and opens the stream that follows.
    pub async fn authenticate(&mut self, credentials: &Credentials) -> Result<(), ClientError> {
        authentication::run(self, credentials).await?;
        self.connection.restart()?;
        self.open_stream().await
    }

    /// Binds a resource; `extra` stands behind it in the request. Returns the full JID.
    pub async fn bind(&mut self, resource: &str, extra: &str) -> Result<String, ClientError> {
        let resource = escape(resource);
        let request = format!(
            "<iq id='bind' type='set'><bind xmlns='{BIND}'><resource>{resource}</resource>{extra}</bind></iq>"
        );
        self.send(request.as_bytes()).await?;
        let result = self.receive().await?.root;
        let jid = result.child(BIND, "bind").and_then(|bind| bind.child(BIND, "jid"));
        jid.filter(|_| result.attribute("type") == Some("result"))
            .map(|jid| jid.text.clone())
            .ok_or(ClientError::Unexpected)
    }

    /// Sends bytes as they are. With stream management a stanza is kept until the server has acknowledged it.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        if let Some(management) = &mut self.management {
            management.note_sent(bytes)?;
        }
        Ok(self.connection.send(bytes).await?)
    }

    /// The next stanza. A stream error and the end of the stream are errors.
    pub async fn receive(&mut self) -> Result<Stanza, ClientError> {
        loop {
            let arrival = self.in_time(Self::arrival).await?;
            if let Some(stanza) = self.take(arrival).await? {
                return Ok(stanza);
            }
        }
    }

    /// Waits for what comes next, however long it takes. Dropping the future loses nothing. What arrived has to be
    /// taken, or it counts as never received.
    pub async fn arrival(&mut self) -> Result<Arrival, ClientError> {
        match self.before.pop_front() {
            Some(stanza) => Ok(Arrival::Kept(stanza)),
            None => Ok(Arrival::New(self.connection.receive().await?)),
        }
    }

    /// What arrived, if it is for who uses the client: requests and answers of stream management are seen to here.
    pub async fn take(&mut self, arrival: Arrival) -> Result<Option<Stanza>, ClientError> {
        let received = match arrival {
            Arrival::New(received) => received,
            Arrival::Kept(stanza) => return Ok(Some(stanza)),
        };
        let stanza = match received {
            Received::Stanza(stanza) if stanza.root.is(STREAMS, "error") => {
                return Err(ClientError::StreamError(condition_of(&stanza.root)));
            }
            Received::Stanza(stanza) => stanza,
            Received::Closing => return Err(ClientError::Closed),
            Received::Header { .. } => return Err(ClientError::Unexpected),
        };
        let Some(management) = &mut self.management else { return Ok(Some(stanza)) };
        match management.take(&stanza.root)? {
            Taken::Stanza => Ok(Some(stanza)),
            Taken::Answer => Ok(None),
            Taken::Request(answer) => {
                self.connection.send(answer.as_bytes()).await?;
                Ok(None)
            }
        }
    }

    /// The next stanza of which this is true; others are passed over.
    pub async fn receive_where(&mut self, wanted: impl Fn(&Element) -> bool) -> Result<Stanza, ClientError> {
        loop {
            let stanza = self.receive().await?;
            if wanted(&stanza.root) {
                return Ok(stanza);
            }
        }
    }

    /// Closes the stream as RFC 6120, section 4.4 has it: the tag, the server's tag, and only then the connection.
    pub async fn close(self) -> Result<(), ClientError> {
        self.close_and_show(|_| ()).await
    }

    /// The same; what still comes is shown.
    pub async fn close_and_show(mut self, mut show: impl FnMut(&Stanza)) -> Result<(), ClientError> {
        // What the server does not know to have come would come again. Behind the tag nothing may be said.
        if let Some(management) = self.management.take() {
            self.connection.send(management.acknowledgement().as_bytes()).await?;
        }
        self.connection.send_closing().await?;
        loop {
            match self.receive().await {
                Ok(stanza) => show(&stanza),
                Err(ClientError::Closed) => return Ok(self.connection.shut_down().await?),
                Err(error) => return Err(error),
            }
        }
    }

    /// What was sent and received so far; it grows as the client goes on.
    pub fn transcripts(&self) -> Arc<Transcripts> {
        self.connection.transcripts()
    }

    /// The domain that its stream is addressed to.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Our end of the TCP connection, as the server's side sees it.
    pub fn local_address(&self) -> Result<SocketAddr, ClientError> {
        Ok(self.connection.local_address()?)
    }

    async fn open_stream(&mut self) -> Result<(), ClientError> {
        let mut header = Vec::new();
        StreamHeader::initiating(&self.host).write(&mut header);
        self.send(&header).await?;
        let Arrival::New(Received::Header { .. }) = self.in_time(Self::arrival).await? else {
            return Err(ClientError::Unexpected);
        };
        let features = self.receive().await?.root;
        if !features.is(STREAMS, "features") {
            return Err(ClientError::Unexpected);
        }
        self.features = Some(features);
        Ok(())
    }

    async fn in_time<T>(
        &mut self,
        wait: impl AsyncFnOnce(&mut Self) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        tokio::time::timeout(PATIENCE, wait(self)).await.map_err(|_| ClientError::TimedOut)?
    }
}

/// The condition's name, which in a stream error is the first child of its namespace (RFC 6120, section 4.9.2).
fn condition_of(error: &Element) -> String {
    let condition =
        error.children.iter().find(|child| child.namespace == STREAM_ERRORS && child.name != "text");
    condition.map_or_else(|| "undefined-condition".to_owned(), |condition| condition.name.clone())
}
