//! A frame parsed for an edit, by quick-xml: elements with their ranges in the frame's bytes. Only for frames that the
//! gate has passed.

use std::ops::Range;
use crate::framing::Scope;

pub struct Tree<'a> {
    pub bytes: &'a [u8],
    // elements in document order
}

pub struct Element<'t> {
    pub namespace: &'t str,
    pub name: &'t str,
    /// The whole element, its tags included.
    pub range: Range<usize>,
    // children(), parent/depth, attribute(name) -> Option<(Cow<str>, Range)>, content range, is_empty_tag, qname
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the frame could not be parsed again at {offset}")]
pub struct TreeError {
    pub offset: usize,
}

impl<'a> Tree<'a> {
    pub fn parse(_bytes: &'a [u8], _scope: &Scope) -> Result<Self, TreeError> {
        todo!()
    }
}
