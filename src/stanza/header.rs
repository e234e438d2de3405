//! Stream headers (RFC 6120, 4.7): reading the peer's, judging what it says by itself, writing our own. Which hosts there
//! are is known elsewhere.

use std::fmt;

use super::namespace::{CLIENT, STREAMS};
use super::tree::start_tag_of;
use super::{Condition, TreeError, write_escaped};
use crate::framing::Frame;

/// The version that a stream header must name (RFC 6120, 4.7.5).
const VERSION: &str = "1.0";

/// What is wrong with a stream header that the gate has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    #[error(
        "the stream header's default namespace is not jabber:client, or it holds words that are Vestibule's"
    )]
    WrongNamespace,
    #[error("the stream header's version is not 1.0")]
    UnsupportedVersion,
    #[error("the stream header names no host")]
    NoHost,
    #[error("the stream header names a host that is not served here")]
    UnknownHost,
}

impl HeaderFault {
    /// What the side is told whose header it is.
    pub fn condition(self) -> Condition {
        match self {
            HeaderFault::WrongNamespace => Condition::InvalidNamespace,
            HeaderFault::UnsupportedVersion => Condition::UnsupportedVersion,
            HeaderFault::NoHost => Condition::ImproperAddressing,
            HeaderFault::UnknownHost => Condition::HostUnknown,
        }
    }

    /// A closed token for metrics and logs.
    pub fn kind(self) -> &'static str {
        match self {
            HeaderFault::WrongNamespace => "wrong-namespace",
            HeaderFault::UnsupportedVersion => "unsupported-version",
            HeaderFault::NoHost => "no-host",
            HeaderFault::UnknownHost => "unknown-host",
        }
    }
}

/// The attributes of a stream header (RFC 6120, 4.7), unescaped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StreamHeader {
    pub to: Option<String>,
    pub from: Option<String>,
    pub id: Option<String>,
    pub version: Option<String>,
    pub lang: Option<String>,
    /// The default namespace, `jabber:client` for us. Not written: our own header always has `jabber:client`.
    pub content_namespace: Option<String>,
}

impl StreamHeader {
    /// Reads a header frame that the gate has passed.
    ///
    /// # Errors
    ///
    /// Only if the gate and this reader disagree, which is our own fault.
    pub fn parse(frame: &Frame<'_>) -> Result<Self, TreeError> {
        let root = start_tag_of(frame)?;
        let value = |name| root.value(name).map(str::to_owned);
        let content_namespace = frame.scope().declarations().find(|(prefix, _)| prefix.is_empty());
        Ok(Self {
            to: value("to"),
            from: value("from"),
            id: value("id"),
            version: value("version"),
            lang: value("xml:lang"),
            content_namespace: content_namespace.map(|(_, namespace)| namespace.to_owned()),
        })
    }

    /// Whether it is the header of a stream that Vestibule speaks, whoever sends it; `frame` is what it was read from.
    pub fn check(&self, frame: &Frame<'_>) -> Result<(), HeaderFault> {
        let speaks_a_dialect = frame.outline.watched;
        if speaks_a_dialect || self.content_namespace.as_deref() != Some(CLIENT) {
            return Err(HeaderFault::WrongNamespace);
        }
        if self.version.as_deref() != Some(VERSION) {
            return Err(HeaderFault::UnsupportedVersion);
        }
        Ok(())
    }

    /// The domain that a client's header names. Whether it is served is not known here.
    pub fn destination(&self, frame: &Frame<'_>) -> Result<&str, HeaderFault> {
        self.check(frame)?;
        self.to.as_deref().ok_or(HeaderFault::NoHost)
    }

    /// The header with which we open a stream of our own to a server, before and after STARTTLS.
    pub fn initiating(to: &str) -> Self {
        Self { to: Some(to.to_owned()), version: Some(VERSION.to_owned()), ..Self::default() }
    }

    /// The header with which we answer a client in the server's place: only ever followed by a stream error, or by
    /// the offer of STARTTLS. `from` is the host, if the client named one that is served.
    pub fn responding(id: &str, from: Option<&str>) -> Self {
        Self {
            id: Some(id.to_owned()),
            from: from.map(str::to_owned),
            version: Some(VERSION.to_owned()),
            ..Self::default()
        }
    }

    /// Appends the header, with the prefix `stream` and the default namespace `jabber:client`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<?xml version='1.0'?><stream:stream xmlns='");
        out.extend_from_slice(CLIENT.as_bytes());
        out.extend_from_slice(b"' xmlns:stream='");
        out.extend_from_slice(STREAMS.as_bytes());
        out.push(b'\'');
        let attributes = [
            ("id", &self.id),
            ("from", &self.from),
            ("to", &self.to),
            ("version", &self.version),
            ("xml:lang", &self.lang),
        ];
        for (name, value) in attributes {
            let Some(value) = value else { continue };
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"='");
            write_escaped(value, out);
            out.push(b'\'');
        }
        out.push(b'>');
    }
}

impl fmt::Debug for StreamHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = [&self.to, &self.from, &self.id, &self.version, &self.lang, &self.content_namespace];
        write!(f, "StreamHeader({} attributes)", values.into_iter().flatten().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(header: &StreamHeader) -> String {
        let mut out = Vec::new();
        header.write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn our_answer_names_id_host_and_version() {
        assert_eq!(
            written(&StreamHeader::responding("n1", Some("gatekeeper.example"))),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' id='n1' from='gatekeeper.example' version='1.0'>"
        );
    }

    #[test]
    fn a_header_without_a_known_host_has_no_from() {
        assert!(!written(&StreamHeader::responding("n1", None)).contains("from"));
    }

    #[test]
    fn what_is_written_cannot_leave_its_attribute() {
        let header = StreamHeader::initiating("a'b\"c<d>e&f\tg\nh\ri");
        assert!(
            written(&header).contains(" to='a&apos;b&quot;c&lt;d&gt;e&amp;f&#9;g&#10;h&#13;i' "),
            "{}",
            written(&header)
        );
    }

    #[test]
    fn debug_does_not_show_values() {
        assert_eq!(format!("{:?}", StreamHeader::initiating("secret.example")), "StreamHeader(2 attributes)");
    }
}
