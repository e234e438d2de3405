//! Stream errors (RFC 6120, 4.9): which ones Vestibule sends, and how they stand on the wire.

use super::namespace::{APPLICATION_ERRORS, STREAM_ERRORS, STREAMS};
use crate::framing::{RefusalFamily, RefusalKind};

/// The conditions of RFC 6120, 4.9.3 that Vestibule sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// XML that is well-formed, but not a stream (4.9.3.1).
    BadFormat,
    /// The peer is idle, or too slow (4.9.3.4).
    ConnectionTimeout,
    /// The `to` of a stream names no host of ours (4.9.3.6).
    HostUnknown,
    /// A stream header without `to` (4.9.3.7).
    ImproperAddressing,
    /// The fault is ours (4.9.3.8).
    InternalServerError,
    /// The stream's root is not in the streams namespace, or its content not in `jabber:client` (4.9.3.10).
    InvalidNamespace,
    /// Sent before authentication (4.9.3.12).
    NotAuthorized,
    /// Ill-formed XML (4.9.3.13).
    NotWellFormed,
    /// A limit was exceeded (4.9.3.14).
    PolicyViolation,
    /// The gatekeeper cannot be reached (4.9.3.15).
    RemoteConnectionFailed,
    /// There is no room (4.9.3.17).
    ResourceConstraint,
    /// A comment, a processing instruction or a document type declaration (4.9.3.18, 11.1).
    RestrictedXml,
    /// This process ends (4.9.3.20).
    SystemShutdown,
    /// Not UTF-8 (4.9.3.22).
    UnsupportedEncoding,
    /// A first-level element that has no meaning where it stands (4.9.3.24).
    UnsupportedStanzaType,
    /// A version of XMPP before 1.0 (4.9.3.25).
    UnsupportedVersion,
}

/// What a condition is about in particular, where that is defined (XEP-0205).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApplicationCondition {
    StanzaTooBig,
}

/// A stream error as it goes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamError {
    pub condition: Condition,
    pub application: Option<ApplicationCondition>,
}

impl Condition {
    /// The element's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Condition::BadFormat => "bad-format",
            Condition::ConnectionTimeout => "connection-timeout",
            Condition::HostUnknown => "host-unknown",
            Condition::ImproperAddressing => "improper-addressing",
            Condition::InternalServerError => "internal-server-error",
            Condition::InvalidNamespace => "invalid-namespace",
            Condition::NotAuthorized => "not-authorized",
            Condition::NotWellFormed => "not-well-formed",
            Condition::PolicyViolation => "policy-violation",
            Condition::RemoteConnectionFailed => "remote-connection-failed",
            Condition::ResourceConstraint => "resource-constraint",
            Condition::RestrictedXml => "restricted-xml",
            Condition::SystemShutdown => "system-shutdown",
            Condition::UnsupportedEncoding => "unsupported-encoding",
            Condition::UnsupportedStanzaType => "unsupported-stanza-type",
            Condition::UnsupportedVersion => "unsupported-version",
        }
    }
}

impl ApplicationCondition {
    /// The element's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            ApplicationCondition::StanzaTooBig => "stanza-too-big",
        }
    }
}

impl StreamError {
    /// An element larger than the limit.
    pub const STANZA_TOO_BIG: StreamError = StreamError {
        condition: Condition::PolicyViolation,
        application: Some(ApplicationCondition::StanzaTooBig),
    };

    pub const fn new(condition: Condition) -> Self {
        Self { condition, application: None }
    }

    /// Appends `<stream:error>…</stream:error>`, which declares its own prefix: it is valid in any stream, whatever
    /// prefix its header uses. The closing tag is not part of it, as that has to match the header.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_all(out, &["<stream:error xmlns:stream='", STREAMS, "'>"]);
        write_all(out, &["<", self.condition.name(), " xmlns='", STREAM_ERRORS, "'/>"]);
        if let Some(application) = self.application {
            write_all(out, &["<", application.name(), " xmlns='", APPLICATION_ERRORS, "'/>"]);
        }
        out.extend_from_slice(b"</stream:error>");
    }
}

impl From<RefusalKind> for StreamError {
    /// What a side is told whose frame the gate refused. Total: a new kind has a family, and each family its error.
    fn from(kind: RefusalKind) -> Self {
        match kind.family() {
            // Nobody may be left to read of a stream that was cut off; a cut document is not well-formed.
            RefusalFamily::NotWellFormed | RefusalFamily::Truncated => Condition::NotWellFormed.into(),
            RefusalFamily::RestrictedXml => Condition::RestrictedXml.into(),
            RefusalFamily::UnsupportedEncoding => Condition::UnsupportedEncoding.into(),
            RefusalFamily::InvalidNamespace => Condition::InvalidNamespace.into(),
            RefusalFamily::BadFormat => Condition::BadFormat.into(),
            RefusalFamily::TooBig if kind == RefusalKind::StanzaTooBig => Self::STANZA_TOO_BIG,
            RefusalFamily::TooBig => Condition::PolicyViolation.into(),
        }
    }
}

impl From<Condition> for StreamError {
    fn from(condition: Condition) -> Self {
        Self::new(condition)
    }
}

fn write_all(out: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(error: StreamError) -> String {
        let mut out = Vec::new();
        error.write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn an_error_declares_its_own_prefix() {
        assert_eq!(
            written(Condition::HostUnknown.into()),
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>\
             <host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        );
    }

    #[test]
    fn a_refusal_is_told_as_rfc_6120_has_it() {
        for (kind, condition) in [
            (RefusalKind::MismatchedTag, Condition::NotWellFormed),
            (RefusalKind::Comment, Condition::RestrictedXml),
            (RefusalKind::BadUtf8, Condition::UnsupportedEncoding),
            (RefusalKind::TooDeep, Condition::PolicyViolation),
            (RefusalKind::WrongNamespace, Condition::InvalidNamespace),
            (RefusalKind::TextBetweenStanzas, Condition::BadFormat),
        ] {
            assert_eq!(StreamError::from(kind), StreamError::new(condition));
        }
        assert_eq!(StreamError::from(RefusalKind::StanzaTooBig), StreamError::STANZA_TOO_BIG);
    }

    #[test]
    fn an_application_condition_follows_the_condition() {
        assert_eq!(
            written(StreamError::STANZA_TOO_BIG),
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>\
             <policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <stanza-too-big xmlns='urn:xmpp:errors'/></stream:error>"
        );
    }
}
