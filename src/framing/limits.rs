/// What one stream may ask of the gate. Every limit is applied while scanning, before the bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one element below the stream's root, its tags included.
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
