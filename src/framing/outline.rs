//! What the gate notes of a frame while it scans it, so that nobody needs to parse the frame again.

use super::{NameId, NameSet};

/// A range of a frame's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    /// The bytes of `frame` that this span stands for; empty if the span belongs to another frame and does
    /// not fit.
    pub fn of(self, frame: &[u8]) -> &[u8] {
        let start = self.start as usize;
        frame.get(start..start.saturating_add(self.len as usize)).unwrap_or_default()
    }

    /// Positions come from a frame of at most [`LARGEST_FRAME`](super::Limits::LARGEST_FRAME) bytes, so that
    /// they fit.
    #[inline]
    pub(super) fn between(start: usize, end: usize) -> Span {
        Span { start: start as u32, len: (end - start) as u32 }
    }
}

/// What routing, limits and content decisions need to know of a frame, noted while it was scanned.
///
/// The attributes are those of the frame's outermost element that have no prefix; their spans are of the raw
/// value between the quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The outermost element's name.
    pub name: NameId,
    /// The known names among its children (not deeper).
    pub children: NameSet,
    pub to: Option<Span>,
    pub from: Option<Span>,
    pub type_: Option<Span>,
    pub id: Option<Span>,
    /// One of the four values holds a reference or white space other than U+0020: its meaning is not its raw
    /// bytes.
    pub escaped: bool,
    /// An element or attribute of a watched namespace occurs somewhere in the frame.
    pub watched: bool,
}

impl Outline {
    /// The outline of a frame of which nothing has been scanned.
    pub(super) const EMPTY: Outline = Outline {
        name: NameId::OTHER,
        children: NameSet::EMPTY,
        to: None,
        from: None,
        type_: None,
        id: None,
        escaped: false,
        watched: false,
    };

    /// Takes note of an attribute of the outermost element, if it is one of the four.
    #[inline]
    pub(super) fn note_attribute(&mut self, name: &[u8], value: Span, escaped: bool) {
        let slot = match name {
            b"to" => &mut self.to,
            b"from" => &mut self.from,
            b"type" => &mut self.type_,
            b"id" => &mut self.id,
            _ => return,
        };
        *slot = Some(value);
        self.escaped |= escaped;
    }
}
