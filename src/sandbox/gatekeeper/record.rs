//! What the gatekeeper remembers of its sessions: who, what was received, and what it learnt of content types.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

use super::proxy_header::ProxyHeader;
use crate::sandbox::connection::Transcripts;
use crate::sandbox::element::Element;

/// Sessions that are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 4096;

/// One session as the gatekeeper saw it.
#[derive(Clone)]
pub struct SessionRecord {
    /// Where its connection came from.
    pub peer: SocketAddr,
    /// What a proxy before it said of the connection.
    pub proxy: Option<ProxyHeader>,
    /// Once it is authenticated: the account's local part.
    pub account: Option<String>,
    /// Once it is bound.
    pub full_jid: Option<String>,
    /// What it was told the client can receive, in the order in which it was told.
    pub content_types: Vec<ContentTypes>,
    /// What it received and sent, byte by byte.
    pub transcripts: Arc<Transcripts>,
    pub ended: bool,
}

/// What one stanza told of the content that a client can receive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContentTypes {
    pub carrier: Carrier,
    pub accepts: Vec<Accept>,
}

/// The stanza that carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    Bind,
    Presence,
}

/// One kind of content, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accept {
    pub class: Option<String>,
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    pub max_size: Option<String>,
}

impl SessionRecord {
    fn new(peer: SocketAddr, transcripts: Arc<Transcripts>) -> Self {
        Self {
            peer,
            proxy: None,
            account: None,
            full_jid: None,
            content_types: Vec::new(),
            transcripts,
            ended: false,
        }
    }
}

impl ContentTypes {
    /// Reads what `parent` (the bind request or the presence) says in the dialect's namespace, if it says anything.
    pub(super) fn read(parent: &Element, namespace: &str, carrier: Carrier) -> Option<Self> {
        let list = parent.children.iter().find(|child| child.namespace == namespace)?;
        let accepts = list.children.iter().filter(|child| child.namespace == namespace).map(Accept::read);
        Some(Self { carrier, accepts: accepts.collect() })
    }
}

impl Accept {
    fn read(element: &Element) -> Self {
        let attribute = |name| element.attribute(name).map(str::to_owned);
        Self { class: attribute("class"), media_type: attribute("type"), max_size: attribute("max-size") }
    }
}

/// The records of all sessions, which can be waited for.
#[derive(Default)]
pub(super) struct Records(watch::Sender<BTreeMap<u64, SessionRecord>>);

/// The place of one session's record.
#[derive(Clone, Copy)]
pub(super) struct RecordId(u64);

impl Records {
    pub fn add(&self, peer: SocketAddr, transcripts: Arc<Transcripts>) -> RecordId {
        let mut id = 0;
        self.0.send_modify(|records| {
            id = records.last_key_value().map_or(0, |(last, _)| last + 1);
            records.insert(id, SessionRecord::new(peer, transcripts));
            if records.len() > REMEMBERED {
                records.pop_first();
            }
        });
        RecordId(id)
    }

    pub fn update(&self, RecordId(id): RecordId, change: impl FnOnce(&mut SessionRecord)) {
        self.0.send_modify(|records| {
            if let Some(record) = records.get_mut(&id) {
                change(record);
            }
        });
    }

    pub fn all(&self) -> Vec<SessionRecord> {
        self.0.borrow().values().cloned().collect()
    }

    /// The latest record of which `condition` is or becomes true.
    pub async fn wait_for(&self, condition: impl Fn(&SessionRecord) -> bool) -> SessionRecord {
        let mut records = self.0.subscribe();
        loop {
            let found = records.borrow_and_update().values().rev().find(|record| condition(record)).cloned();
            if let Some(record) = found {
                return record;
            }
            // The sender is `self`, so that the channel cannot close while this waits.
            if records.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_oldest_records_are_forgotten() {
        let records = Records::default();
        let peer = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let first = records.add(peer(0), Arc::default());
        for port in 1..=u16::try_from(REMEMBERED).unwrap() {
            records.add(peer(port), Arc::default());
        }
        records.update(first, |record| record.ended = true);
        let all = records.all();
        assert_eq!(all.len(), REMEMBERED);
        assert!(all.iter().all(|record| !record.ended && record.peer != peer(0)));
    }

    #[tokio::test]
    async fn a_record_can_be_waited_for() {
        let records = Records::default();
        let id = records.add(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), Arc::default());
        let waiting = records.wait_for(|record| record.ended);
        let ending = async { records.update(id, |record| record.ended = true) };
        let (record, ()) = tokio::join!(waiting, ending);
        assert!(record.ended);
    }
}
