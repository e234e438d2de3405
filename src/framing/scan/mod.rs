//! The scanner: the grammar of XML 1.0 and its namespaces, as far as a stream may use it, in one pass over a
//! frame.
//!
//! It knows nothing of buffers, offsets in the stream, or what comes before and after: it is given a frame's
//! bytes as far as they have come, and says where the frame ends, that it needs more, or what is wrong. When
//! the bytes end in the middle, it keeps its mode and position, and goes on from there when it is given the
//! same bytes and more. So every decision depends on the bytes alone, never on how they were cut.
//!
//! The productions are methods, named and numbered as in the recommendations: in [`prolog`] what precedes the
//! root, in [`content`] what stands between tags, in [`tag`] the tags as they are written, in [`element`]
//! what they mean. Here is what moves from one to the next.

mod content;
mod element;
mod prolog;
mod tag;

use smallvec::SmallVec;

use super::bindings::Bindings;
use super::list::List;
use super::scope::Scope;
use super::{Limits, Outline, RefusalKind, Vocabulary};

pub(super) use element::{Namespace, NamespaceText};
use tag::{QualifiedName, Tag};

/// What surrounds a frame: everything that scanning reads and does not change.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'s> {
    pub(super) vocabulary: &'s Vocabulary,
    pub(super) limits: &'s Limits,
    pub(super) scope: &'s Scope,
    pub(super) place: Place,
    pub(super) grammar: Grammar,
}

/// Where in the document (`[1]`) a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `[22]` Before the root.
    Prolog,
    /// `[43]` Directly in the root.
    Root,
    /// `[27]` After the root's end.
    Epilog,
}

/// The two kinds of documents. All productions are the same, but for the root and the text directly in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grammar {
    /// The root is the vocabulary's, and holds elements and white space (RFC 6120, 4.2).
    Stream,
    /// Any root, with any content.
    Document,
}

/// A frame that is complete and valid.
pub(super) struct Complete {
    pub(super) kind: CompleteKind,
    /// The position after its last byte.
    pub(super) end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CompleteKind {
    /// The root's start tag.
    Header,
    /// The root as an empty-element tag, only in a document.
    EmptyRoot,
    /// An element directly in the root.
    Element,
    /// The root's end tag.
    Closing,
    /// A run of text or a CDATA section directly in the root, only in a document.
    Text,
}

/// What is wrong, and at which position of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: RefusalKind,
    pub(super) position: usize,
}

/// The state of one frame's scan, from its first byte to its last. It holds positions, never bytes.
pub(super) struct Scan {
    mode: Mode,
    /// The next byte to be looked at.
    position: usize,
    /// The tag that the scan is in.
    tag: Tag,
    /// The names of its attributes.
    attributes: List<QualifiedName, 8>,
    /// The elements that are open, the innermost last.
    open: SmallVec<[element::Open; 8]>,
    /// Elements so far, closed ones included.
    elements: usize,
    bindings: Bindings,
    /// The namespace of names without a prefix.
    default: Namespace,
    outermost: element::Outermost,
    pub(super) outline: Outline,
}

/// What is awaited, or inside of what the scan is. Arrows down are an order, the others lead back:
///
/// ```text
/// Epoch, Declaration, Prolog                 FrameStart
///           └──────────────┬──────────────────┘
///                       Content <──────────────────────────────────────┐
///                          │                                           │
///                       Markup ──────┬──────────────> Section ─────────┤
///                          │         └─> EndName ──> EndSpace ─────────┤
///                        Name                                          │
///                          │                                           │
///                        InTag ──┬───────────────────────── `>` ───────┤
///                          │  ^  └─> EmptyTag ─────────────────────────┘
///                    AfterSpace
///                          │  │
///              AttributeName, Equals, Quote, Value
/// ```
///
/// A frame is complete when the last of its tags is, and text in a document's root (RootText) where the next tag begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The first bytes of an epoch: the XML declaration, or else the prolog.
    Epoch,
    /// Inside of the XML declaration.
    Declaration,
    /// White space before the root.
    Prolog,
    /// The first byte of a frame after the header.
    FrameStart,
    /// Between the tags of an element.
    Content,
    /// Text directly in the root of a document.
    RootText,
    /// After `<`.
    Markup,
    /// Inside of a CDATA section.
    Section,
    /// Inside of a start tag's name.
    Name,
    /// After a start tag's name or an attribute.
    InTag,
    /// After white space in a start tag.
    AfterSpace,
    AttributeName,
    /// Before the `=` of an attribute.
    Equals,
    /// Before the opening quote of an attribute's value.
    Quote,
    /// Inside of an attribute's value.
    Value,
    /// After the `/` of an empty-element tag.
    EmptyTag,
    /// Inside of an end tag's name.
    EndName,
    /// After an end tag's name.
    EndSpace,
}

