//! Quotas, sizes and times that hold clients and gatekeepers to their part.

pub mod document;   // the YAML of policies/limits/*.yaml as written
mod rate;

pub use rate::{Admitted, RateLimiter};

use std::num::NonZeroU32;
use std::time::Duration;

use crate::framing;

/// Everything a host's sessions are held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub timeouts: Timeouts,
    /// From the client, before and after authentication.
    pub before_authentication: framing::Limits,
    /// Elements a client may send before it is authenticated.
    pub elements_before_authentication: u32,
    pub from_client: framing::Limits,
    pub from_gatekeeper: framing::Limits,
    /// What a client may send, if it is limited.
    pub client_rate: Option<Rate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub tls_handshake: Duration,
    pub header: Duration,
    /// From the accepted connection to the bound resource's authentication.
    pub authentication: Duration,
    pub idle: Duration,
    pub write_stall: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub stanzas_per_second: NonZeroU32,
    pub stanza_burst: NonZeroU32,
    pub kib_per_second: NonZeroU32,
    pub kib_burst: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        todo!()
    }
}
