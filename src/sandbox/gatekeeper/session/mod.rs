//! One client's session with the gatekeeper, from its stream header to its closing tag.

mod bound;
mod establishing;
mod serving;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) use self::bound::Claimable;
use self::establishing::Established;
use super::authentication::Profile;
use super::mailbox::Over;
use super::proxy_header::ProxyHeader;
use super::record::RecordId;
use super::stream_management::WrongCount;
use super::{Shared, replies};
use crate::framing::RefusalKind;
use crate::sandbox::connection::{Connection, ConnectionError, Received, Stanza};
use crate::sandbox::random::{self, RandomError};
use crate::stanza::namespace::{CLIENT, SASL, STREAMS};
use crate::stanza::{Condition, StreamError, StreamHeader};

/// From the first header to the bound resource.
const NEGOTIATION_TIMEOUT: Duration = Duration::from_secs(60);

/// One connection's stream and what belongs to it.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) shared: Arc<Shared>,
    record: RecordId,
    header_sent: bool,
}

/// How a session ends, which decides what the gatekeeper still says.
pub(super) enum Ending {
    /// The client sent its closing tag.
    Closed,
    /// The client is at fault and is told so.
    Error(Condition),
    /// What the client sent cannot be read.
    Refused(RefusalKind),
    /// The client counts stanzas that it was not sent.
    WrongCount(WrongCount),
    /// The client does not acknowledge what it was sent: most likely it is not there any more.
    Unresponsive,
    /// Another connection has resumed the session.
    TakenOver,
    /// Its client has bound another resource.
    Replaced,
    /// There is nobody left to tell.
    Lost,
}

impl Ending {
    /// Whether the client may want to go on with the session on another connection (XEP-0198, section 5).
    fn can_be_resumed(&self) -> bool {
        match self {
            Self::Unresponsive | Self::TakenOver | Self::Lost => true,
            Self::Closed | Self::Error(_) | Self::Refused(_) | Self::WrongCount(_) | Self::Replaced => false,
        }
    }

    fn stream_error(&self) -> Option<Vec<u8>> {
        let mut error = Vec::new();
        match self {
            Self::Closed | Self::Lost => return None,
            Self::Error(condition) => StreamError::from(*condition).write(&mut error),
            Self::Refused(kind) => StreamError::from(*kind).write(&mut error),
            Self::Unresponsive => StreamError::from(Condition::ConnectionTimeout).write(&mut error),
            Self::TakenOver | Self::Replaced => error.extend(replies::conflict().into_bytes()),
            Self::WrongCount(WrongCount { handled, sent }) => {
                error.extend(replies::handled_count_too_high(*handled, *sent).into_bytes());
            }
        }
        Some(error)
    }
}

impl From<Over> for Ending {
    fn from(reason: Over) -> Self {
        match reason {
            Over::Forgotten => Self::Error(Condition::NotAuthorized),
            Over::Replaced => Self::Replaced,
        }
    }
}

impl From<WrongCount> for Ending {
    fn from(error: WrongCount) -> Self {
        Self::WrongCount(error)
    }
}

impl From<ConnectionError> for Ending {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Refused(refusal) => Self::Refused(refusal.kind),
            ConnectionError::Tree(_) => Self::Error(Condition::InternalServerError),
            ConnectionError::Certificate
            | ConnectionError::Io(_)
            | ConnectionError::Lost
            | ConnectionError::WriteTimeout
            | ConnectionError::Cut => Self::Lost,
        }
    }
}

impl From<RandomError> for Ending {
    fn from(_: RandomError) -> Self {
        Self::Error(Condition::InternalServerError)
    }
}

impl Session {
    pub fn new(
        connection: Connection,
        peer: SocketAddr,
        proxy: Option<ProxyHeader>,
        shared: Arc<Shared>,
    ) -> Self {
        let record = shared.records.add(peer, connection.transcripts());
        shared.records.update(record, |record| record.proxy = proxy);
        Self { connection, shared, record, header_sent: false }
    }

