//! Why a session ends other than by its streams being closed, and what the side that erred is told.

use crate::framing::Refusal;
use crate::stanza::{Condition, StreamError};

/// What went wrong. Holds kinds and offsets, never a peer's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the gate refused: {0}")]
    Refused(#[from] Refusal),
    #[error("the stream header names no host")]
    NoHost,
    #[error("the stream header names a host that is not served here")]
    UnknownHost,
    #[error("the stream header names another host than before")]
    OtherHost,
    #[error(
        "the stream header's default namespace is not jabber:client, or it holds words that are Vestibule's"
    )]
    WrongNamespace,
    #[error("the stream header's version is not 1.0")]
    UnsupportedVersion,
    #[error("a stanza before the session may send one")]
    NotAuthorized,
    #[error("an element that has no place in this phase of the stream")]
    UnsupportedElement,
    #[error("too many elements before authentication")]
    TooManyElements,
    #[error("no stream header in time")]
    HeaderTimeout,
    #[error("not authenticated in time")]
    AuthenticationTimeout,
    #[error("nothing was sent for too long")]
    Idle,
    #[error("nothing was taken for too long")]
    WriteStall,
    #[error("the gatekeeper could not be reached")]
    ConnectFailed,
    #[error("no memory left for what the side sends")]
    NoMemory,
    #[error("the proxy is stopping")]
    Shutdown,
    #[error("an edit made the frame ill-formed")]
    BadEdit,
    #[error("the frame could not be read again for an edit")]
    Unreadable,
}

impl Failure {
    /// What the side that erred is told. Total: every failure has its stream error.
    pub fn stream_error(self) -> StreamError {
        match self {
            Failure::Refused(refusal) => StreamError::from(refusal.kind),
            Failure::NoHost => Condition::ImproperAddressing.into(),
            Failure::UnknownHost | Failure::OtherHost => Condition::HostUnknown.into(),
            Failure::WrongNamespace => Condition::InvalidNamespace.into(),
            Failure::UnsupportedVersion => Condition::UnsupportedVersion.into(),
            Failure::NotAuthorized => Condition::NotAuthorized.into(),
            Failure::UnsupportedElement => Condition::UnsupportedStanzaType.into(),
            Failure::TooManyElements => Condition::PolicyViolation.into(),
            Failure::HeaderTimeout | Failure::AuthenticationTimeout | Failure::Idle | Failure::WriteStall => {
                Condition::ConnectionTimeout.into()
            }
            Failure::ConnectFailed => Condition::RemoteConnectionFailed.into(),
            Failure::NoMemory => Condition::ResourceConstraint.into(),
            Failure::Shutdown => Condition::SystemShutdown.into(),
            Failure::BadEdit | Failure::Unreadable => Condition::InternalServerError.into(),
        }
    }

    /// A closed token for metrics and logs; of what the gate refused, the refusal's own.
    pub fn kind(self) -> &'static str {
        match self {
            Failure::Refused(refusal) => refusal.kind.name(),
            Failure::NoHost => "no-host",
            Failure::UnknownHost => "unknown-host",
            Failure::OtherHost => "other-host",
            Failure::WrongNamespace => "wrong-namespace",
            Failure::UnsupportedVersion => "unsupported-version",
            Failure::NotAuthorized => "not-authorized",
            Failure::UnsupportedElement => "unsupported-element",
            Failure::TooManyElements => "too-many-elements",
            Failure::HeaderTimeout => "header-timeout",
            Failure::AuthenticationTimeout => "authentication-timeout",
            Failure::Idle => "idle",
            Failure::WriteStall => "write-stall",
            Failure::ConnectFailed => "connect-failed",
            Failure::NoMemory => "no-memory",
            Failure::Shutdown => "shutdown",
            Failure::BadEdit => "bad-edit",
            Failure::Unreadable => "unreadable",
        }
    }

    /// Where the rule stands that the side broke, of what the gate refused.
    pub fn rule(self) -> Option<&'static str> {
        match self {
            Failure::Refused(refusal) => Some(refusal.kind.rule()),
            _ => None,
        }
    }

    /// Whether the side broke a rule of the gate, the phases or the limits; otherwise the circumstances did.
    pub fn is_refusal(self) -> bool {
        !matches!(
            self,
            Failure::Idle
                | Failure::WriteStall
                | Failure::ConnectFailed
                | Failure::NoMemory
                | Failure::Shutdown
                | Failure::BadEdit
                | Failure::Unreadable
        )
    }

    /// Whether the session may be resumed by the client on another connection (XEP-0198): then the gatekeeper's stream
    /// is cut, otherwise it is closed, so that a refused stanza is not sent again and again.
    pub(super) fn leaves_resumable(self) -> bool {
        matches!(self, Failure::Idle | Failure::WriteStall | Failure::NoMemory | Failure::Shutdown)
    }
}
