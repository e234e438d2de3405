//! XMPP's words, on top of the gate's frames: names and namespaces, addresses, stream headers, stream errors, and
//! frames parsed for an edit. It decides nothing about a session: that is the relay's.

pub mod detour;
mod edit;
mod header;
mod jid;
mod names;
pub mod namespace;
mod stream_error;
mod tree;

pub use edit::Edit;
pub use header::StreamHeader;
pub use jid::{Jid, JidError};
pub use names::{Name, vocabulary};
pub use stream_error::{ApplicationCondition, Condition, StreamError};
pub use tree::{Attribute, Element, Tree, TreeError};

/// Appends `text` as it stands in an attribute value in single quotes (XML 1.0, 2.4).
pub(crate) fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        let reference: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'\'' => b"&apos;",
            b'"' => b"&quot;",
            // A literal one would be read back as a space (XML 1.0, 3.3.3).
            b'\t' => b"&#9;",
            b'\n' => b"&#10;",
            b'\r' => b"&#13;",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[written..at]);
        out.extend_from_slice(reference);
        written = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[written..]);
}
