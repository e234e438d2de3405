//! The sizes that the gate holds a stream to. It has no defaults: those are the policy's.

use super::characters::{is_character, is_uri_byte};

/// What one stream may ask of the gate. Every limit is applied while scanning, before more bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one element below the stream's root, its tags included. Nothing above 4 GiB - 1 is ever
    /// taken.
    pub stanza_bytes: usize,
    /// Bytes of the stream header, with the XML declaration and the white space before it.
    pub header_bytes: usize,
    /// Levels of elements in a stanza; the stanza itself is the first.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Namespace declarations in scope, the stream header's included.
    pub namespaces: usize,
    /// Elements in one stanza, the stanza itself included.
    pub elements: usize,
}

/// Whether the gate would let a declaration of this namespace pass: for namespaces that come from a configuration.
pub fn is_namespace(text: &str) -> bool {
    !text.is_empty() && text.len() <= Limits::LONGEST_NAMESPACE && text.bytes().all(is_uri_byte)
}

/// Whether the gate would let these characters pass, escaped where they must be (XML 1.0, `[2]` Char): for texts that come
/// from a configuration.
pub fn is_text(text: &str) -> bool {
    text.chars().all(|character| is_character(character.into()))
}

impl Limits {
    /// The largest frame whose positions fit a [`Span`](super::Span).
    pub(super) const LARGEST_FRAME: usize = u32::MAX as usize;

    /// Bytes of a namespace's value. Attributes are told apart by their namespaces, so that without a limit a
    /// few long ones that hardly differ would be compared again and again. This one holds whatever the policy
    /// says: the namespaces in use are far shorter.
    pub(super) const LONGEST_NAMESPACE: usize = 1024;

    /// No limit but the largest frame.
    pub(super) const NONE: Limits = Limits {
        stanza_bytes: Self::LARGEST_FRAME,
        header_bytes: Self::LARGEST_FRAME,
        depth: usize::MAX,
        attributes: usize::MAX,
        namespaces: usize::MAX,
        elements: usize::MAX,
    };
}
