//! The namespace declarations that a frame makes while it is scanned: pushed at a start tag, dropped at its
//! end.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::Span;
use super::search::equal;
use super::vocabulary::KnownNamespace;

/// One declaration, with the ranges of its prefix (empty for the default namespace) and its value in the
/// frame.
#[derive(Clone, Copy)]
pub(super) struct Binding {
    pub(super) prefix: Span,
    pub(super) value: Span,
    pub(super) known: KnownNamespace,
}

/// The declarations in scope, the innermost last.
///
/// A few, as many as a policy would allow, are searched one after the other. From [`FEW`](Self::FEW) on, they are also
/// kept in a map, so that thousands of prefixes that are used thousands of times do not take their product in time. (An
/// ordered map: nobody can prepare collisions, and it needs no random seed.)
#[derive(Default)]
pub(super) struct Bindings {
    list: SmallVec<[Binding; 4]>,
    /// For each prefix the positions in `list`, the innermost last. None while there are few.
    positions: Option<Box<Positions>>,
}

type Positions = BTreeMap<Box<[u8]>, Vec<usize>>;

impl Bindings {
    const FEW: usize = 40;

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
        match &self.positions {
            Some(positions) => positions.get(prefix)?.last().copied(),
            None => self.list.iter().rposition(|binding| equal(binding.prefix.of(frame), prefix)),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, frame: &[u8], binding: Binding) {
        self.list.push(binding);
        if self.positions.is_some() || self.list.len() >= Self::FEW {
            self.map_last(frame);
        }
    }

    /// Drops all but the first `count`.
    #[inline]
    pub(super) fn truncate(&mut self, frame: &[u8], count: usize) {
        if self.positions.is_some() {
            self.unmap_from(frame, count);
        }
        self.list.truncate(count);
    }

    /// Keeps the last in the map too, or all when there is none yet. The map then stays until the frame ends,
    /// so that to cross the border back and forth costs nothing, but it holds only the prefixes in scope.
    fn map_last(&mut self, frame: &[u8]) {
        let first = if self.positions.is_some() { self.list.len() - 1 } else { 0 };
        let positions = self.positions.get_or_insert_default();
        for (position, binding) in self.list.iter().enumerate().skip(first) {
            positions.entry(binding.prefix.of(frame).into()).or_default().push(position);
        }
    }

    fn unmap_from(&mut self, frame: &[u8], count: usize) {
        let Some(positions) = &mut self.positions else { return };
        for binding in &self.list[count..] {
            let prefix = binding.prefix.of(frame);
            if let Some(of_prefix) = positions.get_mut(prefix) {
                of_prefix.pop();
                if of_prefix.is_empty() {
                    positions.remove(prefix);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Binding, Bindings, KnownNamespace, Span};

    fn declare(bindings: &mut Bindings, frame: &[u8], start: usize) {
        let prefix = Span::between(start, start + 4);
        bindings.push(frame, Binding { prefix, value: Span::default(), known: KnownNamespace::OTHER });
    }

    fn mapped(bindings: &Bindings) -> usize {
        bindings.positions.as_ref().map_or(0, |positions| positions.len())
    }

    #[test]
    fn a_few_declarations_are_found_without_a_map() {
        let frame: String = (0..Bindings::FEW).map(|index| format!("p{index:03}")).collect();
        let frame = frame.as_bytes();
        let mut bindings = Bindings::default();
        for index in 0..Bindings::FEW - 1 {
            declare(&mut bindings, frame, 4 * index);
            assert_eq!(bindings.find(frame, &frame[4 * index..][..4]), Some(index));
        }
        assert_eq!(mapped(&bindings), 0);
    }

    #[test]
    fn the_map_holds_no_more_prefixes_than_are_in_scope() {
        let frame: String = (0..1000).map(|index| format!("p{index:03}")).collect();
        let frame = frame.as_bytes();
        let mut bindings = Bindings::default();
        (0..Bindings::FEW).for_each(|index| declare(&mut bindings, frame, 4 * index));
        assert_eq!(mapped(&bindings), Bindings::FEW);
        for index in Bindings::FEW..1000 {
            declare(&mut bindings, frame, 4 * index);
            assert_eq!(mapped(&bindings), Bindings::FEW + 1);
            bindings.truncate(frame, Bindings::FEW);
        }
        bindings.truncate(frame, 0);
        assert_eq!(mapped(&bindings), 0);
    }

    #[test]
    fn a_prefix_that_is_declared_again_is_found_until_its_last_declaration_ends() {
        let frame: String = (0..Bindings::FEW).map(|index| format!("p{index:03}")).collect();
        let frame = frame.as_bytes();
        let mut bindings = Bindings::default();
        (0..Bindings::FEW).for_each(|index| declare(&mut bindings, frame, 4 * index));
        declare(&mut bindings, frame, 0);
        assert_eq!(bindings.find(frame, b"p000"), Some(Bindings::FEW));
        bindings.truncate(frame, Bindings::FEW);
        assert_eq!(bindings.find(frame, b"p000"), Some(0));
        bindings.truncate(frame, 0);
        assert_eq!(bindings.find(frame, b"p000"), None);
    }
}
