//! What an operator asks first: how the process, its hosts, upstreams, certificates and policies fare. As JSON for
//! scripts, and as a page for people.
//!
//! It holds configured names, the addresses of gatekeepers, words of Vestibule's own, and numbers: nothing that a peer
//! sent. What counts is counted since the process started.

mod page;
#[cfg(test)]
pub(super) mod tests;
mod trouble;

pub use page::{page, policy_of_content};
pub use trouble::{Trouble, troubles};

use std::collections::BTreeMap;

use serde::Serialize;

use super::metrics;

/// Everything that the status tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    pub version: &'static str,
    pub state: State,
    /// Whether new clients are taken.
    pub ready: bool,
    /// When it was asked for, in the form of RFC 3339.
    pub now: String,
    pub started: String,
    pub uptime_seconds: u64,
    /// When the configuration was loaded that is in force.
    pub loaded: String,
    /// Whether it is also the last one that was to be loaded.
    pub last_reload_successful: bool,
    /// Threads that serve sessions.
    pub workers: usize,
    /// What can become full.
    pub fullness: Vec<Fullness>,
    /// Of all hosts, with those that were taken out.
    pub sessions_open: i64,
    pub hosts: BTreeMap<String, HostStatus>,
    /// Hosts that no configuration has any more, and that have sessions still.
    pub hosts_taken_out: BTreeMap<String, metrics::HostStatus>,
    pub upstreams: BTreeMap<String, UpstreamStatus>,
    /// In the order of their ends.
    pub certificates: Vec<CertificateStatus>,
    pub metadata: MetadataStatus,
    /// What was slowed, refused, lost or left out.
    pub troubles: Vec<Trouble>,
}

/// Where the process is between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Starting,
    Ready,
    Draining,
}

/// How full something is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fullness {
    pub of: String,
    pub used: u64,
    pub most: u64,
    pub unit: Unit,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Count,
    Bytes,
}

/// How near something is to its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Fine,
    /// 80 % and more.
    Near,
    /// 95 % and more.
    Full,
}

impl Fullness {
    pub fn level(&self) -> Level {
        let (used, most) = (u128::from(self.used) * 100, u128::from(self.most));
        match () {
            () if used >= most * 95 => Level::Full,
            () if used >= most * 80 => Level::Near,
            () => Level::Fine,
        }
    }
}

/// How a host fares.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostStatus {
    #[serde(flatten)]
    pub counts: metrics::HostStatus,
    #[serde(flatten)]
    pub configured: HostOutline,
}

/// What the configuration says of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostOutline {
    pub upstream: String,
    pub server_names: Vec<String>,
    pub limits: LimitsOutline,
    /// `None`: the gatekeeper is told nothing.
    pub content_types: Option<ContentTypesOutline>,
}

/// What a host's clients are held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitsOutline {
    /// Connections at one time.
    pub connections_per_address: u32,
    pub sessions_per_account: u32,
    /// `None`: no rate.
    pub client_rate: Option<RateOutline>,
    pub gatekeeper_rate: Option<RateOutline>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RateOutline {
    pub stanzas_per_second: u32,
    pub kib_per_second: u32,
}

/// How a host's gatekeeper is told what clients can receive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContentTypesOutline {
    /// The namespace of the gatekeeper's words.
    pub dialect: String,
    pub carriers: Vec<&'static str>,
    pub profiles: Vec<String>,
}

/// How an upstream fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UpstreamStatus {
    /// As they are configured.
    pub endpoints: String,
    pub up: usize,
    pub ejected: usize,
    pub connecting: usize,
    pub connecting_max: usize,
    pub addresses: Vec<AddressStatus>,
}

/// An address of a gatekeeper's endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AddressStatus {
    pub address: String,
    pub state: &'static str,
}

/// When a certificate ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateStatus {
    pub shown_to: ShownTo,
    /// The host, or the upstream.
    pub of: String,
    /// For which clients are shown it.
    pub server_names: Vec<String>,
    /// In the form of RFC 3339. `None`: it cannot be read.
    pub ends: Option<String>,
    /// Below zero when it has ended.
    pub ends_in_seconds: Option<i64>,
}

/// Who is shown a certificate of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShownTo {
    Clients,
    Gatekeeper,
}

/// What is in force of the metadata policy: the operator's own words and Vestibule's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetadataStatus {
    /// The policy's digest.
    pub policy: String,
    /// Since when, as far as this process knows, in the form of RFC 3339.
    pub since: String,
    /// The digest of the policy that is tried beside it.
    pub shadow: Option<String>,
    /// Those that are not over yet.
    pub exceptions: Vec<ExceptionStatus>,
    /// The audit log's head, as `vestibule audit verify` takes it.
    pub audit_head: Option<String>,
}

/// Fields that are open for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExceptionStatus {
    pub sink: &'static str,
    pub event: &'static str,
    pub fields: Vec<&'static str>,
    pub reason: String,
    /// In seconds from now on.
    pub ends_in: u64,
}
