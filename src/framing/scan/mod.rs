//! The scanner: the grammar of XML 1.0 and its namespaces, as far as a stream may use it, in one pass over a frame.
//!
//! It knows nothing of buffers, offsets in the stream, or what comes before and after: it is given a frame's bytes as
//! far as they have come, and says where the frame ends, that it needs more, or what is wrong. When the bytes end in
//! the middle, it keeps its mode and position, and goes on from there when it is given the same bytes and more. So
//! every decision depends on the bytes alone, never on how they were cut.
//!
//! The productions are methods, named and numbered as in the recommendations: here what stands between tags, in
//! [`prolog`] what precedes the root, in [`tag`] the tags as written, in [`element`] what they mean.

mod element;
mod prolog;
mod tag;

use smallvec::SmallVec;

use super::bindings::Bindings;
use super::characters::{common_characters, multibyte_character};
use super::reference::reference_length;
use super::scope::Scope;
use super::search::{end_of_section, end_of_text};
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

/// Where in the document a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// [22] Before the root.
    Prolog,
    /// [43] Directly in the root.
    Root,
    /// [27] After the root's end.
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
    attributes: SmallVec<[QualifiedName; 8]>,
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

/// What is awaited, or inside of what the scan is:
///
/// ```text
/// Epoch ─> Declaration ─> Prolog ─┐
/// FrameStart ─────────────────────┴> Markup ─> Name ─> InTag <─> AttributeName ─> Equals ─> Quote ─> Value ─> InTag
///                                      │                └─> EmptyTag
/// Content, RootText <── any end ───────┼─> EndName ─> EndSpace
///                                      └─> Section
/// ```
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
            attributes: SmallVec::new(),
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
                Mode::InTag => self.in_tag(at),
                _ => self.go_on(mode, at),
            };
            match step {
                Ok(next) => (mode, at) = next,
                Err(Stop) => return,
            }
        }
    }

    /// Begins, or goes on after a pause, with what is left of a production, and says what follows it. Without a pause
    /// the scan only moves between the two modes of [`run`](Self::run), whose productions go through their parts.
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
            Mode::InTag | Mode::Content => Ok((mode, at)),
            Mode::AfterSpace => self.after_space(at),
            Mode::AttributeName => Ok((Mode::Equals, self.attribute_name(at)?)),
            Mode::Equals => Ok((Mode::Quote, self.equals(at)?)),
            Mode::Quote => Ok((Mode::Value, self.quote(at)?)),
            Mode::Value => Ok((Mode::InTag, self.value(at)?)),
            Mode::EmptyTag => self.empty_tag(at),
            Mode::EndName => Ok((Mode::EndSpace, self.end_name(at)?)),
            Mode::EndSpace => self.end_space(at),
        }
    }

    /// The first byte of a frame in the root or after it.
    fn frame_start(&mut self, at: usize) -> Step {
        match (self.byte(at, Mode::FrameStart)?, self.surroundings.place, self.surroundings.grammar) {
            (b'<', ..) => Ok((Mode::Content, at)), // No text: the markup follows at once.
            (_, Place::Root, Grammar::Document) => Ok((Mode::RootText, at)),
            (_, Place::Root, Grammar::Stream) => self.refuse_at(RefusalKind::TextBetweenStanzas, at),
            (_, Place::Prolog | Place::Epilog, _) => self.refuse_at(RefusalKind::TextOutsideRoot, at),
        }
    }

    /// [43] content, up to the next markup.
    #[inline(always)]
    fn content(&mut self, at: usize) -> Step {
        let at = self.text(at, Mode::Content)?;
        self.markup(at + 1)
    }

    /// Text directly in the root of a document, up to the next markup.
    fn root_text(&mut self, at: usize) -> Step {
        let end = self.text(at, Mode::RootText)?;
        self.complete(CompleteKind::Text, end)
    }

    /// [14] CharData and [67] Reference: the position of the `<` that ends them.
    #[inline(always)]
    fn text(&mut self, mut at: usize, mode: Mode) -> Result<usize, Stop> {
        while self.bytes.get(at) != Some(&b'<') {
            at = end_of_text(self.bytes, at);
            at = match self.byte(at, mode)? {
                b'<' => at,
                b'&' => self.reference(at, mode)?,
                b'>' if self.bytes[..at].ends_with(b"]]") => {
                    return self.refuse_at(RefusalKind::SectionEndInText, at);
                }
                byte => self.character(byte, at, mode)?,
            };
        }
        Ok(at)
    }

    /// What follows `<`: a start tag, an end tag, a CDATA section, or something that is not allowed.
    #[inline(always)]
    fn markup(&mut self, at: usize) -> Step {
        match self.byte(at, Mode::Markup)? {
            b'/' => self.end_tag(at + 1),
            b'!' => self.declared_markup(at + 1),
            b'?' => self.refuse_at(RefusalKind::ProcessingInstruction, at),
            _ => self.start_tag(at),
        }
    }

    /// What follows `<!`. It is short: when it is incomplete, it is looked at again from the `!` on.
    fn declared_markup(&mut self, at: usize) -> Step {
        let rest = &self.bytes[at..];
        for (word, refusal) in [
            (&b"[CDATA["[..], None),
            (b"--", Some(RefusalKind::Comment)),
            (b"DOCTYPE", Some(RefusalKind::Doctype)),
        ] {
            match refusal {
                Some(kind) if rest.starts_with(word) => return self.refuse_at(kind, at),
                None if rest.starts_with(word) => return self.section_start(at + word.len()),
                _ if word.starts_with(rest) => return self.pause(Mode::Markup, at - 1),
                _ => {}
            }
        }
        self.refuse_at(RefusalKind::BadMarkup, at)
    }

    /// [19] CDStart: a section is allowed inside of elements.
    fn section_start(&mut self, at: usize) -> Step {
        match (self.scan.open.is_empty(), self.surroundings.place, self.surroundings.grammar) {
            (false, ..) | (true, Place::Root, Grammar::Document) => Ok((Mode::Section, at)),
            (true, Place::Root, Grammar::Stream) => self.refuse_at(RefusalKind::TextBetweenStanzas, at),
            (true, Place::Prolog | Place::Epilog, _) => self.refuse_at(RefusalKind::TextOutsideRoot, at),
        }
    }

    /// [20] CData and [21] CDEnd. Before the section stands `[`, so that looking back stays inside of it.
    fn section(&mut self, mut at: usize) -> Step {
        loop {
            at = end_of_section(self.bytes, at);
            match self.byte(at, Mode::Section)? {
                b'>' if self.bytes[..at].ends_with(b"]]") => break,
                byte => at = self.character(byte, at, Mode::Section)?,
            }
        }
        match self.scan.open.is_empty() {
            false => Ok((Mode::Content, at + 1)),
            true => self.complete(CompleteKind::Text, at + 1),
        }
    }

    /// [67] Reference, from its `&` on: the position after it. It is short: when incomplete, it is read again.
    fn reference(&mut self, at: usize, mode: Mode) -> Result<usize, Stop> {
        match reference_length(&self.bytes[at + 1..]) {
            Ok(Some(length)) => Ok(at + 1 + length),
            Ok(None) => self.pause(mode, at),
            Err(kind) => self.refuse_at(kind, at),
        }
    }

    /// [2] Char: the position after it, or, if it is not ASCII, after the run of such characters that it begins.
    #[inline]
    fn character(&mut self, byte: u8, at: usize, mode: Mode) -> Result<usize, Stop> {
        match byte {
            b'\t' | b'\n' | b'\r' | 0x20..0x80 => Ok(at + 1),
            0x80.. => self.characters_beyond_ascii(at, mode),
            _ => self.refuse_at(RefusalKind::BadCharacter, at),
        }
    }

    fn characters_beyond_ascii(&mut self, mut at: usize, mode: Mode) -> Result<usize, Stop> {
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let (length, after) = common_characters(rest);
            at += length;
            if after.first().is_none_or(u8::is_ascii) {
                return Ok(at);
            }
            match multibyte_character(after) {
                Ok(Some(character)) => at += character.len_utf8(),
                Ok(None) => return self.pause(mode, at),
                Err(kind) => return self.refuse_at(kind, at),
            }
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
