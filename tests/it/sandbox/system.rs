//! The whole system: a provider, a gatekeeper and a Vestibule before it, each where a connection to it can fail.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tempfile::TempDir;
use tokio::net::TcpListener;
use vestibule::config;
use vestibule::proxy::Proxy;
use vestibule::sandbox::certificates::Authority;
use vestibule::sandbox::client::{
    Client, ClientError, Credentials, Enlisting, Mechanism, ProviderAccount, Resumption, Server,
};
use vestibule::sandbox::element::Element;
use vestibule::sandbox::gatekeeper::{self, Gatekeeper, Listeners, ProviderConfig};
use vestibule::sandbox::http::{Caller, Patience};
use vestibule::sandbox::provider::{self, GatekeeperAccess, Provider};
use vestibule::sandbox::token::{Algorithm, SigningKey};

use super::fault::Fault;
use crate::files;

pub const HOST: &str = "gatekeeper.example";
/// Another gatekeeper that the provider has an agreement with.
pub const ELSEWHERE: &str = "elsewhere.example";
/// Under which clients reach Vestibule.
const FRONT: &str = "interop.provider.example";
/// All that the parts are called.
pub const NAMES: [&str; 4] = [HOST, FRONT, "localhost", "127.0.0.1"];
/// The gatekeeper gives a provider that does not answer up in less than a second.
const HASTE: Patience =
    Patience { attempt: Duration::from_millis(300), attempts: 2, pause: Duration::from_millis(10) };
const PASSWORD: &str = "secret";
const OPERATOR: &str = "of the operator";
const PING: &[u8] = b"<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>";

/// Alice and carol are the provider's, bob is the gatekeeper's own.
pub struct System {
    pub provider: Provider,
    pub gatekeeper: Gatekeeper,
    /// Between the gatekeeper and the provider, also for clients that ask the provider.
    pub to_provider: Fault,
    /// Between Vestibule and the gatekeeper's streams.
    pub to_streams: Fault,
    /// Between clients and the Enlistment API.
    pub to_api: Fault,
    /// Where the provider's clients connect.
    pub front: Front,
    /// Where the gatekeeper's own clients connect.
    direct: Server,
    pub issuer: String,
    pub enlisting: Enlisting,
}

/// A Vestibule before a gatekeeper.
pub struct Front {
    pub server: Server,
    _proxy: Proxy,
    _files: TempDir,
}

/// A user who is enlisted, with what opens streams.
pub struct Enlisted {
    pub internal_id: String,
    pub token: String,
    pub key: SigningKey,
}

impl System {
    pub async fn start() -> Self {
        Self::start_with("{}").await
    }

    /// With these limits of Vestibule's.
    pub async fn start_with(limits: &str) -> Self {
        let authority = Authority::new("test").unwrap();
        let identity = authority.issue(&NAMES).unwrap();
        let tls = authority.client_config().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to_provider = Fault::before(listener.local_addr().unwrap()).await;
        let issuer = format!("https://localhost:{}", to_provider.address.port());
        let provider = Provider::start(provider_config(&issuer), listener, &identity).unwrap();
        let agreement = ProviderConfig {
            issuer: issuer.clone(),
            credential: "of the gatekeeper".to_owned(),
            tls: tls.clone(),
        };
        let bob = gatekeeper::Account {
            name: "bob".to_owned(),
            password: PASSWORD.to_owned(),
            contacts: Vec::new(),
        };
        let config = gatekeeper::Config {
            accounts: vec![bob],
            providers: vec![agreement],
            patience: HASTE,
            operator: Some(OPERATOR.to_owned()),
            ..gatekeeper::Config::new(HOST)
        };
        let gatekeeper =
            Gatekeeper::start(config, Listeners::on_loopback().await.unwrap(), &identity).unwrap();
        let to_streams = Fault::before(gatekeeper.address()).await;
        let to_api = Fault::before(gatekeeper.api()).await;
        let front = Front::start(&authority, to_streams.address, limits);
        let enlisting = Enlisting {
            api: format!("https://localhost:{}", to_api.address.port()),
            host: HOST.to_owned(),
            caller: Caller::new(&tls, Patience::default()).unwrap(),
        };
        let direct = server(&authority, gatekeeper.address(), HOST);
        Self { provider, gatekeeper, to_provider, to_streams, to_api, front, direct, issuer, enlisting }
    }

    pub fn account(&self, name: &str) -> ProviderAccount {
        ProviderAccount {
            issuer: self.issuer.clone(),
            visible_id: format!("{name}@provider.example"),
            password: PASSWORD.to_owned(),
        }
    }

    pub async fn token(&self, name: &str, key: &SigningKey) -> String {
        self.account(name).token(&self.enlisting.caller, HOST, Some(key)).await.unwrap().token
    }

    pub async fn enlisted(&self, name: &str) -> Enlisted {
        let key = key();
        let token = self.token(name, &key).await;
        let internal_id = self.enlisting.enlist(&token, &key).await.unwrap().internal_id;
        Enlisted { internal_id, token, key }
    }

    pub async fn connect(&self) -> Result<Client, ClientError> {
        Client::connect(&self.front.server).await
    }

    /// Opens a stream through Vestibule with a token.
    pub async fn authenticated(&self, token: &str) -> Result<Client, ClientError> {
        let mut client = self.connect().await?;
        client.authenticate(&bearer(token)).await?;
        Ok(client)
    }

    pub async fn resumed(&self, token: &str, resumption: &Resumption) -> Result<Client, ClientError> {
        Client::resume(&self.front.server, &bearer(token), resumption).await
    }

