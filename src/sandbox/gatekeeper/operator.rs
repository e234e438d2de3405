//! What an operator of the sandbox can see and do over HTTP: sessions, accounts, and how clients are treated.
//!
//! The people are made up, so that everything may be shown. There is an operator only if the configuration names what one
//! shows as a credential.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::enlistment::Enlistment;
use super::proxy_header::ProxyHeader;
use super::record::{Records, SessionRecord};
use super::signals::Signal;
use super::waking::Pushes;
use super::{Behaviour, ContentTypes, Shared, clock};
use crate::sandbox::http::{Body, Credential, HasOperator, Operator, Problem, present};

/// Sessions in one answer.
const PAGE: usize = 256;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionQuery {
    #[serde(default, deserialize_with = "present")]
    after: Option<u64>,
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
    query: Result<Query<SessionQuery>, QueryRejection>,
) -> Result<Json<SessionList>, Problem> {
    let Query(SessionQuery { after }) = query.map_err(|_| Problem::query())?;
    Ok(Json(SessionList::of(&shared.records, after)))
}

async fn accounts(_: Operator, State(shared): State<Arc<Shared>>) -> Json<Vec<Account>> {
    let mut own: Vec<_> = shared.accounts.keys().cloned().collect();
    own.sort_unstable();
    let own = own.into_iter().map(|account| shared.shown(account, None));
    let enlisted = shared.enlistments.every();
    let enlisted =
        enlisted.into_iter().map(|enlistment| shared.shown(enlistment.internal_id.clone(), Some(enlistment)));
    Json(own.chain(enlisted).collect())
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
        let next = found.get(PAGE - 1).map(|(number, _)| *number);
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
