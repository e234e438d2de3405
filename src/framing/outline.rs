use super::{NameId, NameSet};

/// A range of a frame's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

/// What routing, limits and content decisions need to know of a frame, noted while it was scanned.
///
/// Attribute spans are of the raw value between the quotes of the frame's outermost element.
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
    /// One of the four values holds a reference or white space other than U+0020: its meaning is not its raw bytes.
    pub escaped: bool,
    /// An element of a watched namespace occurs somewhere in the frame.
    pub watched: bool,
}
