//! An edit of one frame: which ranges of its bytes are replaced by what. It knows nothing of XML.

use std::fmt;
use std::ops::Range;

/// Splices for one frame, in order and not overlapping.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Edit {
    splices: Vec<Splice>,
}

/// A range of the frame and the bytes that stand there afterwards.
#[derive(Clone, PartialEq, Eq)]
struct Splice {
    range: Range<usize>,
    insertion: Vec<u8>,
}

impl Splice {
    /// Whether the other one's range lies in this one's. An insertion at its border does not.
    fn swallows(&self, other: &Splice) -> bool {
        let (outer, inner) = (&self.range, &other.range);
        let lies_inside = outer.start <= inner.start && inner.end <= outer.end;
        let at_border = inner.is_empty() && (inner.start == outer.start || inner.end == outer.end);
        lies_inside && !at_border
    }
}

impl Edit {
    pub fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Takes a range of the frame's bytes out.
    pub fn remove(&mut self, range: Range<usize>) {
        self.replace(range, Vec::new());
    }

    /// Takes an element out of the frame's bytes, so that the text before it and the text behind it do not make `]]>`
    /// where they meet, which must not stand in text (XML 1.0, 2.4): an empty CDATA section keeps them apart.
    pub fn remove_element(&mut self, frame: &[u8], range: Range<usize>) {
        let after_bracket = frame.get(..range.start).is_some_and(|before| before.ends_with(b"]"));
        let left: &[u8] = if after_bracket { b"<![CDATA[]]>" } else { b"" };
        self.replace(range, left);
    }

    /// Adds bytes before the frame's byte at `at`; after what was already inserted there.
    pub fn insert(&mut self, at: usize, insertion: impl Into<Vec<u8>>) {
        self.replace(at..at, insertion);
    }

    /// Puts other bytes in the place of a range, which must not overlap any that is already in the edit.
    pub fn replace(&mut self, range: Range<usize>, insertion: impl Into<Vec<u8>>) {
        let place = self
            .splices
            .partition_point(|other| (other.range.start, other.range.end) <= (range.start, range.end));
        debug_assert!(
            place == 0 || self.splices[place - 1].range.end <= range.start,
            "overlaps the one before"
        );
        debug_assert!(
            self.splices.get(place).is_none_or(|next| range.end <= next.range.start),
            "overlaps the one after"
        );
        self.splices.insert(place, Splice { range, insertion: insertion.into() });
    }

    /// Puts `start`, `addition` and `end` in the place of a range. A second addition to the same range comes behind the
    /// first one.
    pub fn open(&mut self, range: Range<usize>, start: &[u8], addition: &[u8], end: &[u8]) {
        match self.splices.iter_mut().find(|splice| splice.range == range) {
            Some(Splice { insertion, .. }) => {
                let at = insertion.len().saturating_sub(end.len());
                insertion.splice(at..at, addition.iter().copied());
            }
            None => self.replace(range, [start, addition, end].concat()),
        }
    }

    /// Adds the splices of another edit of the same frame. What lies within a range that the other edit takes out goes
    /// with it. Takes time linear in the number of splices.
    pub fn merge(&mut self, other: Edit) {
        let key = |splice: &Splice| (splice.range.start, splice.range.end);
        let mut own = std::mem::take(&mut self.splices).into_iter().peekable();
        let mut others = other.splices.into_iter().peekable();
        loop {
            let is_own = match (own.peek(), others.peek()) {
                (Some(one), Some(other)) => key(one) <= key(other),
                (one, _) => one.is_some(),
            };
            let Some(next) = (if is_own { own.next() } else { others.next() }) else { break };
            // A range sorts behind what begins with it and is shorter.
            while self.splices.last().is_some_and(|last| next.swallows(last) && !last.swallows(&next)) {
                self.splices.pop();
            }
            if !self.splices.last().is_some_and(|last| last.swallows(&next)) {
                self.splices.push(next);
            }
        }
    }

    /// The length of a frame of `length` bytes after the edit.
    pub fn length_after(&self, length: usize) -> usize {
        let removed: usize = self.splices.iter().map(|splice| splice.range.len()).sum();
        let inserted: usize = self.splices.iter().map(|splice| splice.insertion.len()).sum();
        length.saturating_sub(removed) + inserted
    }

