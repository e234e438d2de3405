//! Sets that the operator brings along, so that a build is known before its first client comes.

use std::sync::Arc;

use super::cache::{CapabilitiesCache, Held};
use super::disco_info::{DiscoInfo, DiscoInfoError};
use crate::framing::{Decoded, Frame, FrameDecoder, FrameKind, Limits, Refusal};
use crate::stanza::namespace::DISCO_INFO;
use crate::stanza::{Tree, TreeError, vocabulary};

/// Why a file holds no seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    #[error("this is not the XML that streams may hold: {} at byte {}", .0.kind.name(), .0.offset)]
    Xml(Refusal),
    #[error("{0}")]
    Tree(TreeError),
    #[error("no `<query xmlns='http://jabber.org/protocol/disco#info'>` stands below the outermost element")]
    NoQuery,
    #[error("the query at byte {offset} is not well-formed disco#info: {fault}")]
    IllFormed { offset: u64, fault: SeedFault },
}

/// What is wrong with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct SeedFault(DiscoInfoError);

/// The operator's files may be large; these keep a mistake from taking all memory.
const LIMITS: Limits = Limits {
    stanza_bytes: 16 << 20,
    header_bytes: 64 << 10,
    depth: 64,
    attributes: 64,
    namespaces: 64,
    elements: 1 << 20,
};

/// What stands in seeds, read and hashed.
pub struct Seeds(Vec<Held>);

impl Seeds {
    /// Of all documents, each as [`CapabilitiesCache::seed`] takes it.
    pub fn read<'d>(documents: impl IntoIterator<Item = &'d [u8]>) -> Result<Self, SeedError> {
        let mut seeds = Vec::new();
        for document in documents {
            seeds.extend(read_document(document)?.into_iter().map(Held::seed));
        }
        Ok(Self(seeds))
    }
}

impl CapabilitiesCache {
    /// From here on these are the seeds, and no others. What was learnt from clients stays.
    pub fn replace_seeds(&self, seeds: Seeds) {
        self.pin_only(seeds.0);
    }

    /// Takes in every query of service discovery (XEP-0030) that stands below the outermost element of an XML document,
    /// such as answers of clients as they were recorded. They stay, and are believed: by all their hashes of all kinds,
    /// even if XEP-0115 hashes something else in the same way. Returns how many there were. Nothing is taken in if there
    /// is an error.
    pub fn seed(&self, document: &[u8]) -> Result<usize, SeedError> {
        let Seeds(seeds) = Seeds::read([document])?;
        let count = seeds.len();
        self.pin(seeds);
        Ok(count)
    }
}

/// The features of all the queries that stand in a document as seeds do.
pub(in crate::content_types) fn features_of(document: &[u8]) -> Result<Vec<String>, SeedError> {
    Ok(read_document(document)?.into_iter().flat_map(|set| set.features).collect())
}

/// Every query below the outermost element, at least one.
fn read_document(document: &[u8]) -> Result<Vec<DiscoInfo>, SeedError> {
    let mut decoder = FrameDecoder::document(Arc::new(vocabulary(&[], &[])), LIMITS);
    let mut sets = Vec::new();
    let mut rest = document;
    loop {
        let (taken, piece) = decoder.decode(rest).map_err(SeedError::Xml)?;
        match piece {
            Some(Decoded::Frame(frame)) => read_sets(&frame, &mut sets)?,
            Some(Decoded::WhiteSpace(_)) => {}
            None => break,
        }
        rest = &rest[taken..];
    }
    decoder.finish().map_err(SeedError::Xml)?;
    if sets.is_empty() { Err(SeedError::NoQuery) } else { Ok(sets) }
}

fn read_sets(frame: &Frame<'_>, sets: &mut Vec<DiscoInfo>) -> Result<(), SeedError> {
    if frame.kind != FrameKind::Element {
        return Ok(());
    }
    let tree = Tree::of(frame).map_err(SeedError::Tree)?;
    for query in tree.elements().iter().filter(|element| element.is(DISCO_INFO, "query")) {
        let set = DiscoInfo::read(frame.bytes, &tree, query, None).map_err(|fault| {
            let offset = frame.offset + query.range.start as u64;
            SeedError::IllFormed { offset, fault: SeedFault(fault) }
        })?;
        sets.push(set);
    }
    Ok(())
}
