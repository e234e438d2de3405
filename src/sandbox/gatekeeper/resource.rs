//! A bound session as the others see it: what it can be sent, and where that goes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::contents::{Content, Receivable};
use super::mailbox::Mailbox;
use super::queue::Waiting;
use super::routing::Undeliverable;

/// A bound session, from outside.
pub(super) struct Resource {
    pub mailbox: Mailbox,
    /// By which identifier its client tells itself from the account's other ones, if it does (XEP-0388, section 2.3).
    pub client: Option<String>,
    /// The last presence it broadcast, as long as it is available.
    pub presence: Option<Presence>,
    /// The accounts to which it has sent presence, who see it go even if they are no contacts.
    pub directed: BTreeSet<String>,
    /// Whether it has asked for the roster, so that it is told of changes (RFC 6121, section 2.1.6).
    pub has_roster: bool,
    pub receivable: Receivable,
    pub traffic: Arc<Traffic>,
}

/// An available presence.
pub(super) struct Presence {
    pub stanza: Vec<u8>,
    /// A negative one takes no messages to the bare JID (RFC 6121, section 4.7.2.3).
    pub priority: i8,
}

/// How many stanzas have passed since the resource was bound.
#[derive(Default)]
pub(super) struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Traffic {
    /// One came from the client.
    pub fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// One goes to the client.
    pub fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Resource {
    pub fn new(mailbox: Mailbox) -> Self {
        Self {
            mailbox,
            client: None,
            presence: None,
            directed: BTreeSet::new(),
            has_roster: false,
            receivable: Receivable::default(),
            traffic: Arc::default(),
        }
    }

    pub fn takes_messages(&self) -> bool {
        self.presence.as_ref().is_some_and(|presence| presence.priority >= 0)
    }

    /// Posts what the client can receive.
    pub fn offer(&self, stanza: &[u8], contents: &[Content<'_>]) -> Result<(), Undeliverable> {
        match self.receivable.refused(contents) {
            Some(content) => Err(Undeliverable::Unwanted(content.class.to_owned())),
            None => self.post(stanza),
        }
    }

    pub fn post(&self, stanza: &[u8]) -> Result<(), Undeliverable> {
        self.mailbox.post(Waiting::now(stanza.to_vec()))?;
        self.traffic.count_sent();
        Ok(())
    }
}
