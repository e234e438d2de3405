//! What a parser sees in a document, in words that are the same for all: elements, attributes, text, and where the
//! top-level elements end.

use std::collections::BTreeMap;

/// An expanded name. The namespace is empty if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub namespace: String,
    pub local: String,
}

impl Name {
    pub fn new(namespace: impl Into<String>, local: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), local: local.into() }
    }

    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.namespace == namespace && self.local == local
    }
}

pub type Attributes = BTreeMap<Name, String>;

/// A step through a document. Text is as long as it can be: no two stand side by side, none is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Start { name: Name, attributes: Attributes },
    Text(String),
    End,
}

/// Where a top-level piece begins, if the parser tells, and where it ends. The header's begin with the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub start: Option<usize>,
    pub end: usize,
}

/// A whole document as a parser sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub events: Vec<Event>,
    /// The root's start tag, the elements in the root, the root's end tag (unless the root is an empty-element tag).
    pub pieces: Vec<Piece>,
}

/// Builds a [`Reading`] from what a parser tells.
#[derive(Default)]
pub struct Builder {
    reading: Reading,
    depth: usize,
    /// Where the element in the root that is being read began.
    start: Option<usize>,
}

impl Builder {
    /// A start tag, from `start` (if it is told) to `end`.
    pub fn start(&mut self, name: Name, attributes: Attributes, start: Option<usize>, end: usize) {
        match self.depth {
            0 => self.reading.pieces.push(Piece { start: Some(0), end }),
            1 => self.start = start,
            _ => {}
        }
        self.depth += 1;
        self.reading.events.push(Event::Start { name, attributes });
    }

    /// An element's end tag, from `start` (if it is told) to `end`.
    pub fn end(&mut self, start: Option<usize>, end: usize) {
        self.depth = self.depth.saturating_sub(1);
        let is_empty_root = self.reading.pieces.first().is_some_and(|header| header.end == end);
        match self.depth {
            0 if !is_empty_root => self.reading.pieces.push(Piece { start, end }),
            1 => self.reading.pieces.push(Piece { start: self.start, end }),
            _ => {}
        }
        self.reading.events.push(Event::End);
    }

    pub fn text(&mut self, text: &str) {
        match self.reading.events.last_mut() {
            _ if text.is_empty() => {}
            Some(Event::Text(before)) => before.push_str(text),
            _ => self.reading.events.push(Event::Text(text.to_owned())),
        }
    }

    pub fn finish(self) -> Reading {
        self.reading
    }
}

/// The events with texts that stand side by side joined.
pub fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::with_capacity(events.len());
    for event in events {
        match (joined.last_mut(), event) {
            (Some(Event::Text(before)), Event::Text(text)) => before.push_str(&text),
            (_, event) => joined.push(event),
        }
    }
    joined
}
