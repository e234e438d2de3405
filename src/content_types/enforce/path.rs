//! Ways from an element to others below it, and the values that stand there.

use std::borrow::Cow;

use crate::content_types::{ExpandedName, Source};
use crate::stanza::Element;

/// The positions in `below` of the elements at the end of a path, in document order. `below` begins with what follows
/// the start tag of the element at `depth` from which the path leads. Each element is looked at once.
pub(super) fn ends<'t>(
    below: &'t [Element<'_>],
    depth: usize,
    path: &'t [ExpandedName],
) -> impl Iterator<Item = usize> + 't {
    // How many steps of the path the ancestors of the next element stand for.
    let mut taken = 0;
    let is_end = move |element: &Element<'_>| {
        let level = element.depth - depth;
        taken = taken.min(level - 1);
        if taken == level - 1 && path.get(taken).is_some_and(|step| is(element, step)) {
            taken += 1;
        }
        taken == level && level == path.len()
    };
    below
        .iter()
        .take_while(move |element| element.depth > depth)
        .map(is_end)
        .enumerate()
        .filter_map(|(position, is_end)| is_end.then_some(position))
}

/// The values that `source` names, one for each element that holds it, read from `element`; `below` is what follows its
/// start tag.
pub(super) fn values<'t>(
    source: &'t Source,
    element: &'t Element<'_>,
    below: &'t [Element<'_>],
    frame: &'t [u8],
) -> impl Iterator<Item = Option<Cow<'t, str>>> + 't {
    let itself = source.path.is_empty().then_some(element);
    let others = ends(below, element.depth, &source.path).filter_map(|position| below.get(position));
    itself.into_iter().chain(others).map(move |holder| match &source.attribute {
        Some(name) => holder.value(name).map(Cow::Borrowed),
        None => holder.text(frame),
    })
}

pub(super) fn is(element: &Element<'_>, name: &ExpandedName) -> bool {
    element.is(&name.namespace, &name.name)
}
