//! The ways around the proxy that a gatekeeper can offer a client, and the edits that close them: anything that would
//! turn the stream into something Vestibule cannot read, or send the client to another address.

use super::namespace::{
    COMPRESSION_FEATURE, EXI, IQ_AUTH_FEATURE, SASL2, STREAM_ERRORS, STREAM_MANAGEMENT, STREAM_MANAGEMENT_2,
    STREAMS, TLS,
};
use super::{Edit, Element, Name, StreamLimits, Tree, TreeError};
use crate::framing::{Frame, FrameKind};

/// The answer to a client that asks for compression although it was not offered (XEP-0138, 3).
pub const COMPRESSION_REFUSED: &[u8] =
    b"<failure xmlns='http://jabber.org/protocol/compress'><setup-failed/></failure>";

/// The namespaces of stream features that a client is not offered:
///
/// - STARTTLS, as TLS is already there (RFC 6120, 5.3.1 allows it once per stream);
/// - compression and EXI, which would make the stream unreadable;
/// - authentication by IQ (XEP-0078), which binds without a bind request.
const CLOSED_FEATURES: [&str; 4] = [TLS, COMPRESSION_FEATURE, EXI, IQ_AUTH_FEATURE];

/// Whether a frame from the gatekeeper can hold a detour: by its outline alone. All of these are rare.
pub fn concerns(frame: &Frame<'_>) -> bool {
    frame.kind == FrameKind::Element
        && match Name::of(frame.outline.name) {
            Some(Name::Features | Name::SmEnabled) => true,
            Some(Name::Sasl2Success) => Name::Bound2.is_in(frame.outline.children),
            Some(Name::StreamError) => Name::SeeOtherHost.is_in(frame.outline.children),
            _ => false,
        }
}

/// The edit that closes the detours in a frame from the gatekeeper; `None` if it holds none. Stream features say `limits` of
/// what a client may send.
pub fn close(frame: &Frame<'_>, limits: &StreamLimits) -> Result<Option<Edit>, TreeError> {
    let tree = Tree::of(frame)?;
    let mut edit = Edit::default();
    let root = tree.root();
    match (root.namespace, root.name) {
        (STREAMS, "features") => {
            withhold_features(frame, &tree, &mut edit);
            limits.advertise(frame, &tree, &mut edit);
        }
        (STREAMS, "error") => replace_redirection(&tree, &mut edit),
        (STREAM_MANAGEMENT | STREAM_MANAGEMENT_2, "enabled") | (SASL2, "success") => {
            remove_locations(&tree, &mut edit);
        }
        _ => {}
    }
    Ok((!edit.is_empty()).then_some(edit))
}

fn withhold_features(frame: &Frame<'_>, tree: &Tree<'_>, edit: &mut Edit) {
    for feature in tree.children().filter(|feature| CLOSED_FEATURES.contains(&feature.namespace)) {
        edit.remove_element(frame.bytes, feature.range.clone());
    }
}

/// `see-other-host` (RFC 6120, 4.9.3.19) would send the client to another server; `reset` (4.9.3.16) has it connect
/// again to the same one, so to us.
fn replace_redirection(tree: &Tree<'_>, edit: &mut Edit) {
    for condition in tree.children().filter(|child| child.is(STREAM_ERRORS, "see-other-host")) {
        edit.replace(condition.range.clone(), format!("<reset xmlns='{STREAM_ERRORS}'/>"));
    }
}

/// `location` is where the server would prefer to be resumed (XEP-0198, 5). What is enabled with Bind 2 stands inside of
/// `<bound/>` (XEP-0386).
fn remove_locations(tree: &Tree<'_>, edit: &mut Edit) {
    let is_management = |element: &&Element<'_>| {
        [STREAM_MANAGEMENT, STREAM_MANAGEMENT_2].contains(&element.namespace) && element.name == "enabled"
    };
    for enabled in tree.elements().iter().filter(is_management) {
        if let Some(location) = enabled.attribute("location") {
            edit.remove(location.range.clone());
        }
    }
}
