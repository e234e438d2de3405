//! A small gatekeeper: an XMPP server on loopback, with TLS, authentication, binding, presence and routing.
//!
//! It remembers what it received in each session and what it learnt there of content types, so that a story can be told
//! of it. All is kept in memory, and there is no federation.
//!
//! The way of a stanza: `session` reads it, `stanzas` finds out what it is (`messages`, `presence`, `requests`), `routing`
//! knows who is there to get it, the receiver's session writes it. What nobody is there for waits in `queue`.

mod accepting;
mod api;
mod authentication;
mod clock;
mod closing;
mod contacts;
mod contents;
mod enlistment;
mod fast;
mod groups;
mod keys;
mod mailbox;
mod media;
mod media_proxy;
mod memory;
mod messages;
mod operator;
mod presence;
mod providers;
mod proxy_header;
mod queue;
mod record;
mod replies;
mod requests;
mod resource;
mod resumption;
mod routing;
mod session;
mod signals;
mod stanzas;
mod stream_management;
#[cfg(test)]
mod tests;
mod waking;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub use contents::{Accept, Carrier, ContentTypes};
pub use media::MediaConfig;
pub use media_proxy::{
    FetchError, FetchLimits, MediaOrigin, MediaProxyConfig, Resolve, Resolved, SystemResolver,
};
pub use providers::ProviderError;
pub use proxy_header::{ProxiedAddresses, ProxyHeader, Tlv, TlvValue};
pub use record::{Milestone, SessionRecord, Watch};
pub use signals::Signal;

use self::closing::Closing;
use self::contacts::Contacts;
use self::enlistment::Enlistments;
use self::fast::Tokens;
use self::groups::Groups;
use self::keys::Directory;
use self::media_proxy::MediaProxy;
use self::providers::Providers;
use self::queue::Queue;
use self::record::Records;
use self::resumption::Resumptions;
use self::routing::Router;
use self::waking::Waking;
use super::certificates::{CertificateError, Identity};
use super::http::{Credential, Patience, Served, Server};
use super::media::Store;
use super::passwords::Passwords;
use super::random::{self, RandomError};
use super::scram::Verifier;

/// For telling all clients that the gatekeeper closes.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// What a gatekeeper serves.
pub struct Config {
    /// Its domain: the only `to` that a stream may name, and the audience of providers' tokens.
    pub host: String,
    /// Its own users.
    pub accounts: Vec<Account>,
    /// Whose users may enlist.
    pub providers: Vec<ProviderConfig>,
    /// How long a call to a provider is tried.
    pub patience: Patience,
    pub words: Words,
    /// Whether every connection starts with a PROXY protocol header, of version 1 or 2.
    pub proxy_protocol: bool,
    /// How long a session that lost its connection can be resumed, in whole seconds; less than one is never.
    pub resumption: Duration,
    pub behaviour: Behaviour,
    /// What an operator shows as `Authorization: Bearer`; nobody can be one without.
    pub operator: Option<String>,
    /// Whether the bytes of each session are kept to be shown.
    pub transcripts: bool,
    pub media: MediaConfig,
}

impl Config {
    /// A gatekeeper for this domain that knows nobody, and keeps the bytes of each session.
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            accounts: Vec::new(),
            providers: Vec::new(),
            patience: Patience::default(),
            words: Words::default(),
            proxy_protocol: false,
            resumption: Duration::from_secs(300),
            behaviour: Behaviour::default(),
            operator: None,
            transcripts: true,
            media: MediaConfig::default(),
        }
    }
}

/// An agreement with a provider.
#[derive(Clone)]
pub struct ProviderConfig {
    /// Its issuer URL: `https`, and its OpenID configuration is below it.
    pub issuer: String,
    /// What this gatekeeper and the provider show each other as `Authorization: Bearer`.
    pub credential: String,
    /// Whom to trust when calling it.
    pub tls: Arc<ClientConfig>,
}

/// The namespaces in which it is told things about clients, and reads messages.
#[derive(Clone)]
pub struct Words {
    /// What a client can receive.
    pub content_types: String,
    /// The content of messages: the element's name is its class.
    pub contents: String,
    /// What a proxy observed of the client's connection.
    pub signals: String,
}

impl Default for Words {
    /// Those of `policies/dialects/vestibule.yaml`.
    fn default() -> Self {
        Self {
            content_types: "urn:x-vestibule:content-types:0".to_owned(),
            contents: "urn:x-vestibule:content:0".to_owned(),
            signals: "urn:x-vestibule:signals:0".to_owned(),
        }
    }
}

/// How it treats clients; it can be changed while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// Sends content whatever a client has said it can receive.
    pub ignore_content_types: bool,
}

/// Where it listens.
pub struct Listeners {
    /// For clients' streams.
    pub streams: TcpListener,
    /// For the Enlistment API.
    pub api: TcpListener,
}

impl Listeners {
    /// Free ports of 127.0.0.1.
    pub async fn on_loopback() -> std::io::Result<Self> {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        Ok(Self { streams: bind().await?, api: bind().await? })
    }
}

