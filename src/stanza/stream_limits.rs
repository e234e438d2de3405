//! What a client is told of the limits that it is held to (XEP-0478), so that it does not run into them: in the stream
//! features, in the place of what the gatekeeper says there of its own.

use std::time::Duration;

use super::namespace::STREAM_LIMITS;
use super::{Edit, Element, Tree, TreeError};
use crate::framing::Frame;

/// What a client may send, on its way through Vestibule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Bytes of an element that Vestibule takes.
    pub max_bytes: usize,
    /// Bytes that Vestibule may add to an element on its way to the gatekeeper.
    pub largest_insertion: usize,
    /// How long a client may be silent.
    pub idle: Duration,
}

impl StreamLimits {
    /// Bytes of an element that the gatekeeper takes, by its stream features, if these say it.
    pub fn taken_by_gatekeeper(features: &Frame<'_>) -> Result<Option<usize>, TreeError> {
        let tree = Tree::of(features)?;
        let limits = tree.children().filter(|child| child.is(STREAM_LIMITS, "limits"));
        let takes = limits.filter_map(|limits| value(features, &tree, limits, "max-bytes")).min();
        Ok(takes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)))
    }

    /// Adds the element to stream features, in the place of those that are there. In each respect the smaller of ours and
    /// the gatekeeper's holds.
    pub fn advertise(&self, frame: &Frame<'_>, features: &Tree<'_>, edit: &mut Edit) {
        let (mut max_bytes, mut idle) = (self.max_bytes as u64, self.idle.as_secs());
        for theirs in features.children().filter(|child| child.is(STREAM_LIMITS, "limits")) {
            let value = |name| value(frame, features, theirs, name);
            if let Some(takes) = value("max-bytes") {
                max_bytes = max_bytes.min(takes.saturating_sub(self.largest_insertion as u64));
            }
            idle = idle.min(value("idle-seconds").unwrap_or(idle));
            edit.remove_element(frame.bytes, theirs.range.clone());
        }
        // Both are positive numbers.
        let (max_bytes, idle) = (max_bytes.max(1), idle.max(1));
        let limits = format!(
            "<limits xmlns='{STREAM_LIMITS}'><max-bytes>{max_bytes}</max-bytes>\
             <idle-seconds>{idle}</idle-seconds></limits>"
        );
        edit.append_to(features.root(), limits.as_bytes());
    }
}

/// One of the gatekeeper's limits. One that is not a number is none.
fn value(frame: &Frame<'_>, tree: &Tree<'_>, limits: &Element<'_>, name: &str) -> Option<u64> {
    let element = tree.children_of(limits).find(|child| child.is(STREAM_LIMITS, name))?;
    element.text(frame.bytes)?.trim().parse().ok()
}
