//! One direction of a stream, cut into validated frames, however its bytes arrive.
//!
//! The scanner judges; this keeps the beginning of a frame whose end has not come, counts offsets, holds
//! frames to their sizes, and knows where in the stream the next frame stands. It forwards, edits and answers
//! nothing.

use std::fmt;
use std::sync::Arc;

use super::characters::is_space;
use super::scan::{Complete, CompleteKind, Fault, Grammar, NamespaceText, Place, Scan, Surroundings};
use super::{Limits, Outline, Refusal, RefusalKind, Scope, Span, Vocabulary};

/// One direction of a stream, cut into frames.
///
/// Feed it with [`decode`](Self::decode) until it returns no frame; give it the rest of the input again with
/// what comes next. A refusal is final.
pub struct FrameDecoder {
    vocabulary: Arc<Vocabulary>,
    limits: Limits,
    grammar: Grammar,
    place: Place,
    scope: Scope,
    /// Bytes before the frame that is next or partly read.
    offset: u64,
    partial: Option<Box<Partial>>,
    /// The bytes of the frame that was handed out last, if it had not come in one piece.
    held: Vec<u8>,
    outline: Outline,
    refusal: Option<Refusal>,
}

/// A frame that did not end with the input that it began in.
struct Partial {
    bytes: Vec<u8>,
    scan: Scan,
    /// Those of the time when it began.
    limits: Limits,
}

/// What stands next in the input.
pub enum Decoded<'a> {
    Frame(Frame<'a>),
    /// White space between stanzas (a keepalive), as it came.
    WhiteSpace(&'a [u8]),
}

/// A validated top-level piece of the stream. Only the gate can make one.
pub struct Frame<'a> {
    pub kind: FrameKind,
    /// Bytes from the start of this direction to the frame's first byte.
    pub offset: u64,
    pub bytes: &'a [u8],
    pub outline: &'a Outline,
    local_name: Span,
    namespace: NamespaceText,
    decoder: &'a FrameDecoder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// The stream header: the root's start tag, with the XML declaration if there is one.
    Header,
    /// An element at depth 1, whole.
    Element,
    /// The root's end tag.
    Closing,
}

/// A complete piece of the stream, before it is lent out with its bytes.
enum Piece {
    WhiteSpace { length: usize },
    Frame { kind: FrameKind, length: usize, held: bool, local_name: Span, namespace: NamespaceText },
}

/// Input is added to a partly read frame in pieces of this size, so that not much more than the frame is
/// copied.
const PIECE: usize = 4096;

impl FrameDecoder {
    /// A decoder for one direction of a stream, at its first byte.
    pub fn new(vocabulary: Arc<Vocabulary>, limits: Limits) -> Self {
        Self::with_grammar(vocabulary, limits, Grammar::Stream)
    }

    /// A decoder for one whole XML document with any root, under the same grammar and limits. The header is
    /// the root's start tag, the elements directly in it are frames; text between them is checked and passed
    /// over.
    pub fn document(vocabulary: Arc<Vocabulary>, limits: Limits) -> Self {
        Self::with_grammar(vocabulary, limits, Grammar::Document)
    }

    fn with_grammar(vocabulary: Arc<Vocabulary>, limits: Limits, grammar: Grammar) -> Self {
        Self {
            vocabulary,
            limits,
            grammar,
            place: Place::Prolog,
            scope: Scope::default(),
            offset: 0,
            partial: None,
            held: Vec::new(),
            outline: Outline::EMPTY,
            refusal: None,
        }
    }