/// The scan does not go on; why is in [`Scanner::outcome`], so that what every step returns stays small.
struct Stop;

/// The next mode and the position where it begins.
type Step = Result<(Mode, usize), Stop>;

impl Scan {
    /// A scan that begins at a frame's first byte.
    pub(super) fn new(surroundings: &Surroundings<'_>) -> Self {
        let mode = match surroundings.place {
            Place::Prolog => Mode::Epoch,
            Place::Root | Place::Epilog => Mode::FrameStart,
        };
        Self {
            mode,
            position: 0,
            tag: Tag::default(),
            attributes: List::new(),
            open: SmallVec::new(),
            elements: 0,
            bindings: Bindings::default(),
            default: Namespace::default_of(surroundings.scope),
            outermost: element::Outermost::default(),
            outline: Outline::EMPTY,
        }
    }

    /// Goes on in `bytes`: the frame from its first byte, as far as it has come. `None`: more is needed.
    pub(super) fn run(
        &mut self,
        surroundings: Surroundings<'_>,
        bytes: &[u8],
    ) -> Result<Option<Complete>, Fault> {
        let (mode, position) = (self.mode, self.position);
        let mut scanner = Scanner { bytes, surroundings, scan: self, outcome: Ok(None) };
        scanner.run(mode, position);
        scanner.outcome
    }
}

/// A scan at work on its bytes. Every method takes the position where it begins and returns where it ended.
struct Scanner<'s> {
    bytes: &'s [u8],
    surroundings: Surroundings<'s>,
    scan: &'s mut Scan,
    outcome: Result<Option<Complete>, Fault>,
}

impl Scanner<'_> {
    fn run(&mut self, mut mode: Mode, mut at: usize) {
        loop {
            let step = match mode {
                Mode::Content => self.content(at),
                _ => self.go_on(mode, at),
            };
            match step {
                Ok(next) => (mode, at) = next,
                Err(Stop) => return,
            }
        }
    }

    /// Begins, or goes on after a pause, with what is left of a production, and says what follows it. Without a pause
    /// the scan only comes back to the content, whose productions go through their parts.
    #[inline(never)]
    fn go_on(&mut self, mode: Mode, at: usize) -> Step {
        match mode {
            Mode::Epoch => self.epoch(at),
            Mode::Declaration => self.declaration(at),
            Mode::Prolog => self.prolog(at),
            Mode::FrameStart => self.frame_start(at),
            Mode::RootText => self.root_text(at),
            Mode::Markup => self.markup(at),
            Mode::Section => self.section(at),
            Mode::Name => Ok((Mode::InTag, self.name(at)?)),
            Mode::Content => self.content(at),
            Mode::InTag => self.in_tag(at),
            Mode::AfterSpace => Ok((Mode::InTag, self.after_space(at)?)),
            Mode::AttributeName => Ok((Mode::Equals, self.attribute_name(at)?)),
            Mode::Equals => Ok((Mode::Quote, self.equals(at)?)),
            Mode::Quote => Ok((Mode::Value, self.quote(at)?)),
            Mode::Value => Ok((Mode::InTag, self.value(at)?)),
            Mode::EmptyTag => self.empty_tag(at),
            Mode::EndName => Ok((Mode::EndSpace, self.end_name(at)?)),
            Mode::EndSpace => self.end_space(at),
        }
    }

    /// The byte at `at`; at the end of the bytes the scan stops, to go on there in `mode`.
    #[inline(always)]
    fn byte(&mut self, at: usize, mode: Mode) -> Result<u8, Stop> {
        match self.bytes.get(at) {
            Some(byte) => Ok(*byte),
            None => self.pause(mode, at),
        }
    }

    /// Stops at the end of the bytes, to go on at `at` in `mode`.
    #[inline(always)]
    fn pause<T>(&mut self, mode: Mode, at: usize) -> Result<T, Stop> {
        self.scan.mode = mode;
        self.scan.position = at;
        Err(Stop)
    }

    /// Stops at the end of a frame.
    fn complete(&mut self, kind: CompleteKind, end: usize) -> Step {
        self.outcome = Ok(Some(Complete { kind, end }));
        Err(Stop)
    }

    /// Stops for good.
    #[cold]
    fn refuse<T>(&mut self, fault: Fault) -> Result<T, Stop> {
        self.outcome = Err(fault);
        Err(Stop)
    }

    #[cold]
    fn refuse_at<T>(&mut self, kind: RefusalKind, position: usize) -> Result<T, Stop> {
        self.refuse(Fault { kind, position })
    }
}