    /// Serves the client until its stream ends, and leaves to be said farewell. Returns the session, too, if it can be
    /// resumed by another connection.
    pub async fn run(&mut self) -> (Ending, Option<Claimable>) {
        let shared = self.shared.clone();
        let served = shared.closing.or(self.negotiate_and_serve()).await;
        let (ending, session) = served.unwrap_or((Ending::Error(Condition::SystemShutdown), None));
        // A session that is over is left here already, as the farewell may take its time.
        let session = session.filter(|session| ending.can_be_resumed() && session.bound.resumption.is_some());
        (ending, session)
    }

    /// Tells the client why the stream ends, which takes its time where the client does not read.
    pub async fn end(mut self, ending: Ending) {
        // The client may be gone already: then there is nobody to say farewell to.
        let _ = self.say_farewell(ending).await;
        self.shared.records.update(self.record, |record| record.ended = true);
    }

    /// How the session ends, and what it leaves.
    async fn negotiate_and_serve(&mut self) -> (Ending, Option<Claimable>) {
        match tokio::time::timeout(NEGOTIATION_TIMEOUT, self.negotiate()).await {
            Ok(Ok(Established { session, greeting })) => self.serve_bound(session, greeting).await,
            Ok(Err(ending)) => (ending, None),
            Err(_) => (Ending::Error(Condition::ConnectionTimeout), None),
        }
    }

    /// Header and authentication (RFC 6120, sections 4 to 6), then binding or resumption: at once in SASL2, otherwise on
    /// a new stream.
    async fn negotiate(&mut self) -> Result<Established, Ending> {
        self.open_stream(&replies::mechanisms()).await?;
        let authenticated = self.authenticate().await?;
        let account = authenticated.account();
        self.shared.records.update(self.record, |record| {
            record.account = Some(account.to_owned());
            record.mechanism = authenticated.mechanism().map(str::to_owned);
        });
        match authenticated.profile {
            Profile::Sasl => {
                let success = replies::sasl(SASL, "success", &authenticated.additional());
                self.connection.send(success.as_bytes()).await?;
                self.connection.restart()?;
                self.open_stream(&replies::binding()).await?;
            }
            Profile::Sasl2 => {
                self.connection.trust();
                if let Some(established) = self.establish_at_once(&authenticated).await? {
                    return Ok(established);
                }
            }
        }
        self.establish(account).await
    }

    /// Takes the client's header, answers with our own and these features.
    async fn open_stream(&mut self, features: &str) -> Result<(), Ending> {
        self.header_sent = false;
        let Received::Header { to } = self.connection.receive().await? else {
            return Err(Ending::Error(Condition::InvalidNamespace));
        };
        self.send_header().await?;
        let to = to.ok_or(Ending::Error(Condition::ImproperAddressing))?;
        if !to.eq_ignore_ascii_case(&self.shared.host) {
            return Err(Ending::Error(Condition::HostUnknown));
        }
        // A stanza is handed on as its bytes, so it may not use prefixes that only its sender's header declares.
        let mut declared = self.connection.peer_declarations();
        if !declared
            .all(|(prefix, namespace)| matches!((prefix, namespace), ("", CLIENT) | ("stream", STREAMS)))
        {
            return Err(Ending::Error(Condition::InvalidNamespace));
        }
        drop(declared);
        Ok(self.connection.send(features.as_bytes()).await?)
    }

    async fn send_header(&mut self) -> Result<(), Ending> {
        self.header_sent = true;
        let mut header = Vec::new();
        StreamHeader::responding(&random::token()?, Some(&self.shared.host)).write(&mut header);
        Ok(self.connection.send(&header).await?)
    }

    /// The next stanza; a closing tag ends the session.
    pub(super) async fn next_stanza(&mut self) -> Result<Stanza, Ending> {
        match self.connection.receive().await? {
            Received::Stanza(stanza) => Ok(stanza),
            Received::Closing => Err(Ending::Closed),
            Received::Header { .. } => Err(Ending::Error(Condition::NotWellFormed)),
        }
    }

    async fn say_farewell(&mut self, ending: Ending) -> Result<(), Ending> {
        if let Ending::Lost = ending {
            return Ok(());
        }
        if !self.header_sent {
            // An error needs a stream to stand in (RFC 6120, section 4.9.1.1).
            self.send_header().await?;
        }
        if let Some(error) = ending.stream_error() {
            self.connection.send(&error).await?;
        }
        self.connection.send_closing().await?;
        Ok(self.connection.shut_down().await?)
    }
}
