//! The configuration, valid by construction.

mod document; // config/vestibule.yaml as written
mod load;     // files, PEM

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::{content_types, disclosure, downstream, framing, limit, upstream};

pub struct Config {
    pub listeners: Vec<downstream::ListenerConfig>,
    pub hosts: Vec<Host>,
    /// The gate's table, with every host's dialect namespace watched.
    pub vocabulary: Arc<framing::Vocabulary>,
    pub metadata: disclosure::DisclosurePolicy,
    pub access_log: AccessLogTarget,
    pub admin: Option<SocketAddr>,
}

/// What a stream's `to` selects.
pub struct Host {
    /// The domain, in lower case.
    pub name: String,
    /// SNI names that may carry it, in lower case.
    pub server_names: Vec<String>,
    pub certificate: downstream::tls::Certificate,
    /// Hosts that name the same upstream share it.
    pub upstream: Arc<upstream::UpstreamConfig>,
    pub content_types: Option<Arc<content_types::Advertiser>>,
    pub limits: Arc<limit::Limits>,
}

pub enum AccessLogTarget {
    StandardOutput,
    File(PathBuf),
}
