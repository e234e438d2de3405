//! The namespace declarations that a frame makes while it is scanned: pushed at a start tag, dropped at its end.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::Span;
use super::vocabulary::KnownNamespace;

/// One declaration, with the ranges of its prefix (empty for the default namespace) and its value in the frame.
#[derive(Clone, Copy)]
pub(super) struct Binding {
    pub(super) prefix: Span,
    pub(super) value: Span,
    pub(super) known: KnownNamespace,
}

/// The declarations in scope, the innermost last.
///
/// A few are searched one after the other. From [`FEW`](Self::FEW) on they are also kept in a map, so that thousands of
/// prefixes that are used thousands of times do not take their product in time. (An ordered map: nobody can prepare
/// collisions, and it needs no random seed.)
#[derive(Default)]
pub(super) struct Bindings {
    list: SmallVec<[Binding; 4]>,
    /// For each prefix the positions in `list`, the innermost last. Empty while there are few.
    positions: BTreeMap<Box<[u8]>, Vec<usize>>,
}

impl Bindings {
    const FEW: usize = 24;

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Binding> {
        self.list.iter()
    }

    pub(super) fn at(&self, position: usize) -> Option<&Binding> {
        self.list.get(position)
    }

    /// The position of the innermost declaration of `prefix`. `frame` is the frame's bytes.
    pub(super) fn find(&self, frame: &[u8], prefix: &[u8]) -> Option<usize> {
        if self.is_mapped() {
            return self.positions.get(prefix).and_then(|positions| positions.last()).copied();
        }
        self.list.iter().rposition(|binding| binding.prefix.of(frame) == prefix)
    }

    pub(super) fn push(&mut self, frame: &[u8], binding: Binding) {
        self.list.push(binding);
        let unmapped = if self.is_mapped() {
            self.list.len() - 1..self.list.len()
        } else if self.list.len() >= Self::FEW {
            0..self.list.len()
        } else {
            return;
        };
        for position in unmapped {
            let prefix = self.list[position].prefix.of(frame);
            self.positions.entry(prefix.into()).or_default().push(position);
        }
    }

    /// Drops all but the first `count`.
    #[inline]
    pub(super) fn truncate(&mut self, frame: &[u8], count: usize) {
        if count < self.list.len() {
            self.drop_last(frame, count);
        }
    }

    fn drop_last(&mut self, frame: &[u8], count: usize) {
        if self.is_mapped() {
            for binding in &self.list[count..] {
                let prefix = binding.prefix.of(frame);
                if let Some(positions) = self.positions.get_mut(prefix)
                    && positions.pop().is_some()
                    && positions.is_empty()
                {
                    self.positions.remove(prefix);
                }
            }
        }
        self.list.truncate(count);
    }

    /// Once mapped, all stay mapped until none are left, so that crossing the border back and forth costs nothing.
    fn is_mapped(&self) -> bool {
        !self.positions.is_empty()
    }
}