    /// Scans `input` up to the end of the next frame. Returns how many bytes of `input` were taken, and the
    /// frame if it is complete. `(n, None)`: all of `input` was taken (`n == input.len()`) and more is
    /// needed.
    ///
    /// A frame that lies wholly in `input` is lent from there; only one that does not is copied. The copy stays
    /// until the next call or [`release`](Self::release).
    pub fn decode<'a>(&'a mut self, input: &'a [u8]) -> Result<(usize, Option<Decoded<'a>>), Refusal> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        self.release();
        match self.next_piece(input) {
            Ok((taken, piece)) => Ok((taken, piece.map(|piece| self.lend(piece, &input[..taken])))),
            Err(refusal) => {
                self.partial = None;
                self.refusal = Some(refusal);
                Err(refusal)
            }
        }
    }

    /// Gives back the copy of the frame that was handed out last. Call it when nothing is left of the input and
    /// the frame has been dealt with: more input may not come for long. To call it more often does no harm; a
    /// frame that is partly read stays.
    pub fn release(&mut self) {
        self.held = Vec::new();
    }

    /// Other limits from the next frame on: one that is partly read keeps those that it began with.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// A new epoch (after TLS or SASL success, RFC 6120, 4.3.3): a stream header is expected next. Offsets go
    /// on.
    ///
    /// Refused if a frame is only partly read, or if anything was refused before.
    pub fn restart(&mut self) -> Result<(), Refusal> {
        if self.partial.is_some() && self.refusal.is_none() {
            self.refusal = Some(Refusal { kind: RefusalKind::RestartInsideFrame, offset: self.offset });
            self.partial = None;
        }
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        self.release();
        self.place = Place::Prolog;
        self.scope = Scope::default();
        Ok(())
    }

    /// Checks one complete element that we wrote ourselves, with the stream root's namespaces in scope.
    /// Offsets in a refusal count from its first byte.
    ///
    /// It is held to the gate's own rules but not to the [`Limits`]: those are the peer's, who may have used them up
    /// before we added to the element.
    pub fn verify(&self, edited: &[u8]) -> Result<(), Refusal> {
        let surroundings = Surroundings { place: Place::Root, ..self.surroundings(&Limits::NONE) };
        let refuse = |kind, offset| Err(Refusal { kind, offset: offset as u64 });
        if edited.len() > Limits::LARGEST_FRAME {
            return refuse(RefusalKind::StanzaTooBig, Limits::LARGEST_FRAME);
        }
        match Scan::new(&surroundings).run(surroundings, edited) {
            Ok(Some(Complete { kind: CompleteKind::Element, end })) if end == edited.len() => Ok(()),
            Ok(Some(Complete { kind: CompleteKind::Element, end })) => {
                refuse(RefusalKind::NotOneElement, end)
            }
            Ok(Some(_)) => refuse(RefusalKind::NotOneElement, 0),
            Ok(None) => refuse(RefusalKind::Truncated, edited.len()),
            Err(Fault { kind, position }) => refuse(kind, position),
        }
    }

    /// The input ends here: a refusal (`truncated`) unless the root was closed and nothing is left over.
    pub fn finish(&self) -> Result<(), Refusal> {
        match self.refusal {
            Some(refusal) => Err(refusal),
            None if self.place == Place::Epilog && self.partial.is_none() => Ok(()),
            None => {
                let offset = self.offset + self.partly_read() as u64;
                Err(Refusal { kind: RefusalKind::Truncated, offset })
            }
        }
    }

    /// The root's qualified name as it was written, once a header has passed: what a closing tag must match.
    pub fn root_name(&self) -> Option<&str> {
        self.scope.root_name()
    }

    /// The root's namespace declarations, once a header has passed.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Bytes held: for a frame that is not complete, or as the copy of the one that was handed out last.
    pub fn buffered(&self) -> usize {
        self.partly_read() + self.held.len()
    }

    /// Bytes of a frame that is not complete.
    fn partly_read(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.bytes.len())
    }

    fn surroundings<'s>(&'s self, limits: &'s Limits) -> Surroundings<'s> {
        let (vocabulary, scope) = (&*self.vocabulary, &self.scope);
        Surroundings { vocabulary, limits, scope, place: self.place, grammar: self.grammar }
    }

    /// Takes from `input` up to the end of the next piece that is handed out.
    fn next_piece(&mut self, input: &[u8]) -> Result<(usize, Option<Piece>), Refusal> {
        let mut taken = 0;
        while taken < input.len() {
            let rest = &input[taken..];
            let (length, piece) = match self.partial.take() {
                Some(partial) => self.resume(partial, rest)?,
                None => self.white_space(rest).map_or_else(|| self.begin(rest), Ok)?,
            };
            taken += length;
            if piece.is_some() {
                return Ok((taken, piece));
            }
        }
        Ok((taken, None))
    }

    /// White space where it stands between frames: it means nothing, so it is handed out at once.
    fn white_space(&mut self, rest: &[u8]) -> Option<(usize, Option<Piece>)> {
        let between_frames = match self.place {
            Place::Prolog => false,
            Place::Root => self.grammar == Grammar::Stream,
            Place::Epilog => true,
        };
        if !between_frames || !is_space(*rest.first()?) {
            return None;
        }
        let length = rest.iter().take_while(|byte| is_space(**byte)).count();
        self.offset += length as u64;
        Some((length, Some(Piece::WhiteSpace { length })))
    }

    /// Begins a frame at the first byte of `rest`, without a copy if it is complete there.
    fn begin(&mut self, rest: &[u8]) -> Result<(usize, Option<Piece>), Refusal> {
        let surroundings = self.surroundings(&self.limits);
        let size = self.size_limit(&self.limits);
        let window = &rest[..rest.len().min(size)];
        let mut scan = Scan::new(&surroundings);
        match scan.run(surroundings, window) {
            Ok(Some(complete)) => Ok((complete.end, self.settle(&scan, &complete, window, false))),
            Ok(None) if window.len() < rest.len() => Err(self.too_big(size)),
            Ok(None) => {
                self.partial = Some(Box::new(Partial { bytes: rest.to_vec(), scan, limits: self.limits }));
                Ok((rest.len(), None))
            }
            Err(fault) => Err(self.locate(fault)),
        }
    }

    /// Goes on with a frame that is partly read.
    fn resume(&mut self, mut partial: Box<Partial>, rest: &[u8]) -> Result<(usize, Option<Piece>), Refusal> {
        let size = self.size_limit(&partial.limits);
        let mut taken = 0;
        while taken < rest.len() {
            let before = partial.bytes.len();
            let length = PIECE.min(rest.len() - taken).min(size - before);
            if length == 0 {
                return Err(self.too_big(size));
            }
            partial.bytes.extend_from_slice(&rest[taken..taken + length]);
            let surroundings = self.surroundings(&partial.limits);
            match partial.scan.run(surroundings, &partial.bytes) {
                Ok(None) => taken += length,
                Ok(Some(complete)) => {
                    let piece = self.settle(&partial.scan, &complete, &partial.bytes, true);
                    self.held = partial.bytes;
                    return Ok((taken + (complete.end - before), piece));
                }
                Err(fault) => return Err(self.locate(fault)),
            }
        }
        self.partial = Some(partial);
        Ok((taken, None))
    }

    /// Draws the consequences of a complete frame. Text in a document's root is not handed out.
    fn settle(&mut self, scan: &Scan, complete: &Complete, bytes: &[u8], held: bool) -> Option<Piece> {
        self.offset += complete.end as u64;
        self.outline = scan.outline;
        let (local_name, mut namespace) = scan.expanded_name(&self.scope);
        let kind = match complete.kind {
            CompleteKind::Text => return None,
            CompleteKind::Element => FrameKind::Element,
            CompleteKind::Closing => FrameKind::Closing,
            CompleteKind::Header | CompleteKind::EmptyRoot => {
                self.scope = Scope::from_header(bytes, scan);
                FrameKind::Header
            }
        };
        if kind != FrameKind::Element {
            namespace = self.scope.root_namespace().map_or(NamespaceText::None, NamespaceText::Root);
            let closed = complete.kind != CompleteKind::Header;
            self.place = if closed { Place::Epilog } else { Place::Root };
        }
        Some(Piece::Frame { kind, length: complete.end, held, local_name, namespace })
    }

    /// Lends out a piece; `taken` is the input up to its end.
    fn lend<'a>(&'a self, piece: Piece, taken: &'a [u8]) -> Decoded<'a> {
        match piece {
            Piece::WhiteSpace { length } => Decoded::WhiteSpace(&taken[taken.len() - length..]),
            Piece::Frame { kind, length, held, local_name, namespace } => Decoded::Frame(Frame {
                kind,
                offset: self.offset - length as u64,
                bytes: if held { &self.held[..length] } else { &taken[taken.len() - length..] },
                outline: &self.outline,
                local_name,
                namespace,
                decoder: self,
            }),
        }
    }

    /// The most bytes that the next frame may have. The scanner never sees more.
    fn size_limit(&self, limits: &Limits) -> usize {
        let limit = match self.place {
            Place::Prolog => limits.header_bytes,
            Place::Root | Place::Epilog => limits.stanza_bytes,
        };
        limit.min(Limits::LARGEST_FRAME)
    }

    fn too_big(&self, size: usize) -> Refusal {
        let kind = match self.place {
            Place::Prolog => RefusalKind::HeaderTooBig,
            Place::Root | Place::Epilog => RefusalKind::StanzaTooBig,
        };
        Refusal { kind, offset: self.offset + size as u64 }
    }

    fn locate(&self, fault: Fault) -> Refusal {
        Refusal { kind: fault.kind, offset: self.offset + fault.position as u64 }
    }
}

