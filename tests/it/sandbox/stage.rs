//! A gatekeeper of the sandbox with users of its own, and clients that log in to it.

use rustls_pki_types::ServerName;
use vestibule::sandbox::certificates::Authority;
use vestibule::sandbox::client::{Client, ClientError, Credentials, Mechanism, Server};
use vestibule::sandbox::element::Element;
use vestibule::sandbox::gatekeeper::{self, Account, Gatekeeper, Listeners};
use vestibule::sandbox::http::{Caller, Patience};

pub const HOST: &str = "gatekeeper.example";
/// What opens the operator's interface.
pub const OPERATOR: &str = "the-operators-word";

/// A gatekeeper where ann and ben know each other, and cat knows nobody.
pub struct Sandbox {
    pub gatekeeper: Gatekeeper,
    pub server: Server,
    /// Trusts the gatekeeper's HTTP interface.
    pub http: reqwest::Client,
}

impl Sandbox {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut gatekeeper::Config)) -> Self {
        let authority = Authority::new("test").unwrap();
        let account = |name: &str, contacts: &[&str]| Account {
            name: name.to_owned(),
            password: password(name),
            contacts: contacts.iter().map(ToString::to_string).collect(),
        };
        let accounts = vec![account("ann", &["ben"]), account("ben", &["ann"]), account("cat", &[])];
        let operator = Some(OPERATOR.to_owned());
        let mut config = gatekeeper::Config { accounts, operator, ..gatekeeper::Config::new(HOST) };
        change(&mut config);
        let listeners = Listeners::on_loopback().await.unwrap();
        let identity = authority.issue(&[HOST, "localhost"]).unwrap();
        let gatekeeper = Gatekeeper::start(config, listeners, &identity).unwrap();
        let tls = authority.client_config().unwrap();
        let http = Caller::new(&tls, Patience::default()).unwrap().client().clone();
        let name = ServerName::try_from(HOST).unwrap();
        let server = Server { address: gatekeeper.address(), name, host: HOST.to_owned(), tls };
        Self { gatekeeper, server, http }
    }

    pub async fn connect(&self) -> Client {
        Client::connect(&self.server).await.unwrap()
    }

    pub async fn authenticated(&self, name: &str) -> Client {
        let mut client = self.connect().await;
        client.authenticate(&credentials(name, Mechanism::Plain)).await.unwrap();
        client
    }

    /// Bound as `name@HOST/desk`.
    pub async fn bound(&self, name: &str) -> Client {
        let mut client = self.authenticated(name).await;
        assert_eq!(client.bind("desk", "").await.unwrap(), format!("{name}@{HOST}/desk"));
        client
    }

    pub async fn available(&self, name: &str) -> Client {
        let mut client = self.bound(name).await;
        client.send(b"<presence/>").await.unwrap();
        // The session's own presence comes back to it (RFC 6121, section 4.2.2).
        next(&mut client).await;
        client
    }
}

pub fn credentials(name: &str, mechanism: Mechanism) -> Credentials {
    Credentials { account: name.to_owned(), password: password(name), mechanism }
}

fn password(name: &str) -> String {
    format!("{name}'s password")
}

pub async fn next(client: &mut Client) -> Element {
    client.receive().await.unwrap().root
}

/// Sends something and returns what comes next.
pub async fn exchange(client: &mut Client, request: &str) -> Element {
    client.send(request.as_bytes()).await.unwrap();
    next(client).await
}

/// Waits for the stream error that ends the stream.
pub async fn stream_error(client: &mut Client) -> String {
    match client.receive_where(|_| false).await {
        Err(ClientError::StreamError(condition)) => condition,
        Err(other) => panic!("no stream error: {other}"),
        Ok(_) => unreachable!(),
    }
}
