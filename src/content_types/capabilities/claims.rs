//! What a client advertises about itself in a presence: the hashes in its `<c/>` elements, and where they stand.

use std::ops::Range;

use super::disco_info::text;
use super::hash::{Algorithm, CapabilityHash, Family, HashKind};
use crate::stanza::namespace::{CAPABILITIES, CAPABILITIES_2, HASHES};
use crate::stanza::{Attribute, Element, Tree};

/// The hashes of one presence. All are of one set, if the client is right.
#[derive(Default)]
pub(super) struct Claims<'t> {
    pub claims: Vec<Claim<'t>>,
    /// Elements with a hash that we cannot compute, beside others of which we can.
    pub unknown: Vec<Range<usize>>,
}

pub(super) struct Claim<'t> {
    pub hash: CapabilityHash,
    /// The node of XEP-0115, which names the software; empty for a hash of XEP-0390.
    pub software: &'t str,
    /// The digest in the frame's bytes.
    pub range: Range<usize>,
}

impl<'t> Claims<'t> {
    /// Hashes in one stanza. Clients send one of XEP-0115 and one or two of XEP-0390.
    const MOST: usize = 6;
    /// Bytes of a node: it is kept for as long as the session may be asked for it.
    const LONGEST_NODE: usize = 1024;

    /// Reads the `<c/>` elements of a stanza. `None` if there are none, or if we could not make all that they say true
    /// again: the legacy form of XEP-0115 (section 9), a hash function that we do not know, no digest at all.
    pub fn read(frame: &[u8], tree: &'t Tree<'_>) -> Option<Self> {
        let mut claims = Self::default();
        for child in tree.children() {
            match (child.namespace, child.name) {
                (CAPABILITIES, "c") => claims.claims.push(read_capabilities(frame, child)?),
                (CAPABILITIES_2, "c") => claims.read_hashes(frame, tree, child)?,
                _ => {}
            }
            if claims.claims.len() > Self::MOST {
                return None;
            }
        }
        (!claims.claims.is_empty()).then_some(claims)
    }

    /// The `<hash/>` elements of XEP-0390, 4.2, of which at least one can be computed.
    fn read_hashes(&mut self, frame: &[u8], tree: &Tree<'_>, element: &Element<'_>) -> Option<()> {
        let before = self.claims.len();
        for child in tree.children_of(element).filter(|child| child.is(HASHES, "hash")) {
            let Some(algorithm) = Algorithm::of_name(child.value("algo")?) else {
                self.unknown.push(child.range.clone());
                continue;
            };
            let digest = algorithm.parse(&text(frame, child)?)?;
            let kind = HashKind { family: Family::Capabilities2, algorithm };
            let range = child.content.clone()?;
            self.claims.push(Claim { hash: CapabilityHash { kind, digest }, software: "", range });
        }
        (self.claims.len() > before && self.claims.len() <= Self::MOST).then_some(())
    }
}

/// The `<c/>` of XEP-0115, 4.
fn read_capabilities<'t>(frame: &[u8], element: &'t Element<'_>) -> Option<Claim<'t>> {
    let algorithm = Algorithm::of_name(element.value("hash")?)?;
    let ver = element.attribute("ver")?;
    let digest = algorithm.parse(&ver.value)?;
    let software = element.value("node").filter(|node| node.len() <= Claims::LONGEST_NODE)?;
    let kind = HashKind { family: Family::Capabilities, algorithm };
    Some(Claim { hash: CapabilityHash { kind, digest }, software, range: value_range(frame, ver)? })
}

/// What stands between an attribute's quotes.
pub(super) fn value_range(frame: &[u8], attribute: &Attribute<'_>) -> Option<Range<usize>> {
    let written = frame.get(attribute.range.clone())?;
    let quote = memchr::memchr2(b'"', b'\'', written)?;
    Some(attribute.range.start + quote + 1..attribute.range.end.checked_sub(1)?)
}
