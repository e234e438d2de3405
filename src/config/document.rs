//! `config/vestibule.yaml` as written. What it means is decided where the files that it names are read, in `load`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::policy::{
    ByteSize, HostName, Located, Period, Planned, PolicyDocument, Problem, ServerAddress, SocketAddress,
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
    /// What all sessions together may hold in their buffers.
    #[serde(default = "default_memory")]
    pub memory: Located<ByteSize>,
}

/// An address that clients connect to.
#[derive(Deserialize, JsonSchema)]
pub struct ListenerDocument {
    pub address: Located<SocketAddress>,
    #[serde(default)]
    pub tls: ListenerTls,
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// The balancers whose PROXY headers are believed.
    #[serde(default)]
    #[schemars(length(max = 0))]
    pub trusted_proxies: Vec<String>,
}

/// How TLS begins.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerTls {
    /// With the connection (XEP-0368).
    #[default]
    Direct,
}

/// Whether a PROXY header comes before TLS.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyProtocol {
    /// Never.
    #[default]
    Off,
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
    /// The gatekeeper's address.
    #[schemars(length(min = 1, max = 1))]
    pub endpoints: Vec<ServerAddress>,
    #[serde(default)]
    pub transport: Transport,
    /// The name that the gatekeeper's certificate must be for.
    pub server_name: Located<HostName>,
    /// Who must have signed the gatekeeper's certificate: `system`, or a PEM file.
    pub roots: Located<String>,
    #[serde(default)]
    pub signals: Signals,
    /// The time for a connection to be established, TLS included.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Located<Period>,
}

/// How TLS to the gatekeeper begins.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// With the connection (XEP-0368).
    #[default]
    Tls,
}

/// How the gatekeeper is told about the client's connection.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Signals {
    /// Not at all.
    #[default]
    Off,
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
    const PLANNED: &'static [Planned] = &[
        Planned::key("admission"),
        Planned::key("drain"),
        Planned::key("hosts.*.admission"),
        Planned::value("listeners.*.proxy_protocol", "required"),
        Planned::value("listeners.*.tls", "starttls"),
        Planned::key("listeners.*.trusted_proxies.*"),
        Planned::key("upstreams.*.client_certificate"),
        Planned::key("upstreams.*.endpoints.1"),
        Planned::key("upstreams.*.network"),
        Planned::value("upstreams.*.signals", "element"),
        Planned::value("upstreams.*.signals", "proxy-v1"),
        Planned::value("upstreams.*.signals", "proxy-v2"),
        Planned::value("upstreams.*.transport", "starttls"),
    ];

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

fn default_max_connections() -> u32 {
    10_000
}

fn default_segment_size() -> Located<ByteSize> {
    Located::built_in(ByteSize::new(256 << 20))
}

fn default_memory() -> Located<ByteSize> {
    Located::built_in(ByteSize::new(256 << 20))
}

fn default_connect_timeout() -> Located<Period> {
    Located::built_in(Period::new(std::time::Duration::from_secs(10)))
}