impl<'a> Frame<'a> {
    /// The namespace declarations of the stream's root, which the frame inherits; of a header, its own.
    pub fn scope(&self) -> &'a Scope {
        &self.decoder.scope
    }

    /// Checks the frame as it is after an edit: [`FrameDecoder::verify`].
    pub fn verify(&self, edited: &[u8]) -> Result<(), Refusal> {
        self.decoder.verify(edited)
    }

    /// The namespace of the outermost element (of the root, for header and closing); empty if it has none.
    pub fn namespace(&self) -> &[u8] {
        self.namespace.of(self.scope(), self.bytes)
    }

    /// The local name of the outermost element (of the root, for header and closing).
    pub fn local_name(&self) -> &[u8] {
        self.local_name.of(self.bytes)
    }
}

/// Shows kind and sizes only: the rest is a peer's.
impl fmt::Debug for FrameDecoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, buffered) = (self.place, self.buffered());
        write!(formatter, "FrameDecoder({place:?} at {}, {buffered} bytes buffered)", self.offset)
    }
}

/// Shows kind and length only: the bytes are a peer's.
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Frame({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// Shows kind and length only: the bytes are a peer's.
impl fmt::Debug for Decoded<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decoded::Frame(frame) => frame.fmt(formatter),
            Decoded::WhiteSpace(bytes) => write!(formatter, "WhiteSpace({} bytes)", bytes.len()),
        }
    }
}
