//! What the gatekeeper remembers of its sessions: who, what was received, and what it learnt of content types.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Bound;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use super::contents::ContentTypes;
use super::proxy_header::ProxyHeader;
use super::resource::Traffic;
use super::signals::Signal;
use crate::sandbox::connection::Transcripts;

/// Sessions that are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 4096;
/// Lists of content types that are remembered of one session.
const LISTS: usize = 4;

/// One session as the gatekeeper saw it.
#[derive(Clone)]
pub struct SessionRecord {
    /// Where its connection came from.
    pub peer: SocketAddr,
    pub began: SystemTime,
    /// What a proxy before it said of the connection.
    pub proxy: Option<ProxyHeader>,
    /// Once it is authenticated: the account's local part.
    pub account: Option<String>,
    /// Once it is authenticated: by which mechanism of SASL.
    pub mechanism: Option<String>,
    /// Once it is bound.
    pub full_jid: Option<String>,
    /// What it was told the client can receive, in the order in which it was told; the latest few.
    pub content_types: Vec<ContentTypes>,
    /// What a proxy said of the client's connection.
    pub signals: Option<Vec<Signal>>,
    pub(super) traffic: Arc<Traffic>,
    /// What it received and sent, byte by byte.
    pub transcripts: Arc<Transcripts>,
    pub ended: bool,
}

/// What a session passes on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    Opened,
    Authenticated,
    Bound,
    Ended,
}

impl SessionRecord {
    fn new(peer: SocketAddr, transcripts: Arc<Transcripts>) -> Self {
        Self {
            peer,
            began: SystemTime::now(),
            proxy: None,
            account: None,
            mechanism: None,
            full_jid: None,
            content_types: Vec::new(),
            signals: None,
            traffic: Arc::default(),
            transcripts,
            ended: false,
        }
    }

    /// How far it has come.
    pub fn milestone(&self) -> Milestone {
        if self.ended {
            Milestone::Ended
        } else if self.full_jid.is_some() {
            Milestone::Bound
        } else if self.account.is_some() {
            Milestone::Authenticated
        } else {
            Milestone::Opened
        }
    }

    /// Takes down what it was told; the oldest is forgotten first.
    pub(super) fn learn(&mut self, told: ContentTypes) {
        if self.content_types.len() >= LISTS {
            self.content_types.remove(0);
        }
        self.content_types.push(told);
    }
}

/// The records of all sessions, which can be waited for.
#[derive(Default)]
pub(super) struct Records(watch::Sender<BTreeMap<u64, SessionRecord>>);

/// Follows the sessions from one milestone to the next. One that passes several between two looks is seen at the last.
pub struct Watch {
    records: watch::Receiver<BTreeMap<u64, SessionRecord>>,
    seen: BTreeMap<u64, Milestone>,
}

impl Watch {
    /// The sessions that have come further since the last look, by their numbers; waits until there is one.
    pub async fn next(&mut self) -> Vec<(u64, SessionRecord)> {
        loop {
            let news = self.news();
            // When the gatekeeper is gone, nothing will ever be new.
            if !news.is_empty() || self.records.changed().await.is_err() {
                return news;
            }
        }
    }

    fn news(&mut self) -> Vec<(u64, SessionRecord)> {
        let records = self.records.borrow_and_update();
        self.seen.retain(|id, _| records.contains_key(id));
        let seen = &mut self.seen;
        let mut is_new = |id: u64, milestone| seen.insert(id, milestone) != Some(milestone);
        let news = records.iter().filter(|(id, record)| is_new(**id, record.milestone()));
        news.map(|(id, record)| (*id, record.clone())).collect()
    }
}

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

    pub fn watch(&self) -> Watch {
        Watch { records: self.0.subscribe(), seen: BTreeMap::new() }
    }

    pub fn all(&self) -> Vec<SessionRecord> {
        self.0.borrow().values().cloned().collect()
    }

    /// At most so many records that came after the one of this number, with their numbers, the oldest first.
    pub fn page(&self, after: Option<u64>, most: usize) -> Vec<(u64, SessionRecord)> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let records = self.0.borrow();
        let found = records.range((begin, Bound::Unbounded)).take(most);
        found.map(|(id, record)| (*id, record.clone())).collect()
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
    async fn each_milestone_is_seen_once() {
        let records = Records::default();
        let mut watch = records.watch();
        let id = records.add(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), Arc::default());
        let milestones = |news: Vec<(u64, SessionRecord)>| {
            news.iter().map(|(_, record)| record.milestone()).collect::<Vec<_>>()
        };
        assert_eq!(milestones(watch.next().await), [Milestone::Opened]);
        records.update(id, |record| record.account = Some("ann".to_owned()));
        records.update(id, |record| record.full_jid = Some("ann@gatekeeper.example/desk".to_owned()));
        assert_eq!(milestones(watch.next().await), [Milestone::Bound]);
        records.update(id, |record| record.signals = Some(Vec::new()));
        records.update(id, |record| record.ended = true);
        assert_eq!(milestones(watch.next().await), [Milestone::Ended]);
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
