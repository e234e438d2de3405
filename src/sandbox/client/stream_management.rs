//! Stream management as the client speaks it (XEP-0198): either side counts the stanzas it has handled, and what the
//! server has not handled when a connection is lost is sent again on the next one.

use std::collections::VecDeque;

use super::{Client, ClientError, Credentials, Server};
use crate::sandbox::connection::Stanza;
use crate::sandbox::element::{Element, escape};
use crate::stanza::namespace::{CLIENT, STREAM_MANAGEMENT};

/// Stanzas that may wait for the server's acknowledgement.
const LONGEST_WAIT: usize = 1024;
const STANZAS: [&str; 3] = ["message", "presence", "iq"];

/// The counts of one session.
#[derive(Clone)]
pub(super) struct Management {
    /// By which the session can be resumed, if the server lets it.
    id: Option<String>,
    /// Stanzas of the server that have been received. It wraps around (section 4).
    received: u32,
    /// Stanzas of ours that the server has handled.
    acknowledged: u32,
    /// Those that it has not handled yet, as far as we know.
    waiting: VecDeque<Vec<u8>>,
}

/// What an element from the server is to stream management.
pub(super) enum Taken {
    Stanza,
    /// The server asks how many have come: this is the answer.
    Request(String),
    /// The server has told how many it has handled.
    Answer,
}

/// What is needed to go on with a session on another connection.
#[derive(Clone)]
pub struct Resumption {
    id: String,
    management: Management,
    /// What has come and was not received: it will not come again.
    before: VecDeque<Stanza>,
}

impl Client {
    /// Whether the features that the server sent last have stream management among them.
    pub fn offers_stream_management(&self) -> bool {
        self.features.as_ref().is_some_and(|features| features.child(STREAM_MANAGEMENT, "sm").is_some())
    }

    /// Turns stream management on, for a session that can be resumed. To be done when a resource is bound, and before
    /// anything that the server may answer.
    pub async fn enable_stream_management(&mut self) -> Result<(), ClientError> {
        if !self.offers_stream_management() {
            return Err(ClientError::NotManaged);
        }
        self.send(format!("<enable xmlns='{STREAM_MANAGEMENT}' resume='true'/>").as_bytes()).await?;
        let answer = self.receive().await?.root;
        if !answer.is(STREAM_MANAGEMENT, "enabled") {
            return Err(ClientError::NotManaged);
        }
        let can_resume = matches!(answer.attribute("resume"), Some("true" | "1"));
        let id = answer.attribute("id").filter(|_| can_resume).map(str::to_owned);
        self.management = Some(Management { id, received: 0, acknowledged: 0, waiting: VecDeque::new() });
        Ok(())
    }

    /// Asks the server how many stanzas it has handled. The answer is seen to while others are waited for.
    pub async fn request_acknowledgement(&mut self) -> Result<(), ClientError> {
        if self.management.is_none() {
            return Err(ClientError::NotManaged);
        }
        self.send(format!("<r xmlns='{STREAM_MANAGEMENT}'/>").as_bytes()).await
    }

    /// Whether stream management is enabled.
    pub fn is_managed(&self) -> bool {
        self.management.is_some()
    }

    /// How many stanzas the server has not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.management.as_ref().map_or(0, |management| management.waiting.len())
    }

    /// Drops the connection as a lost network would, without a closing tag. What is left is what the session can be
    /// resumed with, if it can.
    pub fn cut(self) -> Option<Resumption> {
        let Self { management, before, .. } = self;
        let management = management?;
        Some(Resumption { id: management.id.clone()?, management, before })
    }

    /// Goes on with a session on a new connection, and sends again what the server has not handled.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotResumed`] if the server has no such session any more; others as for a first connection. The
    /// resumption can be tried again after these.
    pub async fn resume(
        server: &Server,
        credentials: &Credentials,
        resumption: &Resumption,
    ) -> Result<Self, ClientError> {
        let mut client = Self::connect(server).await?;
        client.authenticate(credentials).await?;
        let Resumption { id, management, before } = resumption.clone();
        let (id, received) = (escape(&id), management.received);
        let request = format!("<resume xmlns='{STREAM_MANAGEMENT}' previd='{id}' h='{received}'/>");
        client.send(request.as_bytes()).await?;
        let answer = client.receive().await?.root;
        if answer.is(STREAM_MANAGEMENT, "failed") {
            return Err(ClientError::NotResumed { handled: handled(&answer) });
        }
        if !answer.is(STREAM_MANAGEMENT, "resumed") || answer.attribute("previd") != Some(&resumption.id) {
            return Err(ClientError::Unexpected);
        }
        let management = client.management.insert(management);
        management.acknowledge(handled(&answer))?;
        let again: Vec<_> = management.waiting.iter().cloned().collect();
        for stanza in again {
            client.connection.send(&stanza).await?;
        }
        client.before = before;
        Ok(client)
    }
}

impl Resumption {
    /// What the server has not handled of the client's stanzas, when the session is lost and the server says it has
    /// handled so many. Without its word, those that it has not acknowledged.
    pub fn unhandled(mut self, handled: Option<u32>) -> impl Iterator<Item = Vec<u8>> {
        // A count that cannot be right tells nothing.
        let _ = self.management.acknowledge(handled.or(Some(self.management.acknowledged)));
        self.management.waiting.into_iter()
    }
}

impl Management {
    /// Keeps what is sent until it is acknowledged, if it is a stanza.
    pub fn note_sent(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        if !is_stanza(bytes) {
            return Ok(());
        }
        if self.waiting.len() == LONGEST_WAIT {
            return Err(ClientError::Unacknowledged);
        }
        self.waiting.push_back(bytes.to_vec());
        Ok(())
    }

    pub fn take(&mut self, element: &Element) -> Result<Taken, ClientError> {
        if element.is(STREAM_MANAGEMENT, "r") {
            return Ok(Taken::Request(self.acknowledgement()));
        }
        if element.is(STREAM_MANAGEMENT, "a") {
            self.acknowledge(handled(element))?;
            return Ok(Taken::Answer);
        }
        if element.namespace == CLIENT && STANZAS.contains(&element.name.as_str()) {
            self.received = self.received.wrapping_add(1);
        }
        Ok(Taken::Stanza)
    }

    /// Tells the server how many stanzas have come.
    pub fn acknowledgement(&self) -> String {
        format!("<a xmlns='{STREAM_MANAGEMENT}' h='{}'/>", self.received)
    }

    /// The server has handled so many in all. It cannot have handled more than were sent.
    fn acknowledge(&mut self, handled: Option<u32>) -> Result<(), ClientError> {
        let handled = handled.ok_or(ClientError::Unexpected)?;
        let newly = handled.wrapping_sub(self.acknowledged) as usize;
        if newly > self.waiting.len() {
            return Err(ClientError::Unexpected);
        }
        self.waiting.drain(..newly);
        self.acknowledged = handled;
        Ok(())
    }
}

fn handled(element: &Element) -> Option<u32> {
    element.attribute("h")?.parse().ok()
}

/// Whether these bytes begin as a stanza does. The client writes its stanzas without prefixes.
fn is_stanza(bytes: &[u8]) -> bool {
    let name = bytes.strip_prefix(b"<").unwrap_or_default();
    let end = name.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>'));
    end.is_some_and(|end| STANZAS.iter().any(|stanza| stanza.as_bytes() == &name[..end]))
}
