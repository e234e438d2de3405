//! The configuration files as written. What they mean is decided where the files that they name are read.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::policy::{
    HostName, Located, Network, Period, PolicyDocument, Problem, ServerAddress, SocketAddress,
};
use crate::sandbox::token::Algorithm;

/// A gatekeeper of the sandbox.
#[derive(Deserialize, JsonSchema)]
pub struct GatekeeperDocument {
    /// Its domain: what streams are addressed to, and what providers' tokens are for.
    pub host: HostName,
    /// Where clients' streams are served, by direct TLS.
    pub streams: StreamsDocument,
    /// Where the Enlistment API is served.
    pub api: ListenerDocument,
    /// What clients are shown on both.
    pub certificate: CertificateDocument,
    /// Its own users.
    #[serde(default)]
    pub accounts: Vec<AccountDocument>,
    /// Whose users may enlist.
    #[serde(default)]
    pub providers: Vec<ProviderAccessDocument>,
    /// The namespaces of what it is told of clients, and of the content of messages. Left out, those of the dialect
    /// `vestibule`.
    #[serde(default)]
    pub words: WordsDocument,
    /// How long a session that lost its connection can be resumed.
    #[serde(default = "default_resumption")]
    pub resumption: Located<Period>,
    /// How it treats clients.
    #[serde(default)]
    pub behaviour: BehaviourDocument,
    /// How it fetches the providers' media.
    #[serde(default)]
    pub media: MediaDocument,
    /// What an operator shows as `Authorization: Bearer`. Left out, nobody can be one.
    #[serde(default)]
    pub operator: Option<Located<String>>,
}

/// Where streams are served.
#[derive(Deserialize, JsonSchema)]
pub struct StreamsDocument {
    pub address: Located<SocketAddress>,
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
}

/// Whether a PROXY header comes before TLS.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyProtocol {
    /// Never.
    #[default]
    Off,
    /// Always, of version 1 or 2.
    Required,
}

/// Where HTTP is served.
#[derive(Deserialize, JsonSchema)]
pub struct ListenerDocument {
    pub address: Located<SocketAddress>,
}

/// A certificate with its key, both in PEM files.
#[derive(Deserialize, JsonSchema)]
pub struct CertificateDocument {
    /// The certificate chain, the server's own certificate first.
    pub chain: Located<String>,
    /// The private key.
    pub key: Located<String>,
}

/// A user of the gatekeeper's own.
#[derive(Deserialize, JsonSchema)]
pub struct AccountDocument {
    /// The local part of the user's JID.
    pub name: Located<String>,
    pub password: Located<String>,
    /// The names of those with whom this user shares presence, in both directions.
    #[serde(default)]
    pub contacts: Vec<Located<String>>,
}

/// An agreement with a provider.
#[derive(Deserialize, JsonSchema)]
pub struct ProviderAccessDocument {
    /// Its issuer URL.
    pub issuer: Located<String>,
    /// What this gatekeeper shows the provider as `Authorization: Bearer`, and the provider shows this gatekeeper.
    pub credential: Located<String>,
    /// Who must have signed the provider's certificate: `system`, or a PEM file.
    pub roots: Located<String>,
    /// Where it has its media: `https`, a host and a port, as `https://media.provider.example:8443`. Left out, where its
    /// issuer URL is.
    #[serde(default)]
    pub media: Vec<Located<String>>,
}

/// How providers' media are fetched.
#[derive(Default, Deserialize, JsonSchema)]
pub struct MediaDocument {
    /// Networks that are not public, where providers may have their media all the same, as `127.0.0.0/8`.
    #[serde(default)]
    pub networks: Vec<Located<Network>>,
}

/// Namespaces.
#[derive(Default, Deserialize, JsonSchema)]
pub struct WordsDocument {
    /// What a client can receive.
    #[serde(default)]
    pub content_types: Option<Located<String>>,
    /// The content of messages: an element's name is its class.
    #[serde(default)]
    pub contents: Option<Located<String>>,
    /// What a proxy observed of the client's connection.
    #[serde(default)]
    pub signals: Option<Located<String>>,
}

