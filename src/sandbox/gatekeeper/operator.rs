//! What an operator of the sandbox can see and do over HTTP: sessions, accounts, and how clients are treated.
//!
//! The people are made up, so that everything may be shown. There is an operator only if the configuration names what one
//! shows as a credential.

use std::net::SocketAddr;
use std::ops::Bound;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::enlistment::Enlistment;
use super::proxy_header::ProxyHeader;
use super::record::{Records, SessionRecord};
use super::signals::Signal;
use super::waking::Pushes;
use super::{Behaviour, ContentTypes, Shared, clock};
use crate::sandbox::http::{After, Body, Credential, HasOperator, Operator, Text, next};

/// Sessions, or accounts, in one answer.
const PAGE: usize = 256;
/// Of a JID's local part, in bytes (RFC 7622, section 3.3).
const LONGEST_NAME: usize = 1023;

/// Nothing, if nobody can be the operator.
pub(super) fn routes(shared: &Shared) -> Router<Arc<Shared>> {
    if shared.operator.is_none() {
        return Router::new();
    }
    Router::new()
        .route("/operator/sessions", get(sessions))
        .route("/operator/accounts", get(accounts))
        .route("/operator/behaviour", get(behaviour).put(change_behaviour))
}

impl HasOperator for Shared {
    fn operator(&self) -> Option<&Credential> {
        self.operator.as_ref()
    }
}

#[derive(Serialize)]
struct SessionList {
    sessions: Vec<Session>,
    /// What to ask for the rest with, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// A session, as it is shown.
#[derive(Serialize)]
struct Session {
    peer: SocketAddr,
    began: String,
    ended: bool,
    account: Option<String>,
    mechanism: Option<String>,
    full_jid: Option<String>,
    content_types: Vec<ContentTypes>,
    signals: Option<Vec<Signal>>,
    proxy_header: Option<ProxyHeader>,
    stanzas: Stanzas,
}

/// Since a resource was bound.
#[derive(Serialize)]
struct Stanzas {
    received: u64,
    sent: u64,
}

#[derive(Serialize)]
struct AccountList {
    accounts: Vec<Account>,
    /// What to ask for the rest with, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Somebody with a JID here, as they are shown.
#[derive(Serialize)]
struct Account {
    /// The local part of the JID. For a provider's user it is the internal identifier.
    account: String,
    /// Of a provider's user.
    issuer: Option<String>,
    visible_id: Option<String>,
    /// Messages that wait.
    queued: usize,
    pushes: Pushes,
}

async fn sessions(
    _: Operator,
    State(shared): State<Arc<Shared>>,
    After(after): After<u64>,
) -> Json<SessionList> {
    Json(SessionList::of(&shared.records, after))
}

async fn accounts(
    _: Operator,
    State(shared): State<Arc<Shared>>,
    After(after): After<Text<LONGEST_NAME>>,
) -> Json<AccountList> {
    Json(shared.shown_accounts(after.as_ref().map(Text::as_str)))
}

async fn behaviour(_: Operator, State(shared): State<Arc<Shared>>) -> Json<Behaviour> {
    Json(shared.behaviour())
}

async fn change_behaviour(
    _: Operator,
    State(shared): State<Arc<Shared>>,
    Body(behaviour): Body<Behaviour>,
) -> Json<Behaviour> {
    shared.change_behaviour(behaviour);
    Json(behaviour)
}

impl Shared {
    /// The gatekeeper's own users and the providers', in the order of their names here.
    fn shown_accounts(&self, after: Option<&str>) -> AccountList {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let own = self.accounts.range::<str, _>((start, Bound::Unbounded)).take(PAGE);
        let own = own.map(|(account, _)| self.shown(account.clone(), None));
        let enlisted = self.enlistments.page(after, PAGE).into_iter();
        let enlisted =
            enlisted.map(|enlistment| self.shown(enlistment.internal_id.clone(), Some(enlistment)));
        let mut accounts: Vec<_> = own.chain(enlisted).collect();
        accounts.sort_by(|one, other| one.account.cmp(&other.account));
        accounts.truncate(PAGE);
        let next = next(&accounts, PAGE, |last| last.account.clone());
        AccountList { accounts, next }
    }

    fn shown(&self, account: String, enlistment: Option<Enlistment>) -> Account {
        let (queued, pushes) = (self.queue.len(&account), self.waking.pushes(&account));
        let (issuer, visible_id) =
            enlistment.map(|enlistment| (enlistment.issuer, enlistment.visible_id)).unzip();
        Account { account, issuer, visible_id, queued, pushes }
    }
}

impl SessionList {
    fn of(records: &Records, after: Option<u64>) -> Self {
        let found = records.page(after, PAGE);
        let next = next(&found, PAGE, |(number, _)| *number);
        Self { sessions: found.into_iter().map(|(_, record)| Session::from(record)).collect(), next }
    }
}

impl From<SessionRecord> for Session {
    fn from(record: SessionRecord) -> Self {
        Self {
            peer: record.peer,
            began: clock::written(record.began),
            ended: record.ended,
            account: record.account,
            mechanism: record.mechanism,
            full_jid: record.full_jid,
            content_types: record.content_types,
            signals: record.signals,
            proxy_header: record.proxy,
            stanzas: Stanzas { received: record.traffic.received(), sent: record.traffic.sent() },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::sandbox::gatekeeper::tests::{ALICE, gatekeeper};

    #[tokio::test]
    async fn accounts_of_both_kinds_are_listed_page_by_page_in_one_order() {
        let shared = gatekeeper();
        let alice = shared.enlistments.get(ALICE).unwrap();
        for number in 0..PAGE {
            let internal_id = format!("a{number:04}");
            shared.enlistments.add(Enlistment { internal_id, ..alice.clone() });
        }
        let names = |list: &AccountList| -> Vec<String> {
            list.accounts.iter().map(|account| account.account.clone()).collect()
        };
        let first = shared.shown_accounts(None);
        assert_eq!(names(&first), (0..PAGE).map(|number| format!("a{number:04}")).collect::<Vec<_>>());
        let rest = shared.shown_accounts(first.next.as_deref());
        assert_eq!((names(&rest), rest.next), (vec!["ann".to_owned(), ALICE.to_owned()], None));
    }

    #[test]
    fn sessions_are_listed_page_by_page() {
        let records = Records::default();
        for port in 0..=u16::try_from(PAGE).unwrap() {
            records.add(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Arc::default());
        }
        let SessionList { sessions, next } = SessionList::of(&records, None);
        assert_eq!((sessions.len(), sessions[0].peer.port()), (PAGE, 0));
        assert!(next.is_some());
        let SessionList { sessions, next } = SessionList::of(&records, next);
        assert_eq!(
            sessions.iter().map(|session| usize::from(session.peer.port())).collect::<Vec<_>>(),
            [PAGE]
        );
        assert_eq!(next, None);
    }
}
