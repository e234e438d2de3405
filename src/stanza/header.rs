//! Stream headers (RFC 6120, 4.7): reading the peer's, writing our own. What a header has to say is decided elsewhere.

use std::fmt;

use super::namespace::{CLIENT, STREAMS};
use super::tree::start_tag_of;
use super::{TreeError, write_escaped};
use crate::framing::Frame;

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

    /// The header with which we open a stream of our own to a server, before and after STARTTLS.
    pub fn initiating(to: &str) -> Self {
        Self { to: Some(to.to_owned()), version: Some("1.0".to_owned()), ..Self::default() }
    }

    /// The header with which we answer a client in the server's place: only ever followed by a stream error, or by
    /// the offer of STARTTLS. `from` is the host, if the client named one that is served.
    pub fn responding(id: &str, from: Option<&str>) -> Self {
        Self {
            id: Some(id.to_owned()),
            from: from.map(str::to_owned),
            version: Some("1.0".to_owned()),
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
