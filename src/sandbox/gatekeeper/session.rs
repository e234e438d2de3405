//! One client's session with the gatekeeper, from its stream header to its closing tag.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::contents::Carrier;
use super::proxy_header::ProxyHeader;
use super::record::RecordId;
use super::routing::{Binding, Mail};
use super::{Shared, replies};
use crate::sandbox::connection::{Connection, ConnectionError, Received, Stanza};
use crate::sandbox::random::{self, RandomError};
use crate::stanza::namespace::{BIND, CLIENT, STREAMS};
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
    /// There is nobody left to tell.
    Lost,
}

impl From<ConnectionError> for Ending {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Refused(_) => Self::Error(Condition::NotWellFormed),
            ConnectionError::Tree(_) => Self::Error(Condition::InternalServerError),
            ConnectionError::Io(_)
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

    /// Serves the client until its stream ends.
    pub async fn run(mut self) {
        let negotiated = tokio::time::timeout(NEGOTIATION_TIMEOUT, self.negotiate()).await;
        let ending = match negotiated {
            Ok(Ok(binding)) => self.serve_bound(binding).await,
            Ok(Err(ending)) => ending,
            Err(_) => Ending::Error(Condition::ConnectionTimeout),
        };
        // The client may be gone already: then there is nobody to say farewell to.
        let _ = self.say_farewell(ending).await;
        self.shared.records.update(self.record, |record| record.ended = true);
    }

    /// Header, authentication, header again, binding (RFC 6120, sections 4 to 7).
    async fn negotiate(&mut self) -> Result<Binding, Ending> {
        self.open_stream(&replies::mechanisms()).await?;
        let account = self.authenticate().await?;
        self.shared.records.update(self.record, |record| record.account = Some(account.clone()));
        self.connection.restart()?;
        self.open_stream(&replies::binding()).await?;
        self.bind(account).await
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

    /// Nothing but a bind request makes sense before a resource is bound (RFC 6120, section 7.1).
    async fn bind(&mut self, account: String) -> Result<Binding, Ending> {
        let Stanza { root, .. } = self.next_stanza().await?;
        let request = root.child(BIND, "bind").filter(|_| root.is(CLIENT, "iq"));
        let request = request.ok_or(Ending::Error(Condition::NotAuthorized))?;
        let wish = request.child(BIND, "resource").map(|resource| resource.text.clone());
        let wish = wish.filter(|resource| !resource.is_empty());
        let binding = self.shared.router.bind(&account, wish, random::token()?);
        self.shared.learn(self.record, &binding, request, Carrier::Bind);
        let full_jid = self.shared.full_jid(&binding);
        self.shared.records.update(self.record, |record| record.full_jid = Some(full_jid.clone()));
        self.connection.send(replies::bound(&root, &full_jid).as_bytes()).await?;
        Ok(binding)
    }

    /// Both directions until one of them ends; then the resource is free again, and its contacts know.
    async fn serve_bound(&mut self, mut binding: Binding) -> Ending {
        let ending = loop {
            let turn = tokio::select! {
                stanza = self.next_stanza() => match stanza {
                    Ok(stanza) => self.handle(&stanza, &binding).await,
                    Err(ending) => Err(ending),
                },
                Some(mail) = binding.mailbox.recv() => match mail {
                    Mail::Stanza(outgoing) => self.forward(&outgoing).await,
                    Mail::End(condition) => Err(Ending::Error(condition)),
                },
            };
            if let Err(ending) = turn {
                break ending;
            }
        };
        self.shared.leave(&binding);
        let account = binding.account.clone();
        let undelivered = binding.close();
        drop(binding);
        self.shared.give_back(&account, undelivered);
        ending
    }

    async fn forward(&mut self, outgoing: &[u8]) -> Result<(), Ending> {
        Ok(self.connection.send(outgoing).await?)
    }

    async fn handle(&mut self, stanza: &Stanza, binding: &Binding) -> Result<(), Ending> {
        let root = &stanza.root;
        if root.is(CLIENT, "presence") && root.attribute("to").is_none() {
            self.shared.learn(self.record, binding, root, Carrier::Presence);
        }
        match self.shared.take(stanza, binding).map_err(Ending::Error)? {
            Some(reply) => Ok(self.connection.send(reply.as_bytes()).await?),
            None => Ok(()),
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
        if let Ending::Error(condition) = ending {
            let mut error = Vec::new();
            StreamError::from(condition).write(&mut error);
            self.connection.send(&error).await?;
        }
        self.connection.send_closing().await?;
        Ok(self.connection.shut_down().await?)
    }
}
