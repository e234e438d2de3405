//! A Vestibule of which the configuration is changed while it runs, before gatekeepers of the sandbox.

mod kept;
mod refused;
mod taken_over;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vestibule::config;
use vestibule::proxy::Proxy;
use vestibule::sandbox::certificates::Authority;
use vestibule::sandbox::client::{Client, ClientError, Credentials, Mechanism, Server};
use vestibule::sandbox::gatekeeper::{self, Gatekeeper, Listeners};

use crate::files;

const HOST: &str = "gatekeeper.example";
const OTHER: &str = "other.example";
/// Under which clients reach Vestibule.
const FRONT: &str = "interop.provider.example";
const PASSWORD: &str = "secret";

/// The text of a configuration, in parts that are changed one by one.
struct Text {
    hosts: Vec<&'static str>,
    /// What stands in the first host besides.
    host: String,
    /// What stands in the upstream besides.
    upstream: String,
    /// The gatekeeper's address.
    endpoint: String,
    workers: u8,
    /// What stands in the document besides.
    more: String,
}

struct Changing {
    authority: Authority,
    folder: TempDir,
    proxy: Proxy,
    text: Text,
}

/// A gatekeeper with one user of its own.
async fn gatekeeper(authority: &Authority, host: &str, user: &str) -> Gatekeeper {
    let (name, password) = (user.to_owned(), PASSWORD.to_owned());
    let account = gatekeeper::Account { name, password, contacts: Vec::new() };
    let config = gatekeeper::Config { accounts: vec![account], ..gatekeeper::Config::new(host) };
    let listeners = Listeners::on_loopback().await.unwrap();
    Gatekeeper::start(config, listeners, &authority.issue(&[HOST]).unwrap()).unwrap()
}

impl Changing {
    /// Before a gatekeeper that serves [`HOST`] for bob.
    async fn start() -> (Self, Gatekeeper) {
        let authority = Authority::new("test").unwrap();
        let gatekeeper = gatekeeper(&authority, HOST, "bob").await;
        let endpoint = gatekeeper.address().to_string();
        (Self::before(authority, endpoint), gatekeeper)
    }

    fn before(authority: Authority, endpoint: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        files::copy(&files::root().join("policies"), &folder.path().join("policies"));
        let text = Text {
            hosts: vec![HOST],
            host: String::new(),
            upstream: String::new(),
            endpoint,
            workers: 1,
            more: String::new(),
        };
        fs::write(folder.path().join("roots.pem"), authority.pem()).unwrap();
        issue(&authority, &folder);
        let policy = folder.path().join("policies/metadata/default-deny.yaml");
        fs::copy(policy, folder.path().join("metadata.yaml")).unwrap();
        fs::write(folder.path().join("vestibule.yaml"), text.document()).unwrap();
        let loaded = config::load(&folder.path().join("vestibule.yaml"));
        let proxy = Proxy::start(loaded.unwrap_or_else(|error| panic!("{error}")).config).unwrap();
        Self { authority, folder, proxy, text }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A new certificate in the place of the one before.
    fn renew(&self) {
        issue(&self.authority, &self.folder);
    }

    /// As on SIGHUP: an error is what the operator is told.
    fn reload(&self) -> Result<(), String> {
        self.write("vestibule.yaml", &self.text.document());
        match config::load(&self.path("vestibule.yaml")) {
            Ok(loaded) => self.proxy.reload(loaded.config).map_err(|error| error.to_string()),
            Err(error) => {
                self.proxy.refuse_reload();
                Err(error.to_string())
            }
        }
    }

    /// With other limits for the first host.
    fn reload_limits(&mut self, limits: &str) {
        self.write("limits.yaml", limits);
        self.text.host = "limits: limits.yaml".to_owned();
        self.reload().unwrap();
    }

    fn server(&self, host: &str) -> Server {
        let name = ServerName::try_from(FRONT).unwrap();
        let (address, tls) = (self.proxy.listeners()[0], self.authority.client_config().unwrap());
        Server { address, name, host: host.to_owned(), tls }
    }

    async fn connect(&self, host: &str) -> Result<Client, ClientError> {
        Client::connect(&self.server(host)).await
    }

    /// A bound session.
    async fn session(&self, user: &str, resource: &str) -> Result<Client, ClientError> {
        let mut client = self.connect(HOST).await?;
        let (account, password) = (user.to_owned(), PASSWORD.to_owned());
        client.authenticate(&Credentials { account, password, mechanism: Mechanism::ScramSha256 }).await?;
        client.bind(resource, "").await?;
        Ok(client)
    }

    /// A page of the admin server.
    async fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.proxy.admin().unwrap()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        page
    }

    async fn status(&self) -> serde_json::Value {
        let page = self.page("/status.json").await;
        serde_json::from_str(page.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// The value of one sample; `None` if it is not there.
    async fn metric(&self, sample: &str) -> Option<f64> {
        let page = self.page("/metrics").await;
        let value = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap())
    }

    /// How many addresses of the upstream are ejected.
    async fn ejected(&self) -> Option<f64> {
        self.metric("vestibule_upstream_endpoints{state=\"ejected\",upstream=\"gatekeeper\"}").await
    }
}

impl Text {
    fn document(&self) -> String {
        let Self { host, upstream, endpoint, workers, more, .. } = self;
        let of_host = |(number, name): (usize, &&str)| {
            let host = if number == 0 { host } else { "" };
            format!(
                "  {name}:
    server_names: [{FRONT}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: gatekeeper
    {host}
"
            )
        };
        let hosts: String = self.hosts.iter().enumerate().map(of_host).collect();
        format!(
            "listeners: [{{ address: 127.0.0.1:0 }}]
hosts:
{hosts}upstreams:
  gatekeeper:
    endpoints: ['{endpoint}']
    server_name: {HOST}
    roots: roots.pem
    signals: off
    {upstream}
metadata: metadata.yaml
admin: {{ address: 127.0.0.1:0 }}
workers: {workers}
{more}
"
        )
    }
}

fn issue(authority: &Authority, folder: &TempDir) {
    let identity = authority.issue(&[FRONT]).unwrap();
    fs::write(folder.path().join("chain.pem"), identity.chain).unwrap();
    fs::write(folder.path().join("key.pem"), identity.key).unwrap();
    fs::set_permissions(folder.path().join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
}

/// The session is alive: the gatekeeper answers.
async fn ping(client: &mut Client) {
    try_ping(client).await.unwrap();
}

async fn try_ping(client: &mut Client) -> Result<(), ClientError> {
    client.send(b"<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>").await?;
    client.receive_where(|stanza| stanza.attribute("id") == Some("ping")).await.map(drop)
}

/// A stanza of so many bytes, at least, which comes back or ends the stream.
async fn send_large(client: &mut Client, bytes: usize) -> Result<(), ClientError> {
    let stanza = format!(
        "<iq type='get' id='large'><ping xmlns='urn:xmpp:ping'/><x xmlns='urn:x'>{}</x></iq>",
        "x".repeat(bytes)
    );
    client.send(stanza.as_bytes()).await?;
    client.receive_where(|stanza| stanza.attribute("id") == Some("large")).await.map(drop)
}

fn stream_error(condition: &str) -> ClientError {
    ClientError::StreamError(condition.to_owned())
}

/// Waits until it is so.
async fn until(holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it comes to be");
}
