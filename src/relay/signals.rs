//! What the gatekeeper is told of the client's connection in the client's own requests, in one edit with whatever else is
//! added to them. What a client itself says in the signals' namespace is taken out of whatever frame it stands in.
//!
//! It stands in the request for a resource (RFC 6120, 7; Bind 2, XEP-0386) and in the one for a resumption (XEP-0198, 5),
//! so that the gatekeeper has it whenever a client connects. SASL2's `<authenticate/>` can hold both (XEP-0388), of which the
//! gatekeeper hears one: it stands in both.

use crate::framing::{Frame, FrameKind};
use crate::stanza::{Edit, Element, Name, Tree, TreeError, bind_request, resume_request};

/// In so many elements of a frame can signals stand.
pub(super) const PLACES: usize = 2;

/// What is edited of a frame.
pub(super) struct SignalsEdit {
    pub edit: Edit,
    /// The signals were put into the frame.
    pub told: bool,
}

/// Whether a frame from the client may ask for a resource or a resumption, and so carry signals: by its outline alone.
pub(super) fn asks_for_session(frame: &Frame<'_>) -> bool {
    let children = frame.outline.children;
    frame.kind == FrameKind::Element
        && match Name::of(frame.outline.name) {
            Some(Name::Iq) => Name::Bind.is_in(children),
            Some(Name::Sasl2Authenticate) => Name::Bind2.is_in(children) || Name::SmResume.is_in(children),
            Some(Name::SmResume) => true,
            _ => false,
        }
}

/// Adds to `edit`, the one of the host's content types: the client's own words in `own` are taken out, and `signals` are put
/// where they belong. There is always room for them: what a client could have left out by making its request large would
/// be worth nothing.
pub(super) fn edit(
    frame: &Frame<'_>,
    own: &str,
    signals: Option<&[u8]>,
    mut edit: Edit,
) -> Result<SignalsEdit, TreeError> {
    let tree = Tree::of(frame)?;
    if frame.outline.watched {
        let mut removal = Edit::default();
        removal.remove_namespace(frame.bytes, &tree, own);
        edit.merge(removal);
    }
    let mut told = false;
    if let Some(signals) = signals {
        for element in places(&tree) {
            edit.append_to(element, signals);
            told = true;
        }
    }
    Ok(SignalsEdit { edit, told })
}

/// The elements that carry signals: as many as [`PLACES`].
fn places<'t, 'a>(tree: &'t Tree<'a>) -> impl Iterator<Item = &'t Element<'a>> {
    resume_request(tree).into_iter().chain(bind_request(tree))
}
