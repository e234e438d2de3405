//! `config/vestibule.yaml` as written. What it means is decided where the files that it names are read, in `load`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::policy::{
    ByteSize, HostName, IpAddress, Located, Network, Period, Planned, PolicyDocument, Problem, ServerAddress,
    SocketAddress,
};

/// The configuration of one Vestibule process.
#[derive(Deserialize, JsonSchema)]
pub struct ConfigDocument {
    /// The addresses that clients connect to.
    #[schemars(length(min = 1))]
    pub listeners: Vec<ListenerDocument>,
    /// The domains that clients may name in `to`, and where their streams go.
    pub hosts: Located<BTreeMap<Located<String>, HostDocument>>,
    /// The gatekeepers' servers.
    pub upstreams: BTreeMap<Located<String>, UpstreamDocument>,
    /// The metadata policy: a file. It has no default, because an operator has to know which one holds.
    pub metadata: Located<String>,
    /// Where the lines go that the metadata policy allows.
    #[serde(default)]
    pub access_log: AccessLogDocument,
    /// The log of changes of the metadata policy. Left out, there is none.
    #[serde(default)]
    pub audit_log: Option<AuditLogDocument>,
    /// The HTTP server for metrics and probes. Left out, there is none.
    #[serde(default)]
    pub admin: Option<AdminDocument>,
    /// Threads that serve sessions. Left out, one for each core.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1024))]
    pub workers: Option<u16>,
    /// Connections of clients at one time.
    #[serde(default = "default_max_connections")]
    #[schemars(range(min = 1))]
    pub max_connections: u32,
    /// How long a peer may leave what it was sent unacknowledged, or be silent, before its connection is given up.
    #[serde(default = "default_peer_timeout")]
    pub peer_timeout: Located<Period>,
    /// How the names of endpoints are resolved. Left out, as the system is configured.
    #[serde(default)]
    pub resolver: Option<ResolverDocument>,
    /// What all sessions together may hold in their buffers.
    #[serde(default = "default_memory")]
    pub memory: Located<ByteSize>,
    /// How sessions end when the process is told to.
    #[serde(default)]
    pub drain: DrainDocument,
    /// The keys of TLS session tickets. Left out, each process has its own, and no other one takes its tickets.
    #[serde(default)]
    pub tickets: Option<TicketsDocument>,
}

/// How sessions end when the process is told to.
#[derive(Deserialize, JsonSchema)]
pub struct DrainDocument {
    /// The time to go on as before while `/ready` fails, until balancers have noticed.
    #[serde(default = "default_drain_delay")]
    pub delay: Located<Period>,
    /// The time over which the sessions are ended, evenly, once no new clients are taken.
    #[serde(default = "default_drain_spread")]
    pub spread: Located<Period>,
}

impl Default for DrainDocument {
    fn default() -> Self {
        Self { delay: default_drain_delay(), spread: default_drain_spread() }
    }
}

/// The keys of TLS session tickets.
#[derive(Deserialize, JsonSchema)]
pub struct TicketsDocument {
    /// Files of 48 random bytes. The first one makes tickets, all of them open them.
    #[schemars(length(min = 1, max = 8))]
    pub keys: Vec<Located<String>>,
}

/// An address that clients connect to.
#[derive(Deserialize, JsonSchema)]
pub struct ListenerDocument {
    pub address: Located<SocketAddress>,
    #[serde(default)]
    pub tls: ListenerTls,
    #[serde(default = "default_proxy_protocol")]
    pub proxy_protocol: Located<ProxyProtocol>,
    /// The balancers whose PROXY headers are believed, by their addresses. `required` needs them.
    #[serde(default)]
    pub trusted_proxies: Vec<Located<Network>>,
}

/// How TLS begins.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerTls {
    /// With the connection (XEP-0368).
    #[default]
    Direct,
    /// In a stream in the clear, in which nothing else can be done (RFC 6120, 5).
    Starttls,
}

