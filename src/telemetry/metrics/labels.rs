//! The values that metric labels can have: closed lists of words. The only open labels are `host` and `upstream`, which are
//! configured, and the numbers of workers.

use crate::content_types::{Carrier, ContentClass};
use crate::limit::{AddressRefusal, RateLimit};
use crate::relay::{EditKind, Failure, Side};
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
            Self::Signals => "signals",
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

impl Label for RateLimit {
    const ALL: &'static [Self] = &RateLimit::ALL;

    fn name(self) -> &'static str {
        RateLimit::name(self)
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
        /// The listener takes connections from trusted balancers only, and this was none.
        UntrustedProxy => "untrusted-proxy",
        /// A trusted balancer's connection does not begin with a PROXY header.
        NoProxyHeader => "no-proxy-header",
        /// Its PROXY header is not whole, not well-formed, too long, or its checksum is wrong.
        BadProxyHeader => "bad-proxy-header",
        /// Its PROXY header did not come in time.
        ProxyHeaderTimeout => "proxy-header-timeout",
        /// As many connections as are allowed are open from the address.
        TooManyConnections => "too-many-connections",
        /// The address opens connections too fast.
        ConnectionRate => "connection-rate",
        /// Too many authentications from the address failed.
        FailedAuthentications => "failed-authentications",
    }
}

label! {
    /// Which limit of the client's address or account ended a stream behind TLS.
    LimitRefusal {
        /// The host allows the address fewer connections than others do.
        TooManyConnections => "too-many-connections",
        /// The host allows the address to open connections less fast than others do.
        ConnectionRate => "connection-rate",
        /// Too many authentications from the address failed.
        FailedAuthentications => "failed-authentications",
        /// The account has as many sessions as it may have.
        TooManySessions => "too-many-sessions",
        /// The client sent too many elements before it was authenticated.
        TooManyElements => "too-many-elements",
    }
}

impl LimitRefusal {
    /// `None`: it was no such limit.
    pub fn of(failure: Failure) -> Option<Self> {
        match failure {
            Failure::Address(AddressRefusal::TooManyConnections) => Some(Self::TooManyConnections),
            Failure::Address(AddressRefusal::ConnectionRate) => Some(Self::ConnectionRate),
            Failure::Address(AddressRefusal::FailedAuthentications) => Some(Self::FailedAuthentications),
            Failure::TooManySessions => Some(Self::TooManySessions),
            Failure::TooManyElements => Some(Self::TooManyElements),
            _ => None,
        }
    }
}

impl From<AddressRefusal> for ConnectionRefusal {
    fn from(refusal: AddressRefusal) -> Self {
        match refusal {
            AddressRefusal::TooManyConnections => Self::TooManyConnections,
            AddressRefusal::ConnectionRate => Self::ConnectionRate,
            AddressRefusal::FailedAuthentications => Self::FailedAuthentications,
        }
    }
}

label! {
    /// How a TLS handshake with a client went, and STARTTLS before it.
    HandshakeResult {
        Completed => "completed",
        /// The stream before TLS broke a rule.
        StartTlsRefused => "starttls-refused",
        /// The client sent more in the clear behind its request for TLS.
        StartTlsInjected => "starttls-injected",
        /// The client did not ask for TLS in time.
        StartTlsTimeout => "starttls-timeout",
        /// The connection or the stream ended before TLS was asked for.
        StartTlsLost => "starttls-lost",
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
    /// The version of TLS that was agreed on with a client.
    TlsVersion {
        Tls12 => "TLSv1.2",
        Tls13 => "TLSv1.3",
    }
}

impl TlsVersion {
    /// The version of this name; `None` if it is not one that is spoken with clients.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|version| version.name() == name)
    }
}

label! {
    /// Whether a TLS handshake with a client was a whole one.
    HandshakeKind {
        Full => "full",
        /// A ticket took the place of the certificate.
        Resumed => "resumed",
    }
}

label! {
    /// How connecting to a gatekeeper went.
    ConnectResult {
        Completed => "completed",
        /// The gatekeeper's name was not resolved.
        Unresolved => "unresolved",
        /// No source address could be used.
        SourceAddress => "source-address",
        /// This machine gave no socket.
        Local => "no-socket",
        /// No TCP connection came about.
        Unreachable => "unreachable",
        /// What the gatekeeper said before TLS is no stream, or has no place there.
        StreamBeforeTls => "stream-before-tls",
        /// The gatekeeper offers no STARTTLS.
        StartTlsNotOffered => "starttls-not-offered",
        /// The gatekeeper refused STARTTLS, which it had offered.
        StartTlsFailure => "starttls-failure",
        /// The gatekeeper sent more in the clear behind its leave for TLS.
        InjectedBeforeTls => "starttls-injected",
        /// The TLS handshake failed, for instance because of the certificate.
        Tls => "tls",
        /// The gatekeeper ended the connection without an answer to the stream.
        Unanswered => "unanswered",
        /// Not done in time.
        Timeout => "timeout",
    }
}

label! {
    /// Whether an endpoint address is tried before others.
    EndpointState {
        Up => "up",
        /// It is passed over, as it could not be connected to.
        Ejected => "ejected",
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
        /// The client had not authenticated and bound a resource, or resumed its session, in time.
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
            ConnectError::Source => Self::SourceAddress,
            ConnectError::Local => Self::Local,
            ConnectError::Connection(_) => Self::Unreachable,
            ConnectError::StreamBeforeTls => Self::StreamBeforeTls,
            ConnectError::StartTlsNotOffered => Self::StartTlsNotOffered,
            ConnectError::StartTlsFailure => Self::StartTlsFailure,
            ConnectError::InjectedBeforeTls => Self::InjectedBeforeTls,
            ConnectError::Tls(_) => Self::Tls,
            ConnectError::Unanswered => Self::Unanswered,
            ConnectError::Timeout => Self::Timeout,
        }
    }
}
