//! What a session counts, as plain integers: metrics and the access log are told from here.

use std::time::Duration;

use crate::content_types::Carrier;
use crate::limit::RateLimit;
use crate::stanza::Name;

use super::Sides;

/// Counts since the session began. A side's counts are of what came from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes of the stream that were read.
    pub bytes: Sides<u64>,
    /// Messages, presences and queries that were passed on.
    pub stanzas: Sides<u64>,
    /// Frames that left otherwise than they came, in the order of [`EditKind::ALL`].
    pub edits: [u64; EditKind::ALL.len()],
    /// Edits left out because the frame would have become too large.
    pub edits_skipped: u64,
    /// Failed authentications that passed.
    pub authentication_failures: u64,
    /// How long a side was not read because of a rate, in the order of [`RateLimit::ALL`].
    pub throttled: Sides<[Duration; RateLimit::ALL.len()]>,
}

impl Counters {
    /// How long the client was made to wait by its rates.
    pub fn client_throttled(&self) -> Duration {
        self.throttled.downstream.iter().sum()
    }

    pub(super) fn count_edit(&mut self, kind: EditKind) {
        self.edits[kind as usize] += 1;
    }
}

/// What kind of frame was edited, or why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EditKind {
    /// What is told of the client's connection, in its request for a resource or a resumption, with content types or
    /// without.
    Signals,
    /// Content types in the client's bind request, and nothing of its connection.
    Bind,
    /// Content types in the client's presence.
    Presence,
    /// Content types in the client's service discovery and entity capabilities, and the names of these in what the
    /// gatekeeper asks.
    Disco,
    /// The stream features: what leads around the proxy is taken out, the limits are said (XEP-0478).
    Features,
    /// The place for resumption, taken out of `<enabled/>` (XEP-0198).
    Enabled,
    /// A `see-other-host` that became a `reset` (RFC 6120, 4.9.3).
    Redirect,
    /// What a client sent under a name that is Vestibule's, taken out of a frame that nothing was added to.
    Stripped,
    /// Content that the client cannot receive, in a message from the gatekeeper.
    Content,
}

impl EditKind {
    pub const ALL: [EditKind; 9] = [
        EditKind::Signals,
        EditKind::Bind,
        EditKind::Presence,
        EditKind::Disco,
        EditKind::Features,
        EditKind::Enabled,
        EditKind::Redirect,
        EditKind::Stripped,
        EditKind::Content,
    ];

    /// The kind of an edit that put the advertisement into a frame.
    pub(super) fn of_carrier(carrier: Carrier) -> EditKind {
        match carrier {
            Carrier::Bind => EditKind::Bind,
            Carrier::Presence => EditKind::Presence,
            Carrier::Disco => EditKind::Disco,
        }
    }

    /// The kind of an edit of a frame from the gatekeeper.
    pub(super) fn of_gatekeeper(name: Option<Name>) -> EditKind {
        match name {
            Some(Name::Features) => EditKind::Features,
            Some(Name::SmEnabled | Name::Sasl2Success) => EditKind::Enabled,
            _ => EditKind::Redirect,
        }
    }
}