    /// Appends the edited frame to `out`. `frame` is the one that the edit was made for.
    pub fn apply(&self, frame: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.length_after(frame.len()));
        let mut copied = 0;
        for splice in &self.splices {
            out.extend_from_slice(frame.get(copied..splice.range.start).unwrap_or_default());
            out.extend_from_slice(&splice.insertion);
            copied = splice.range.end;
        }
        out.extend_from_slice(frame.get(copied..).unwrap_or_default());
    }
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edit({} splices)", self.splices.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ranges and what is inserted in their places.
    type Splices = Vec<(Range<usize>, Vec<u8>)>;

    /// A frame, and splices that do not overlap.
    fn frames_and_splices() -> impl Strategy<Value = (Vec<u8>, Splices)> {
        let splice = (1usize..20, 0usize..20, proptest::collection::vec(any::<u8>(), 0..10));
        (proptest::collection::vec(splice, 0..6), 0usize..20).prop_flat_map(|(splices, tail)| {
            let mut at = 0;
            let mut placed = Vec::new();
            for (gap, length, insertion) in splices {
                let start = at + gap;
                at = start + length;
                placed.push((start..at, insertion));
            }
            (proptest::collection::vec(any::<u8>(), at + tail), Just(placed))
        })
    }

    fn edit_of(splices: &[(Range<usize>, Vec<u8>)]) -> Edit {
        let mut edit = Edit::default();
        for (range, insertion) in splices {
            edit.replace(range.clone(), insertion.clone());
        }
        edit
    }

    fn apply(edit: &Edit, frame: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        edit.apply(frame, &mut out);
        out
    }

    proptest! {
        #[test]
        fn the_output_without_its_insertions_is_the_input_without_its_ranges((frame, splices) in frames_and_splices()) {
            let out = apply(&edit_of(&splices), &frame);
            let (mut read, mut at) = (0, 0);
            for (range, insertion) in &splices {
                let kept = range.start - at;
                prop_assert_eq!(&out[read..read + kept], &frame[at..range.start]);
                prop_assert_eq!(&out[read + kept..read + kept + insertion.len()], insertion.as_slice());
                read += kept + insertion.len();
                at = range.end;
            }
            prop_assert_eq!(&out[read..], &frame[at..]);
        }

        #[test]
        fn the_length_is_known_before_the_edit_is_applied((frame, splices) in frames_and_splices()) {
            let edit = edit_of(&splices);
            prop_assert_eq!(edit.length_after(frame.len()), apply(&edit, &frame).len());
        }

        #[test]
        fn the_order_in_which_splices_are_added_does_not_matter((frame, splices) in frames_and_splices()) {
            let reversed: Vec<_> = splices.iter().rev().cloned().collect();
            prop_assert_eq!(apply(&edit_of(&splices), &frame), apply(&edit_of(&reversed), &frame));
        }

        #[test]
        fn an_insertion_taken_out_again_gives_the_input(frame in proptest::collection::vec(any::<u8>(), 0..80), at: prop::sample::Index) {
            let at = at.index(frame.len() + 1);
            let mut insertion = Edit::default();
            insertion.insert(at, *b"inserted");
            let mut removal = Edit::default();
            removal.remove(at..at + b"inserted".len());
            prop_assert_eq!(apply(&removal, &apply(&insertion, &frame)), frame);
        }
    }

    #[test]
    fn what_another_edit_takes_out_is_gone_with_all_that_stood_there() {
        let edit = |splices: &[(Range<usize>, &str)]| {
            let splices: Vec<_> =
                splices.iter().map(|(range, text)| (range.clone(), text.as_bytes().to_vec())).collect();
            edit_of(&splices)
        };
        let frame = b"0123456789";
        for (one, other, expected) in [
            (edit(&[(2..3, "a")]), edit(&[(5..6, "b")]), "01a34b6789"),
            (edit(&[(2..8, "a")]), edit(&[(4..5, "b")]), "01a89"),
            (edit(&[(2..8, "a")]), edit(&[(2..2, "b")]), "01ba89"),
            (edit(&[(2..8, "a")]), edit(&[(8..8, "b")]), "01ab89"),
        ] {
            for (mut first, second) in [(one.clone(), other.clone()), (other, one)] {
                first.merge(second);
                assert_eq!(apply(&first, frame), expected.as_bytes());
            }
        }
    }

    #[test]
    fn of_two_edits_of_one_range_the_first_holds() {
        let mut first = Edit::default();
        first.replace(1..2, *b"a");
        let mut second = Edit::default();
        second.replace(1..2, *b"b");
        first.merge(second);
        assert_eq!(apply(&first, b"012"), b"0a2");
    }

    #[test]
    fn an_empty_edit_changes_nothing() {
        assert!(Edit::default().is_empty());
        assert_eq!(apply(&Edit::default(), b"<a/>"), b"<a/>");
    }

    #[test]
    fn debug_does_not_show_what_is_inserted() {
        let mut edit = Edit::default();
        edit.insert(0, *b"secret");
        assert_eq!(format!("{edit:?}"), "Edit(1 splices)");
    }
}
