//! What is learnt of a session beyond what relaying needs, as far as somebody may see it, and otherwise not at all.

use std::borrow::Cow;
use std::fmt;

use crate::framing::{Frame, Span};
use crate::stanza::{Name, Tree};

use super::Side;

/// What is to be learnt. Nothing of what is `false` here is read or kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learn {
    /// The full JID that the gatekeeper binds.
    pub account: bool,
    /// That a stanza passed, with its side, kind and size.
    pub stanzas: bool,
    /// Its type.
    pub stanza_type: bool,
    /// Its id.
    pub stanza_id: bool,
    /// Whom it says it is from.
    pub from: bool,
    /// Whom it is to.
    pub to: bool,
}

/// A stanza that was passed on.
pub struct PassedStanza {
    /// Where it came from.
    pub side: Side,
    /// `message`, `presence` or `iq`.
    pub kind: &'static str,
    /// The `type`, if it is one of those in RFC 6121 and RFC 6120, otherwise `other`; `None` if it has none.
    pub type_: Option<&'static str>,
    /// As it came.
    pub bytes: u64,
    pub id: Option<Box<str>>,
    pub from: Option<Box<str>>,
    pub to: Option<Box<str>>,
}

/// Bytes of an address at most (RFC 7622, 3.1). What is longer is none, and no id that could be of use, and is not learnt.
const LONGEST: usize = 3_071;

/// The types of messages (RFC 6121, 5.2.2), presences (4.7.1) and queries (RFC 6120, 8.2.3).
const TYPES: [&str; 14] = [
    "chat",
    "error",
    "get",
    "groupchat",
    "headline",
    "normal",
    "probe",
    "result",
    "set",
    "subscribe",
    "subscribed",
    "unavailable",
    "unsubscribe",
    "unsubscribed",
];

impl PassedStanza {
    /// What is to be learnt of `frame`; `None` if it is no stanza.
    pub(super) fn of(frame: &Frame<'_>, side: Side, learn: Learn) -> Option<Self> {
        let kind = match Name::of(frame.outline.name)? {
            Name::Message => "message",
            Name::Presence => "presence",
            Name::Iq => "iq",
            _ => return None,
        };
        let outline = frame.outline;
        let named = learn.stanza_type.then(|| attribute(frame, outline.type_, "type")).flatten();
        let type_ = named.map(|named| TYPES.into_iter().find(|known| **known == *named).unwrap_or("other"));
        let wanted = |wanted: bool, span, name| {
            let value = wanted.then(|| attribute(frame, span, name)).flatten();
            value.filter(|value| value.len() <= LONGEST).map(|value| Box::from(value.as_ref()))
        };
        Some(PassedStanza {
            side,
            kind,
            type_,
            bytes: frame.bytes.len() as u64,
            id: wanted(learn.stanza_id, outline.id, "id"),
            from: wanted(learn.from, outline.from, "from"),
            to: wanted(learn.to, outline.to, "to"),
        })
    }
}

impl fmt::Debug for PassedStanza {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassedStanza({}, {} bytes)", self.kind, self.bytes)
    }
}

/// The value of one of the root's attributes that the outline has a place for. Only one with a reference in it needs the
/// parser.
fn attribute<'a>(frame: &Frame<'a>, span: Option<Span>, name: &str) -> Option<Cow<'a, str>> {
    let span = span?;
    if frame.outline.escaped {
        let tree = Tree::of(frame).ok()?;
        return tree.root().value(name).map(|value| Cow::Owned(value.to_owned()));
    }
    std::str::from_utf8(span.of(frame.bytes)).ok().map(Cow::Borrowed)
}