/// Whether a PROXY header comes before TLS.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyProtocol {
    /// Never.
    Off,
    /// Always, of version 1 or 2, and from the trusted balancers only.
    Required,
}

/// A domain that clients may name in `to`.
#[derive(Deserialize, JsonSchema)]
pub struct HostDocument {
    /// The TLS server names under which clients may ask for the host. Left out, the host's own name.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub server_names: Option<Vec<Located<HostName>>>,
    /// What clients are shown for these server names.
    pub certificate: CertificateDocument,
    /// The name of an upstream.
    pub upstream: Located<String>,
    /// The content-type policy: a file. Left out, nothing is advertised and what clients advertise themselves passes.
    #[serde(default)]
    pub content_types: Option<Located<String>>,
    /// The limits: a file. Left out, the built-in ones hold.
    #[serde(default)]
    pub limits: Option<Located<String>>,
}

/// A certificate with its key, both in PEM files.
#[derive(Deserialize, JsonSchema)]
pub struct CertificateDocument {
    /// The certificate chain, the server's own certificate first.
    pub chain: Located<String>,
    /// The private key.
    pub key: Located<String>,
}

/// How a gatekeeper is reached.
#[derive(Deserialize, JsonSchema)]
pub struct UpstreamDocument {
    /// The addresses of the gatekeeper's servers. Each client has one of them as its first, by its own address.
    #[serde(default)]
    #[schemars(length(min = 1, max = 32))]
    pub endpoints: Option<Vec<ServerAddress>>,
    /// In the place of endpoints: the domain whose SRV records name them.
    #[serde(default)]
    pub srv: Option<Located<HostName>>,
    #[serde(default)]
    pub transport: Transport,
    /// The name that the gatekeeper's certificate must be for.
    pub server_name: Located<HostName>,
    /// Who must have signed the gatekeeper's certificate: `system`, or a PEM file.
    pub roots: Located<String>,
    /// What the gatekeeper is shown if it asks for a certificate. SASL EXTERNAL is refused then.
    #[serde(default)]
    pub client_certificate: Option<CertificateDocument>,
    /// The addresses of this machine that connections come from, in turn. Left out, the system chooses one.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub source_addresses: Option<Vec<IpAddress>>,
    #[serde(default = "default_signals")]
    pub signals: Located<Signals>,
    /// The namespace of the element `<signals/>`. What a client itself says in it is taken out.
    #[serde(default = "default_signals_namespace")]
    pub signals_namespace: Located<String>,
    #[serde(default)]
    pub network: UpstreamNetwork,
    /// The time for a connection to be established, TLS included.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Located<Period>,
    /// Connections that may be in the making at one time. Further clients wait, within the time.
    #[serde(default = "default_max_connecting")]
    #[schemars(range(min = 1))]
    pub max_connecting: u32,
}

/// How the names of endpoints are resolved.
#[derive(Deserialize, JsonSchema)]
pub struct ResolverDocument {
    /// The name servers to ask.
    #[schemars(length(min = 1, max = 8))]
    pub nameservers: Vec<SocketAddress>,
}

impl ResolverDocument {
    pub(super) fn addresses(self) -> Vec<SocketAddr> {
        self.nameservers.into_iter().map(|address| address.0).collect()
    }
}

/// How TLS to the gatekeeper begins.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// With the connection (XEP-0368).
    #[default]
    Tls,
    /// In a stream in the clear, in which nothing else is said (RFC 6120, 5).
    Starttls,
}

/// How the gatekeeper is told about the client's connection what the metadata policy lets it know.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Signals {
    /// Not at all.
    Off,
    /// By the element `<signals/>` in the client's request for a resource or a resumption, inside TLS.
    Element,
    /// By a header of the PROXY protocol, version 1, before TLS. It needs `network: private`.
    ProxyV1,
    /// By a header of version 2.
    ProxyV2,
}

/// Who can read what goes to the gatekeeper before TLS.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamNetwork {
    /// Anybody.
    #[default]
    Public,
    /// Nobody but the provider and the gatekeeper.
    Private,
}

