//! One client's session with the gatekeeper, from its stream header to its closing tag.

mod bound;
mod serving;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) use self::bound::Claimable;
use super::contents::Carrier;
use super::proxy_header::ProxyHeader;
use super::record::RecordId;
use super::resumption::NotFound;
use super::routing::Binding;
use super::stream_management::WrongCount;
use super::{Shared, replies};
use crate::framing::RefusalKind;
use crate::sandbox::connection::{Connection, ConnectionError, Received, Stanza};
use crate::sandbox::element::Element;
use crate::sandbox::random::{self, RandomError};
use crate::stanza::namespace::{BIND, CLIENT, STREAM_MANAGEMENT, STREAMS};
use crate::stanza::{Condition, Jid, StreamError, StreamHeader};

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
    /// There is nobody left to tell.
    Lost,
}

impl Ending {
    /// Whether the client may want to go on with the session on another connection (XEP-0198, section 5).
    fn can_be_resumed(&self) -> bool {
        match self {
            Self::Unresponsive | Self::TakenOver | Self::Lost => true,
            Self::Closed | Self::Error(_) | Self::Refused(_) | Self::WrongCount(_) => false,
        }
    }

    fn stream_error(&self) -> Option<Vec<u8>> {
        let mut error = Vec::new();
        match self {
            Self::Closed | Self::Lost => return None,
            Self::Error(condition) => StreamError::from(*condition).write(&mut error),
            Self::Refused(kind) => StreamError::from(*kind).write(&mut error),
            Self::Unresponsive => StreamError::from(Condition::ConnectionTimeout).write(&mut error),
            Self::TakenOver => error.extend(replies::conflict().into_bytes()),
            Self::WrongCount(WrongCount { handled, sent }) => {
                error.extend(replies::handled_count_too_high(*handled, *sent).into_bytes());
            }
        }
        Some(error)
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
            Ok(Ok((session, greeting))) => self.serve_bound(session, greeting).await,
            Ok(Err(ending)) => (ending, None),
            Err(_) => (Ending::Error(Condition::ConnectionTimeout), None),
        }
    }

    /// Header, authentication, header again, binding (RFC 6120, sections 4 to 7) or resumption. Returns what the
    /// client is told first, too.
    async fn negotiate(&mut self) -> Result<(Claimable, Vec<Vec<u8>>), Ending> {
        self.open_stream(&replies::mechanisms()).await?;
        let account = self.authenticate().await?;
        self.shared.records.update(self.record, |record| record.account = Some(account.clone()));
        self.connection.restart()?;
        self.open_stream(&replies::binding()).await?;
        loop {
            let Stanza { root, .. } = self.next_stanza().await?;
            if root.is(STREAM_MANAGEMENT, "resume") {
                if let Some(resumed) = self.resume(&root, &account).await? {
                    return Ok(resumed);
                }
            } else if root.is(STREAM_MANAGEMENT, "enable") {
                self.send_failed("unexpected-request", None).await?;
            } else if let Some(bound) = self.bind(&root, &account).await? {
                return Ok(bound);
            }
        }
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

    /// Nothing but a bind request makes sense before a resource is bound (RFC 6120, section 7.1). `None` if it is no
    /// good one, or the account has too many; the client, which knows, may try again (sections 7.7.2.1 and 7.6.2.1).
    async fn bind(
        &mut self,
        root: &Element,
        account: &str,
    ) -> Result<Option<(Claimable, Vec<Vec<u8>>)>, Ending> {
        // An answer is never answered (RFC 6120, sections 8.2.3 and 8.3.1).
        let is_answer = matches!(root.attribute("type"), Some("error" | "result"));
        let request = root.child(BIND, "bind").filter(|_| root.is(CLIENT, "iq") && !is_answer);
        let request = request.ok_or(Ending::Error(Condition::NotAuthorized))?;
        let wish = request.child(BIND, "resource").map(|resource| resource.text.clone());
        let wish = wish.filter(|resource| !resource.is_empty());
        let is_possible =
            |resource: &String| Jid::parse(&format!("{account}@{}/{resource}", self.shared.host)).is_ok();
        if root.attribute("type") != Some("set") || !wish.iter().all(is_possible) {
            self.connection.send(replies::error(root, "modify", "bad-request").as_bytes()).await?;
            return Ok(None);
        }
        let Ok(binding) = self.shared.router.bind(account, wish, random::token()?) else {
            let error = replies::error(root, "wait", "resource-constraint");
            self.connection.send(error.as_bytes()).await?;
            return Ok(None);
        };
        // Who opts out has the sessions ended that are bound; one that is bound only then has to end itself.
        if !self.shared.exists(account) {
            return Err(Ending::Error(Condition::NotAuthorized));
        }
        self.shared.learn(self.record, &binding, request, Carrier::Bind);
        let full_jid = self.note_binding(&binding);
        let session = Claimable::new(binding, self.shared.clone());
        Ok(Some((session, vec![replies::bound(root, &full_jid).into_bytes()])))
    }

    /// Takes over a session of the same account, with all that its client has not acknowledged (XEP-0198, section 5).
    /// `None` if that is not possible, and the client, which knows, may bind instead.
    async fn resume(
        &mut self,
        request: &Element,
        account: &str,
    ) -> Result<Option<(Claimable, Vec<Vec<u8>>)>, Ending> {
        let (Some(id), Some(handled)) = (request.attribute("previd"), serving::count(request)) else {
            self.send_failed("bad-request", None).await?;
            return Ok(None);
        };
        let mut session = match self.shared.resumptions.claim(account, id).await {
            Ok(session) => session,
            Err(NotFound { handled }) => {
                self.send_failed("item-not-found", handled).await?;
                return Ok(None);
            }
        };
        // It has stayed where opting out ends it; here it is only not greeted any more.
        if !self.shared.exists(account) {
            return Err(Ending::Error(Condition::NotAuthorized));
        }
        self.shared.waking.arrived(account);
        // Only where it is enabled has a session an identifier.
        let management = session.bound.management.get_or_insert_default();
        management.acknowledge(handled)?;
        management.forget_question();
        let mut greeting = vec![replies::resumed(id, management.handled()).into_bytes()];
        greeting.extend(management.unacknowledged().map(|kept| kept.stanza.clone()));
        self.note_binding(&session.bound.binding);
        Ok(Some((session, greeting)))
    }

    fn note_binding(&self, binding: &Binding) -> String {
        let full_jid = self.shared.full_jid(binding);
        self.shared.records.update(self.record, |record| {
            record.full_jid = Some(full_jid.clone());
            record.traffic = binding.traffic.clone();
        });
        full_jid
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
