//! Why a session ends other than by its streams being closed, and what the side that erred is told.

use crate::framing::Refusal;
use crate::limit::{AddressRefusal, TooManySessions};
use crate::stanza::{Condition, HeaderFault, StreamError};

/// What went wrong. Holds kinds and offsets, never a peer's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the gate refused: {0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Header(#[from] HeaderFault),
    #[error("the stream header names another host than before")]
    OtherHost,
    #[error("a stanza before the session may send one")]
    NotAuthorized,
    #[error("an element that has no place in this phase of the stream")]
    UnsupportedElement,
    #[error("too many elements before authentication")]
    TooManyElements,
    #[error("the gatekeeper offers EXTERNAL, which would authenticate every client as the proxy")]
    ExternalOffered,
    #[error("the client asks for EXTERNAL, which would authenticate it as the proxy")]
    ExternalAsked,
    #[error("a request that asks for a resource or a resumption more than once")]
    AskedTwice,
    #[error("the client's address is over a limit of the host: {}", .0.name())]
    Address(AddressRefusal),
    #[error("the account has as many sessions as the host allows")]
    TooManySessions,
    #[error("no stream header in time")]
    HeaderTimeout,
    #[error("not authenticated and bound in time")]
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
            Failure::Header(fault) => fault.condition().into(),
            Failure::OtherHost => Condition::HostUnknown.into(),
            Failure::NotAuthorized => Condition::NotAuthorized.into(),
            Failure::UnsupportedElement => Condition::UnsupportedStanzaType.into(),
            Failure::TooManyElements
            | Failure::Address(AddressRefusal::ConnectionRate | AddressRefusal::FailedAuthentications)
            | Failure::ExternalOffered => Condition::PolicyViolation.into(),
            Failure::ExternalAsked => Condition::NotAuthorized.into(),
            Failure::AskedTwice => Condition::BadFormat.into(),
            Failure::Address(AddressRefusal::TooManyConnections) | Failure::TooManySessions => {
                Condition::ResourceConstraint.into()
            }
            Failure::HeaderTimeout | Failure::AuthenticationTimeout | Failure::Idle | Failure::WriteStall => {
                Condition::ConnectionTimeout.into()
            }
            Failure::ConnectFailed => Condition::RemoteConnectionFailed.into(),
            Failure::NoMemory => Condition::ResourceConstraint.into(),
            Failure::Shutdown => Condition::SystemShutdown.into(),
            Failure::BadEdit | Failure::Unreadable => Condition::InternalServerError.into(),
        }
    }

    /// A closed token for metrics and logs; of what the gate refused, and of headers, the fault's own.
    pub fn kind(self) -> &'static str {
        match self {
            Failure::Refused(refusal) => refusal.kind.name(),
            Failure::Header(fault) => fault.kind(),
            Failure::OtherHost => "other-host",
            Failure::NotAuthorized => "not-authorized",
            Failure::UnsupportedElement => "unsupported-element",
            Failure::TooManyElements => "too-many-elements",
            Failure::ExternalOffered => "external-offered",
            Failure::ExternalAsked => "external-asked",
            Failure::AskedTwice => "asked-twice",
            Failure::Address(refusal) => refusal.name(),
            Failure::TooManySessions => TooManySessions::NAME,
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

impl From<AddressRefusal> for Failure {
    fn from(refusal: AddressRefusal) -> Self {
        Self::Address(refusal)
    }
}
