//! The media proxy: fetches a provider's blob for one of the gatekeeper's users, whose client shall not be made to call
//! whoever a message names.
//!
//! The way of a request: `origins` says whether a URL is one of a provider that is known, `slots` whether there is room,
//! `connecting` looks the name up and connects to an address that `addresses` lets it, `asking` makes of the client's
//! request one that says nothing of the client, `answer` holds what is answered against it, and `passing` hands the bytes
//! on as the client takes them. No redirect is followed, nothing is decoded, and nothing is kept.

mod addresses;
mod answer;
mod asking;
mod connecting;
mod origins;
mod passing;
mod refusal;
mod resolving;
mod slots;

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use ipnet::IpNet;
use tokio::time::{Instant, timeout};

pub use asking::Asked;
pub use origins::MediaOrigin;
pub use refusal::FetchError;
pub use resolving::{Resolve, Resolved, SystemResolver};

use self::addresses::Addresses;
use self::origins::Origins;
use self::slots::Slots;

/// From where blobs are fetched, and how.
#[derive(Clone)]
pub struct MediaProxyConfig {
    /// Of the providers, each by itself. Without any, nothing is fetched.
    pub origins: Vec<MediaOrigin>,
    /// Networks that are not public, and may be connected to all the same.
    pub networks: Vec<IpNet>,
    pub resolver: Arc<dyn Resolve>,
    pub limits: FetchLimits,
}

/// How much a fetch may take.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// Of a blob, in bytes: as it is declared, and as it comes.
    pub size: u64,
    /// To look up, to connect and for TLS.
    pub connect: Duration,
    /// From there to the head of the answer.
    pub first_byte: Duration,
    /// For the next bytes, while the client waits for them.
    pub idle: Duration,
    pub whole: Duration,
    /// Fetches of a user at a time.
    pub of_user: usize,
    /// Fetches of all at a time.
    pub of_all: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            size: 128 << 20,
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            whole: Duration::from_secs(300),
            of_user: 8,
            of_all: 512,
        }
    }
}

impl Default for MediaProxyConfig {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            networks: Vec::new(),
            resolver: Arc::new(SystemResolver),
            limits: FetchLimits::default(),
        }
    }
}

pub struct MediaProxy {
    origins: Origins,
    addresses: Addresses,
    resolver: Arc<dyn Resolve>,
    limits: FetchLimits,
    slots: Arc<Slots>,
}

impl MediaProxy {
    pub fn new(config: MediaProxyConfig) -> Self {
        let MediaProxyConfig { origins, networks, resolver, limits } = config;
        let slots = Slots::new(limits.of_user, limits.of_all);
        Self { origins: Origins::new(origins), addresses: Addresses::new(networks), resolver, limits, slots }
    }

    /// Fetches a blob for an account. The answer's body comes as its reader takes it; if it breaks off, so does the
    /// connection to the reader.
    pub async fn fetch(&self, account: &str, url: &str, asked: Asked) -> Result<Response, FetchError> {
        let target = self.origins.target(url)?;
        let slot = self.slots.take(account)?;
        let deadline = Instant::now() + self.limits.whole;
        let connecting = connecting::connect(&target, &*self.resolver, &self.addresses);
        let stream = timeout(self.limits.connect, connecting).await.map_err(|_| FetchError::TooSlow)??;
        let asking = asking::ask(stream, &target, &asked);
        let (response, connection) =
            timeout(self.limits.first_byte, asking).await.map_err(|_| FetchError::TooSlow)??;
        let (head, incoming) = response.into_parts();
        let head = answer::check(&asked, &head, self.limits.size)?;
        let bounds = passing::Bounds { size: self.limits.size, idle: self.limits.idle, deadline };
        Ok(passing::response(&asked, head, incoming, bounds, (slot, connection)))
    }
}