    /// Through Vestibule, with a session that can be resumed.
    pub async fn online(&self, user: &Enlisted) -> Client {
        available(self.authenticated(&user.token).await.unwrap()).await
    }

    /// Waits until the provider has failed to take so many pushes for a user.
    pub async fn until_pushes_failed(&self, user: &Enlisted, count: u64) {
        let url = format!("{}/operator/accounts", self.enlisting.api);
        loop {
            let shown = self.enlisting.caller.client().get(&url).bearer_auth(OPERATOR).send().await.unwrap();
            let shown: serde_json::Value = shown.json().await.unwrap();
            let accounts = shown["accounts"].as_array().unwrap();
            let user = accounts.iter().find(|account| account["account"] == user.internal_id).unwrap();
            if user["pushes"]["failed"] == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The gatekeeper's own user, connected to it directly.
    pub async fn bob(&self) -> Client {
        let mut client = Client::connect(&self.direct).await.unwrap();
        let (account, password) = ("bob".to_owned(), PASSWORD.to_owned());
        client
            .authenticate(&Credentials { account, password, mechanism: Mechanism::ScramSha256 })
            .await
            .unwrap();
        available(client).await
    }
}

impl Enlisted {
    /// The full JID that [`System::online`] binds.
    pub fn jid(&self) -> String {
        format!("{}/desk", self.bare_jid())
    }

    pub fn bare_jid(&self) -> String {
        format!("{}@{HOST}", self.internal_id)
    }
}

impl Front {
    /// With short times for what the gatekeeper does not answer.
    pub fn start(authority: &Authority, gatekeeper: SocketAddr, limits: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(files.path().join(name), text).unwrap();
        let identity = authority.issue(&[FRONT]).unwrap();
        files::copy(&files::root().join("policies"), &files.path().join("policies"));
        write("chain.pem", &identity.chain);
        write("key.pem", &identity.key);
        fs::set_permissions(files.path().join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
        write("roots.pem", &authority.pem());
        write("limits.yaml", limits);
        write(
            "vestibule.yaml",
            &format!(
                "listeners: [{{ address: 127.0.0.1:0 }}]
hosts:
  {HOST}:
    server_names: [{FRONT}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: gatekeeper
    content_types: policies/content-types/enforcing.yaml
    limits: limits.yaml
upstreams:
  gatekeeper: {{ endpoints: ['{gatekeeper}'], server_name: {HOST}, roots: roots.pem, connect_timeout: 1s }}
metadata: policies/metadata/default-deny.yaml
workers: 1
"
            ),
        );
        let loaded = config::load(&files.path().join("vestibule.yaml"));
        let proxy = Proxy::start(loaded.unwrap_or_else(|error| panic!("{error}")).config).unwrap();
        let server = server(authority, proxy.listeners()[0], FRONT);
        Self { server, _proxy: proxy, _files: files }
    }
}

fn server(authority: &Authority, address: SocketAddr, name: &'static str) -> Server {
    let name = ServerName::try_from(name).unwrap();
    Server { address, name, host: HOST.to_owned(), tls: authority.client_config().unwrap() }
}

fn provider_config(issuer: &str) -> provider::Config {
    let account = |name: &str| provider::Account {
        visible_id: format!("{name}@provider.example"),
        password: PASSWORD.to_owned(),
    };
    let access = |audience: &str, credential: &str| GatekeeperAccess {
        audience: audience.to_owned(),
        credential: credential.to_owned(),
    };
    provider::Config {
        accounts: vec![account("alice"), account("carol")],
        gatekeepers: vec![access(HOST, "of the gatekeeper"), access(ELSEWHERE, "of another")],
        ..provider::Config::new(issuer)
    }
}

pub fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa).unwrap()
}

pub fn bearer(token: &str) -> Credentials {
    Credentials { account: String::new(), password: token.to_owned(), mechanism: Mechanism::OauthBearer }
}

/// Binds, makes the session one that can be resumed, and becomes available.
async fn available(mut client: Client) -> Client {
    client.bind("desk", "").await.unwrap();
    client.enable_stream_management().await.unwrap();
    client.send(b"<presence/>").await.unwrap();
    client.receive_where(|stanza| stanza.name == "presence").await.unwrap();
    client
}

pub async fn say(client: &mut Client, to: &str, id: &str, body: &str) {
    let message = format!("<message to='{to}' id='{id}' type='chat'><body>{body}</body></message>");
    client.send(message.as_bytes()).await.unwrap();
}

/// The next message.
pub async fn hear(client: &mut Client) -> Element {
    client.receive_where(|stanza| stanza.name == "message").await.unwrap().root
}

/// Waits until the gatekeeper has taken all that the client has sent. What comes before its answer is passed over.
pub async fn catch_up(client: &mut Client) {
    client.send(PING).await.unwrap();
    client.receive_where(|stanza| stanza.attribute("id") == Some("ping")).await.unwrap();
}

/// Each hears the other, and nothing else comes before.
pub async fn talk(alice: &mut Client, alices_jid: &str, bob: &mut Client, id: &str) {
    say(bob, alices_jid, id, "Are you there?").await;
    let heard = hear(alice).await;
    assert_eq!(heard.attribute("id"), Some(id));
    assert_eq!(heard.attribute("from"), Some("bob@gatekeeper.example/desk"));
    say(alice, "bob@gatekeeper.example", id, "I am").await;
    let heard = hear(bob).await;
    assert_eq!((heard.attribute("id"), heard.attribute("from")), (Some(id), Some(alices_jid)));
}