/// How the gatekeeper treats clients.
#[derive(Default, Deserialize, JsonSchema)]
pub struct BehaviourDocument {
    /// Sends content whatever a client has said it can receive.
    #[serde(default)]
    pub ignore_content_types: bool,
}

/// A provider of the sandbox.
#[derive(Deserialize, JsonSchema)]
pub struct ProviderDocument {
    /// Its issuer URL, below which all that it publishes is found.
    pub issuer: Located<String>,
    /// Where its HTTP interface is served.
    pub address: Located<SocketAddress>,
    /// What others are shown there.
    pub certificate: CertificateDocument,
    #[serde(default)]
    pub accounts: Vec<ProviderAccountDocument>,
    #[serde(default)]
    pub gatekeepers: Vec<GatekeeperAccessDocument>,
    /// What tokens are signed with.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// How long a token is valid.
    #[serde(default = "default_token_lifetime")]
    pub token_lifetime: Located<Period>,
    /// How often it begins to sign with another key. Left out, it does so only when an operator says it.
    #[serde(default)]
    pub rotation: Option<Located<Period>>,
    /// What an operator shows as `Authorization: Bearer`. Left out, nobody can be one.
    #[serde(default)]
    pub operator: Option<Located<String>>,
}

/// A user of a provider.
#[derive(Deserialize, JsonSchema)]
pub struct ProviderAccountDocument {
    /// By which the provider's users know each other: `alice@provider.example`.
    pub visible_id: Located<String>,
    pub password: Located<String>,
}

/// An agreement with a gatekeeper.
#[derive(Deserialize, JsonSchema)]
pub struct GatekeeperAccessDocument {
    /// Its domain.
    pub audience: Located<HostName>,
    /// What it shows as `Authorization: Bearer`.
    pub credential: Located<String>,
}

/// A provider's client of the sandbox.
#[derive(Deserialize, JsonSchema)]
pub struct ClientDocument {
    pub provider: ClientProviderDocument,
    /// The user's account at the provider.
    pub account: ProviderAccountDocument,
    pub gatekeeper: ClientGatekeeperDocument,
    /// Where streams are opened: Vestibule, or the gatekeeper itself.
    pub server: ServerDocument,
    /// The resource to be bound. Left out, the gatekeeper chooses one.
    #[serde(default)]
    pub resource: Option<Located<String>>,
}

/// Where tokens come from.
#[derive(Deserialize, JsonSchema)]
pub struct ClientProviderDocument {
    /// Its issuer URL.
    pub issuer: Located<String>,
    /// Who must have signed its certificate: `system`, or a PEM file.
    pub roots: Located<String>,
}

/// Where the client enlists.
#[derive(Deserialize, JsonSchema)]
pub struct ClientGatekeeperDocument {
    /// Its domain.
    pub host: HostName,
    /// The URL of its Enlistment API.
    pub api: Located<String>,
    /// Who must have signed the API's certificate: `system`, or a PEM file.
    pub roots: Located<String>,
}

/// Where streams are opened, by direct TLS.
#[derive(Deserialize, JsonSchema)]
pub struct ServerDocument {
    pub address: ServerAddress,
    /// The TLS server name, which the certificate must be for.
    pub name: Located<HostName>,
    /// Who must have signed the certificate: `system`, or a PEM file.
    pub roots: Located<String>,
}

/// Declares the kinds. Each is its own value: what it means depends on the files that it names.
macro_rules! kinds {
    ($($document:ident: $kind:literal;)+) => {
        $(impl PolicyDocument for $document {
            type Value = Self;
            const KIND: &'static str = $kind;

            fn build(self, _warnings: &mut Vec<Problem>) -> Result<Self, Vec<Problem>> {
                Ok(self)
            }
        })+
    };
}

kinds! {
    GatekeeperDocument: "sandbox-gatekeeper";
    ProviderDocument: "sandbox-provider";
    ClientDocument: "sandbox-client";
}

fn default_resumption() -> Located<Period> {
    Located::built_in(Period::new(std::time::Duration::from_mins(5)))
}

fn default_token_lifetime() -> Located<Period> {
    Located::built_in(Period::new(std::time::Duration::from_hours(1)))
}