/// One user.
pub struct Account {
    /// The local part of the user's JID.
    pub name: String,
    pub password: String,
    /// The local parts of those who are in this user's roster from the start, and this user in theirs.
    pub contacts: Vec<String>,
}

/// The gatekeeper could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the gatekeeper cannot listen")]
    Listen(#[from] std::io::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// A running gatekeeper. Dropping it ends it, with all its sessions, and nobody is told.
pub struct Gatekeeper {
    address: SocketAddr,
    api: Server,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What all sessions share.
struct Shared {
    host: String,
    words: Words,
    /// The gatekeeper's own users.
    accounts: BTreeMap<String, KnownAccount>,
    passwords: Passwords,
    providers: Providers,
    /// The issuer URLs of the providers.
    issuers: BTreeSet<String>,
    /// The providers' users.
    enlistments: Enlistments,
    router: Router,
    contacts: Contacts,
    groups: Groups,
    /// What waits for absent users.
    queue: Queue,
    waking: Waking,
    records: Records,
    resumptions: Resumptions,
    /// By which clients come back.
    tokens: Tokens,
    /// By which they encrypt for each other.
    keys: Directory,
    /// How long a session that lost its connection can be resumed.
    resumption: Duration,
    behaviour: RwLock<Behaviour>,
    operator: Option<Credential>,
    proxy_protocol: bool,
    transcripts: bool,
    /// What its own users have uploaded.
    media: Arc<Store>,
    media_proxy: MediaProxy,
    closing: Closing,
}

/// An account as it is kept: without the password itself.
struct KnownAccount {
    verifier: Verifier,
}

impl Gatekeeper {
    /// Serves in tasks of the current runtime.
    pub fn start(config: Config, listeners: Listeners, identity: &Identity) -> Result<Self, StartError> {
        let Listeners { streams, api } = listeners;
        let acceptor = TlsAcceptor::from(identity.server_config()?);
        let address = streams.local_addr()?;
        let shared = Arc::new(Shared::new(config)?);
        let api = api::start(api, identity.server_config()?, shared.clone())?;
        let accepting = tokio::spawn(accepting::serve_all(streams, acceptor, shared.clone()));
        Ok(Self { address, api, shared, accepting })
    }

    /// Where clients' streams are served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the Enlistment API is served.
    pub fn api(&self) -> SocketAddr {
        self.api.address()
    }

    /// The first calls that its HTTP interface has answered.
    pub fn served(&self) -> Vec<Served> {
        self.api.served()
    }

    /// From here on it treats clients so.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.change_behaviour(behaviour);
    }

    /// The media of its own users, as they are stored.
    pub fn media(&self) -> &Store {
        &self.shared.media
    }

    /// Every session that reached a stream so far, the oldest first.
    pub fn sessions(&self) -> Vec<SessionRecord> {
        self.shared.records.all()
    }

    /// Follows the sessions.
    pub fn watch(&self) -> Watch {
        self.shared.records.watch()
    }

    /// The latest session that was bound as this full JID, once it has ended.
    pub async fn ended_session(&self, full_jid: &str) -> SessionRecord {
        self.shared
            .records
            .wait_for(|record| record.ended && record.full_jid.as_deref() == Some(full_jid))
            .await
    }

    /// Ends it. Each client is told that the system shuts down (RFC 6120, section 4.9.3.19), and its stream is closed,
    /// as far as this can be done within 2 seconds.
    pub async fn shut_down(mut self) {
        self.shared.closing.begin();
        // The sessions that are left end with it.
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, &mut self.accepting).await;
    }
}

impl Drop for Gatekeeper {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn new(config: Config) -> Result<Self, StartError> {
        let contacts = Contacts::of(&config.accounts);
        let mut accounts = BTreeMap::new();
        for Account { name, password, .. } in config.accounts {
            let verifier = Verifier::new(&password, random::bytes()?);
            accounts.insert(name, KnownAccount { verifier });
        }
        let issuers = config.providers.iter().map(|provider| provider.issuer.clone()).collect();
        let providers = Providers::new(&config.host, config.providers, config.patience)?;
        Ok(Self {
            host: config.host,
            words: config.words,
            accounts,
            passwords: Passwords::new()?,
            issuers,
            providers,
            enlistments: Enlistments::new()?,
            router: Router::default(),
            contacts,
            groups: Groups::default(),
            queue: Queue::default(),
            waking: Waking::default(),
            records: Records::default(),
            resumptions: Resumptions::default(),
            tokens: Tokens::default(),
            keys: Directory::default(),
            resumption: config.resumption,
            behaviour: RwLock::new(config.behaviour),
            operator: config.operator.as_deref().map(Credential::new),
            proxy_protocol: config.proxy_protocol,
            transcripts: config.transcripts,
            media: Store::new(config.media.store),
            media_proxy: MediaProxy::new(config.media.proxy),
            closing: Closing::default(),
        })
    }

    /// How clients are treated at the moment.
    fn behaviour(&self) -> Behaviour {
        *self.behaviour.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_behaviour(&self, behaviour: Behaviour) {
        *self.behaviour.write().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// Whether this is the local part of somebody's JID here.
    fn exists(&self, account: &str) -> bool {
        self.accounts.contains_key(account) || self.enlistments.get(account).is_some()
    }
}
