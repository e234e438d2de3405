//! What a session counts, as plain integers.

use std::time::Duration;

use super::Sides;

/// Counts since the session began. A side's counts are of what came from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub bytes: Sides<u64>,
    /// Messages, presences and queries that were passed on.
    pub stanzas: Sides<u64>,
    /// Frames that left otherwise than they came, by why.
    pub edits: Edits,
    /// Failed authentications that passed.
    pub authentication_failures: u64,
    /// How long the client was made to wait by its rate.
    pub throttled: Duration,
    /// Stream errors of our own.
    pub stream_errors: u64,
}

/// Edited frames by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// The client's content types were added, or what it said of them itself was taken out.
    pub content_types: u64,
    /// A way around the proxy was closed.
    pub detours: u64,
    /// The frame would have become too large: only what must not pass was taken out.
    pub skipped: u64,
}