/// Where access lines go: `stdout`, `journald`, or `folder: PATH`.
#[derive(Default)]
pub enum AccessLogDocument {
    #[default]
    Stdout,
    Journald,
    Folder(AccessLogFolderDocument),
}

/// A folder that access lines are kept in for as long as the metadata policy says.
#[derive(Deserialize, JsonSchema)]
pub struct AccessLogFolderDocument {
    /// It has to be there.
    pub folder: Located<String>,
    /// A file that has reached this size is followed by another one.
    #[serde(default = "default_segment_size")]
    pub segment_size: Located<ByteSize>,
}

/// The hash-chained log of changes of the metadata policy.
#[derive(Deserialize, JsonSchema)]
pub struct AuditLogDocument {
    /// It has to be there. One process at a time writes into it.
    pub folder: Located<String>,
    /// How long every record is kept.
    pub retention: Located<Period>,
}

/// The HTTP server for metrics and probes.
#[derive(Deserialize, JsonSchema)]
pub struct AdminDocument {
    /// It has no access control of its own: choose an address that only the operator reaches.
    pub address: Located<SocketAddress>,
}

impl PolicyDocument for ConfigDocument {
    /// The document itself: its meaning depends on the files that it names.
    type Value = Self;

    const KIND: &'static str = "configuration";
    const PLANNED: &'static [Planned] = &[Planned::key("admission"), Planned::key("hosts.*.admission")];

    fn build(self, _warnings: &mut Vec<Problem>) -> Result<Self, Vec<Problem>> {
        Ok(self)
    }
}

/// By hand: serde would read an enum of words and mappings without the places in the file.
impl<'de> Deserialize<'de> for AccessLogDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = AccessLogDocument;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a word or a folder")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<AccessLogDocument, E> {
                match word {
                    "stdout" => Ok(AccessLogDocument::Stdout),
                    "journald" => Ok(AccessLogDocument::Journald),
                    _ => Err(E::custom("a word or a folder")),
                }
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<AccessLogDocument, M::Error> {
                let folder = AccessLogFolderDocument::deserialize(MapAccessDeserializer::new(map))?;
                Ok(AccessLogDocument::Folder(folder))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for AccessLogDocument {
    fn schema_name() -> Cow<'static, str> {
        "AccessLogDocument".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where access lines go: `stdout`, `journald`, or `folder: PATH`.",
            "anyOf": [
                { "description": "Standard output.", "type": "string", "const": "stdout" },
                { "description": "systemd's journal.", "type": "string", "const": "journald" },
                generator.subschema_for::<AccessLogFolderDocument>(),
            ],
        })
    }
}

fn default_proxy_protocol() -> Located<ProxyProtocol> {
    Located::built_in(ProxyProtocol::Off)
}

fn default_signals() -> Located<Signals> {
    Located::built_in(Signals::Element)
}

fn default_signals_namespace() -> Located<String> {
    Located::built_in("urn:x-vestibule:signals:0".to_owned())
}

fn default_max_connections() -> u32 {
    10_000
}

fn default_segment_size() -> Located<ByteSize> {
    Located::built_in(ByteSize::new(256 << 20))
}

fn default_memory() -> Located<ByteSize> {
    Located::built_in(ByteSize::new(256 << 20))
}

fn default_peer_timeout() -> Located<Period> {
    Located::built_in(Period::new(std::time::Duration::from_secs(60)))
}

fn default_drain_delay() -> Located<Period> {
    Located::built_in(Period::new(std::time::Duration::ZERO))
}

/// With what comes after it, it fits into the 90 seconds that systemd gives a service to stop (DefaultTimeoutStopSec), and
/// 10,000 clients that come back make some 330 handshakes a second for whoever takes them.
fn default_drain_spread() -> Located<Period> {
    Located::built_in(Period::new(std::time::Duration::from_secs(30)))
}

fn default_max_connecting() -> u32 {
    512
}

fn default_connect_timeout() -> Located<Period> {
    Located::built_in(Period::new(std::time::Duration::from_secs(10)))
}
