//! A small gatekeeper: an XMPP server on loopback, with TLS, authentication, binding, presence and routing.
//!
//! It remembers what it received in each session and what it learnt there of content types, so that a story can be told
//! of it. It has no rosters, no offline messages, no stream management, and no federation.
//!
//! The way of a stanza: `session` reads it, `routing` decides who gets it, the receiver's session writes it.

mod authentication;
mod record;
mod replies;
mod routing;
mod session;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

pub use record::{Accept, Carrier, ContentTypes, SessionRecord};

use self::record::Records;
use self::routing::Router;
use self::session::Session;
use super::certificates::{CertificateError, Identity};
use super::connection::Connection;
use super::random::{self, RandomError};
use super::scram::Verifier;

/// Connections served at the same time; more wait in the listener's queue.
const CONNECTIONS: usize = 4096;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing is accepted after that has failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a gatekeeper serves.
pub struct Config {
    /// Its domain: the only `to` that a stream may name.
    pub host: String,
    pub accounts: Vec<Account>,
    /// The namespace in which it is told what a client can receive.
    pub content_types: String,
}

/// One user.
pub struct Account {
    /// The local part of the user's JID.
    pub name: String,
    pub password: String,
    /// The local parts of those who see this user's presence.
    pub contacts: Vec<String>,
}

/// The gatekeeper could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the gatekeeper cannot listen on loopback: {0}")]
    Listen(#[from] std::io::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A running gatekeeper. Dropping it ends it, with all its sessions.
pub struct Gatekeeper {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What all sessions share.
struct Shared {
    host: String,
    content_types: String,
    accounts: HashMap<String, KnownAccount>,
    router: Router,
    records: Records,
}

/// An account as it is kept: without the password itself.
struct KnownAccount {
    verifier: Verifier,
    contacts: Vec<String>,
}

impl Gatekeeper {
    /// Serves on a free port of 127.0.0.1, in tasks of the current runtime.
    pub async fn start(config: Config, identity: &Identity) -> Result<Self, StartError> {
        let acceptor = TlsAcceptor::from(identity.server_config()?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(config)?);
        let accepting = tokio::spawn(accept_connections(listener, acceptor, shared.clone()));
        Ok(Self { address, shared, accepting })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every session that reached a stream so far, the oldest first.
    pub fn sessions(&self) -> Vec<SessionRecord> {
        self.shared.records.all()
    }

    /// The latest session that was bound as this full JID, once it has ended.
    pub async fn ended_session(&self, full_jid: &str) -> SessionRecord {
        self.shared
            .records
            .wait_for(|record| record.ended && record.full_jid.as_deref() == Some(full_jid))
            .await
    }
}

impl Drop for Gatekeeper {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn new(config: Config) -> Result<Self, StartError> {
        let mut accounts = HashMap::new();
        for Account { name, password, contacts } in config.accounts {
            let verifier = Verifier::new(&password, random::bytes()?);
            accounts.insert(name, KnownAccount { verifier, contacts });
        }
        let Config { host, content_types, .. } = config;
        Ok(Self { host, content_types, accounts, router: Router::default(), records: Records::default() })
    }
}

/// Accepts until the task is aborted, which aborts the sessions too: they belong to its set.
async fn accept_connections(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut sessions = JoinSet::new();
    while let Ok(permit) = permits.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let session = serve(stream, peer, acceptor.clone(), shared.clone(), permit);
                sessions.spawn(session);
            }
            // Most often there are no file descriptors left, and some will be free again.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while sessions.try_join_next().is_some() {}
    }
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
) {
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
    // A peer that fails the handshake has no stream to be told of an error.
    if let Ok(Ok(stream)) = handshake.await {
        Session::new(Connection::new(stream), peer, shared).run().await;
    }
}
