use std::sync::Arc;

use super::{Limits, Outline, Refusal, Scope, Vocabulary};

/// One direction of a stream, cut into frames.
///
/// Feed it with [`decode`](Self::decode) until it returns no frame; give it the rest of the input again with what
/// comes next. A refusal is final.
pub struct FrameDecoder {}

/// What stands next in the input.
pub enum Decoded<'a> {
    Frame(Frame<'a>),
    /// White space between stanzas (a keepalive), as it came.
    WhiteSpace(&'a [u8]),
}

/// A validated top-level piece of the stream. `Debug` is hand-written: kind and length only.
pub struct Frame<'a> {
    pub kind: FrameKind,
    /// Bytes from the start of this direction to the frame's first byte.
    pub offset: u64,
    pub bytes: &'a [u8],
    pub outline: &'a Outline,
}

impl Frame<'_> {
    pub fn scope(&self) -> &Scope { todo!() }
    pub fn verify(&self, _edited: &[u8]) -> Result<(), Refusal> { todo!() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The stream header: the root's start tag, with the XML declaration if there is one.
    Header,
    /// An element at depth 1, whole.
    Element,
    /// The root's end tag.
    Closing,
}

impl FrameDecoder {
    pub fn new(_vocabulary: Arc<Vocabulary>, _limits: Limits) -> Self {
        todo!()
    }

    /// Scans `input` up to the end of the next frame. Returns how many bytes of `input` were taken, and the frame if
    /// it is complete. `(n, None)`: all of `input` was taken (`n == input.len()`) and more is needed.
    pub fn decode<'a>(&'a mut self, _input: &'a [u8]) -> Result<(usize, Option<Decoded<'a>>), Refusal> {
        todo!()
    }

    /// Other limits from the next frame on.
    pub fn set_limits(&mut self, _limits: Limits) {
        todo!()
    }

    /// A new epoch (after TLS or SASL success): a stream header is expected next.
    /// Refused if a frame is only partly read.
    pub fn restart(&mut self) -> Result<(), Refusal> {
        todo!()
    }

    /// Checks one complete element that we wrote ourselves, with the stream root's namespaces in scope.
    pub fn verify(&self, _edited: &[u8]) -> Result<(), Refusal> {
        todo!()
    }

    /// The input ends here: a refusal (`truncated`) unless the stream was closed and nothing is left over.
    pub fn finish(&self) -> Result<(), Refusal> {
        todo!()
    }

    /// The root's qualified name as it was written, once a header has passed: what a closing tag must match.
    pub fn root_name(&self) -> Option<&str> {
        todo!()
    }

    /// The root's namespace declarations, once a header has passed.
    pub fn scope(&self) -> &Scope {
        todo!()
    }

    /// Bytes held for a frame that is not complete.
    pub fn buffered(&self) -> usize {
        todo!()
    }
}
