//! The values that metric labels can have: closed lists of words. The only open label is `host`, which is configured.

use crate::content_types::{Carrier, ContentClass};
use crate::relay::{EditKind, Side};
use crate::upstream::ConnectError;

/// A closed list of words.
pub trait Label: Copy + 'static {
    /// Every word, in declaration order.
    const ALL: &'static [Self];

    /// The word itself.
    fn name(self) -> &'static str;

    /// The place in [`ALL`](Self::ALL).
    fn index(self) -> usize;
}

/// Declares an enum with a word for each variant.
macro_rules! label {
    ($(#[$doc:meta])* $label:ident { $($(#[$variant_doc:meta])* $variant:ident => $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $label {
            $($(#[$variant_doc])* $variant,)+
        }

        impl Label for $label {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

impl Label for Side {
    const ALL: &'static [Self] = &Side::BOTH;

    fn name(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// The word of the label `direction` for what came from a side.
pub(super) fn direction(side: Side) -> &'static str {
    match side {
        Side::Downstream => "from_client",
        Side::Upstream => "from_gatekeeper",
    }
}

impl Label for EditKind {
    const ALL: &'static [Self] = &EditKind::ALL;

    fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Presence => "presence",
            Self::Disco => "disco",
            Self::Features => "features",
            Self::Enabled => "enabled",
            Self::Redirect => "redirect",
            Self::Stripped => "stripped",
            Self::Content => "content",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl Label for ContentClass {
    const ALL: &'static [Self] = &ContentClass::ALL;

    fn name(self) -> &'static str {
        ContentClass::name(self)
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl Label for Carrier {
    const ALL: &'static [Self] = &Carrier::ALL;

    fn name(self) -> &'static str {
        Carrier::name(self)
    }

    fn index(self) -> usize {
        self as usize
    }
}

label! {
    /// What took the place of content.
    Replacement {
        /// A text.
        Fallback => "fallback",
        /// Nothing.
        Withhold => "withhold",
    }
}

label! {
    /// Why a connection was closed before TLS.
    ConnectionRefusal {
        /// As many connections as are allowed are open.
        Capacity => "capacity",
    }
}

label! {
    /// How a TLS handshake with a client went.
    HandshakeResult {
        Completed => "completed",
        /// The client did not finish in time.
        Timeout => "timeout",
        /// There is no certificate for the server name, or the client named none.
        UnknownName => "unknown-name",
        /// The client's TLS is not acceptable, or it is not TLS at all.
        Failed => "failed",
        /// The connection ended first.
        Lost => "lost",
    }
}

label! {
    /// How connecting to a gatekeeper went.
    ConnectResult {
        Completed => "completed",
        /// The gatekeeper's name was not resolved.
        Unresolved => "unresolved",
        /// No TCP connection came about.
        Unreachable => "unreachable",
        /// The TLS handshake failed, for instance because of the certificate.
        Tls => "tls",
        /// Not done in time.
        Timeout => "timeout",
    }
}

label! {
    /// Why a session ended.
    EndReason {
        /// Both sides closed their streams.
        Closed => "closed",
        /// The client's connection ended without a closing tag.
        ClientLost => "client-lost",
        /// The gatekeeper's connection ended without a closing tag.
        GatekeeperLost => "gatekeeper-lost",
        /// The client's stream broke a rule of the gate, the phases or the limits.
        ClientRefused => "client-refused",
        /// The gatekeeper's stream broke a rule of the gate, the phases or the limits.
        GatekeeperRefused => "gatekeeper-refused",
        /// The gatekeeper could not be reached.
        Unreachable => "unreachable",
        /// The client sent no stream header in time.
        HeaderTimeout => "header-timeout",
        /// The client was not authenticated in time.
        AuthenticationTimeout => "authentication-timeout",
        /// Nothing came for too long.
        Idle => "idle",
        /// A side took nothing for too long.
        WriteStall => "write-stall",
        /// The sessions together held as much as they may.
        NoMemory => "no-memory",
        /// The proxy is shutting down.
        Shutdown => "shutdown",
        /// Vestibule erred.
        Internal => "internal",
        /// The session was dropped before it could say why.
        Aborted => "aborted",
    }
}

label! {
    /// A log that is a sink of the metadata policy.
    LogName {
        Access => "access",
        Audit => "audit",
    }
}

label! {
    /// Why a line of a log was lost.
    LossReason {
        /// The writer did not keep up.
        QueueFull => "queue-full",
        /// The system did not take the line.
        WriteFailed => "write-failed",
        /// The proxy stopped before the line was written.
        Stopped => "stopped",
    }
}

label! {
    /// What became of a reload.
    ReloadResult {
        Accepted => "accepted",
        /// What was in force stays in force.
        Refused => "refused",
    }
}

impl From<ConnectError> for ConnectResult {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Resolution => Self::Unresolved,
            ConnectError::Connection => Self::Unreachable,
            ConnectError::Tls => Self::Tls,
            ConnectError::Timeout => Self::Timeout,
        }
    }
}
