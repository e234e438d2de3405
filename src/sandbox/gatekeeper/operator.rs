//! What an operator of the sandbox can see and do over HTTP: sessions, accounts, and how clients are treated.
//!
//! The people are made up, so that everything may be shown. There is an operator only if the configuration names what one
//! shows as a credential.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::enlistment::Enlistment;
use super::proxy_header::ProxyHeader;
use super::record::SessionRecord;
use super::signals::Signal;
use super::waking::Pushes;
use super::{Behaviour, ContentTypes, Shared, clock};
use crate::sandbox::http::{Body, Credential, HasOperator, Operator};

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

async fn sessions(_: Operator, State(shared): State<Arc<Shared>>) -> Json<Vec<Session>> {
    Json(shared.records.all().into_iter().map(Session::from).collect())
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
