//! The configuration, valid by construction: what `config/vestibule.yaml` and the files it names say, checked against
//! each other. It starts nothing and connects to nothing.

mod certificate;
mod document;
mod drain;
mod error;
mod files;
mod hosts;
mod kind;
mod load;
mod logs;
mod policies;
mod signals;
#[cfg(test)]
mod tests;
mod tickets;
mod upstreams;

pub use certificate::certificate_end;
pub use document::ConfigDocument;
pub use drain::Drain;
pub use error::{ConfigError, ConfigWarning, FileProblem, LoadError};
#[cfg(feature = "sandbox")]
pub(crate) use files::Files;
pub use files::LARGEST_FILE;
pub use load::{Loaded, load};
pub use policies::{LoadedPolicy, MetadataPolicy, load_content_types, load_metadata, load_policy, load_text};

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{content_types, disclosure, downstream, framing, limit, telemetry, upstream};

/// Everything a proxy needs to know before it starts.
pub struct Config {
    /// At least one, each with another address.
    pub listeners: Vec<downstream::ListenerConfig>,
    /// At least one, in the file's order.
    pub hosts: Vec<Host>,
    /// The gate's table, with every host's dialect: its namespace is watched, and its elements are told apart.
    pub vocabulary: Arc<framing::Vocabulary>,
    pub metadata: disclosure::DisclosurePolicy,
    /// A metadata policy that is tried beside it: counted, without values.
    pub shadow: Option<disclosure::DisclosurePolicy>,
    /// Where the lines go that the metadata policy allows.
    pub access_log: telemetry::AccessLogTarget,
    /// Where changes of the metadata policy are recorded.
    pub audit_log: Option<telemetry::AuditLogConfig>,
    pub admin: Option<SocketAddr>,
    /// Threads that serve sessions. `None`: one for each core.
    pub workers: Option<NonZeroUsize>,
    /// Connections of clients at one time.
    pub max_connections: usize,
    /// After how long a peer on either side that acknowledges nothing is given up.
    pub peer_timeout: Duration,
    /// Asked for the names of endpoints; none: the system's.
    pub name_servers: Vec<SocketAddr>,
    /// Bytes that all sessions together may hold in their buffers.
    pub memory: usize,
    /// How sessions end when the process is told to.
    pub drain: Drain,
    /// The keys of TLS session tickets; none: the TLS library's own.
    pub ticket_keys: Vec<downstream::tickets::TicketKey>,
}

/// What a stream's `to` selects.
#[derive(PartialEq)]
pub struct Host {
    /// The domain, in lower case.
    pub name: String,
    /// SNI names that may carry it, in lower case. Hosts that share one have the same certificate.
    pub server_names: Vec<String>,
    pub certificate: downstream::tls::Certificate,
    /// When the certificate ends, if that can be read.
    pub certificate_end: Option<SystemTime>,
    /// Hosts that name the same upstream share it.
    pub upstream: Arc<upstream::UpstreamConfig>,
    pub content_types: Option<Arc<content_types::ContentTypesPolicy>>,
    pub limits: Arc<limit::Limits>,
}
