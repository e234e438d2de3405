//! The gate's own view of an input, in words that can be held against a reading.

use std::sync::Arc;

use crate::framing::{Decoded, Frame, FrameDecoder, FrameKind, Limits, NameSet, Refusal, Span, Vocabulary};
use crate::reading::{Attributes, Event, Name, Piece, Reading};

pub const STREAMS: &str = "http://etherx.jabber.org/streams";

/// Limits that no input of these tests reaches: what they are for is tested beside the gate.
const LIMITS: Limits = Limits {
    stanza_bytes: 1 << 24,
    header_bytes: 1 << 24,
    depth: 1 << 20,
    attributes: 1 << 20,
    namespaces: 1 << 20,
    elements: 1 << 20,
};

/// The names that the gate is asked to tell apart.
const NAMES: &[(&str, &str)] = &[
    ("jabber:client", "message"),
    ("jabber:client", "body"),
    ("urn:a", "x"),
    ("urn:a", "y"),
    (STREAMS, "error"),
];

/// The namespace that the gate is asked to watch for.
pub const WATCHED: &str = "urn:watched";

/// Which of the gate's two grammars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    Stream,
    Document,
}

impl Grammar {
    pub fn decoder(self) -> FrameDecoder {
        let vocabulary = Arc::new(Vocabulary::new((STREAMS, "stream"), NAMES, &[WATCHED]));
        match self {
            Grammar::Stream => FrameDecoder::new(vocabulary, LIMITS),
            Grammar::Document => FrameDecoder::document(vocabulary, LIMITS),
        }
    }
}

/// What the gate passes of an input.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Passed {
    pub pieces: Vec<Piece>,
    /// What it notes of each piece but the root's end tag.
    pub notes: Vec<Note>,
    /// Why it passes no more; nothing if the input is complete.
    pub refusal: Option<Refusal>,
    /// The root's name as it was written, once a header has passed.
    pub root: Option<String>,
}

/// What the gate notes of a header or an element in the root.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Note {
    pub name: Name,
    /// The index in the vocabulary.
    known: Option<usize>,
    /// The indices of the children in the vocabulary.
    children: Vec<usize>,
    watched: bool,
    /// `to`, `from`, `type`, `id`.
    attributes: [Option<String>; 4],
    /// One of them is said to be what its raw bytes are, and is not.
    is_misread: bool,
}

impl Passed {
    /// Puts `input` through the gate, in `chunks` of these lengths, over and over; in one piece without any.
    pub fn of(grammar: Grammar, input: &[u8], chunks: &[usize]) -> Self {
        let mut decoder = grammar.decoder();
        let mut passed = Passed::default();
        let (mut rest, mut lengths) = (input, chunks.iter().cycle());
        while !rest.is_empty() && passed.refusal.is_none() {
            let length = lengths.next().copied().unwrap_or(rest.len()).clamp(1, rest.len());
            let (chunk, after) = rest.split_at(length);
            passed.refusal = passed.feed(&mut decoder, input, chunk).err();
            rest = after;
        }
        passed.root = decoder.root_name().map(str::to_owned);
        passed.refusal = passed.refusal.or(decoder.finish().err());
        passed
    }

    /// Feeds the next `chunk` of `input`.
    fn feed(&mut self, decoder: &mut FrameDecoder, input: &[u8], mut chunk: &[u8]) -> Result<(), Refusal> {
        loop {
            let (taken, decoded) = decoder.decode(chunk)?;
            chunk = &chunk[taken..];
            match decoded {
                None => return Ok(()),
                Some(Decoded::WhiteSpace(_)) => {}
                Some(Decoded::Frame(frame)) => {
                    let start = frame.offset as usize;
                    assert_eq!(
                        frame.bytes,
                        &input[start..start + frame.bytes.len()],
                        "it passes what it has read"
                    );
                    self.pieces.push(Piece { start: Some(start), end: start + frame.bytes.len() });
                    if frame.kind != FrameKind::Closing {
                        self.notes.push(Note::of_frame(&frame));
                    }
                }
            }
        }
    }

    /// The document that the passed pieces make, with the root's end tag if that has not come. Nothing if not even a
    /// header has passed.
    pub fn document(&self, input: &[u8]) -> Option<Vec<u8>> {
        let passed = &input[..self.pieces.last()?.end];
        let ended = self.pieces.len() > self.notes.len() || self.pieces.len() == 1 && passed.ends_with(b"/>");
        match &self.root {
            _ if self.refusal.is_none() => Some(input.to_vec()),
            Some(root) if !ended => Some([passed, b"</", root.as_bytes(), b">"].concat()),
            _ => Some(passed.to_vec()),
        }
    }
}

impl Note {
    fn of_frame(frame: &Frame<'_>) -> Self {
        let outline = frame.outline;
        let spans = [outline.to, outline.from, outline.type_, outline.id];
        let raw = |span: Span| span.of(frame.bytes);
        let is_plain = |span: &Span| meaning(raw(*span)).as_bytes() == raw(*span);
        Note {
            name: Name::new(text(frame.namespace()), text(frame.local_name())),
            known: outline.name.index(),
            children: indices(outline.children),
            watched: outline.watched,
            attributes: spans.map(|span| span.map(|span| meaning(raw(span)))),
            is_misread: !outline.escaped && !spans.iter().flatten().all(is_plain),
        }
    }

    /// What the gate should note of each piece, by another parser's events.
    pub fn of_reading(reading: &Reading) -> Vec<Self> {
        let (mut notes, mut depth) = (Vec::new(), 0);
        for event in &reading.events {
            match event {
                Event::Text(_) => {}
                Event::End => depth -= 1,
                Event::Start { name, attributes } => {
                    depth += 1;
                    if depth <= 2 {
                        notes.push(Note::of_element(name, attributes));
                    }
                    if let Some(note) = notes.last_mut() {
                        note.watched |= is_watched(name, attributes);
                        note.children.extend(known(name).filter(|_| depth == 3));
                    }
                }
            }
        }
        for note in &mut notes {
            note.children.sort_unstable();
            note.children.dedup();
        }
        notes
    }

    fn of_element(name: &Name, attributes: &Attributes) -> Self {
        let value = |local: &str| attributes.get(&Name::new("", local)).cloned();
        let attributes = ["to", "from", "type", "id"].map(value);
        Note { name: name.clone(), known: known(name), attributes, ..Note::default() }
    }
}

fn known(name: &Name) -> Option<usize> {
    NAMES.iter().position(|known| name.is(known.0, known.1))
}

fn is_watched(name: &Name, attributes: &Attributes) -> bool {
    name.namespace == WATCHED || attributes.keys().any(|name| name.namespace == WATCHED)
}

fn indices(names: NameSet) -> Vec<usize> {
    (0..NAMES.len()).filter(|index| names.contains(*index)).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What an attribute's raw value means (XML 1.0, 2.11 and 3.3.3).
fn meaning(raw: &[u8]) -> String {
    let raw = text(raw).replace("\r\n", " ").replace(['\r', '\n', '\t'], " ");
    quick_xml::escape::unescape(&raw).map_or_else(|error| format!("{error:?}"), |value| value.into_owned())
}
