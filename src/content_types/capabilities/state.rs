//! What one session remembers of capabilities: what its client advertised last, and who is waiting for an answer.

use std::collections::VecDeque;
use std::sync::Arc;

use super::advertisement::DiscoAdvertisement;
use super::cache::CapabilitiesCache;
use super::claims::Claim;
use super::disco_info::DiscoInfo;
use super::hash::CapabilityHash;
use crate::stanza::{Element, Tree};

/// Whose answer is edited how.
///
/// An answer says which node it is for, and that is enough for most: if the node is the client's own for a set that was
/// advertised with another hash, the answer is for whoever asked by that hash, and no question has to be remembered for
/// it, however many are open. Only those are remembered whose answer would be taken for something else: questions
/// without a node, those by the client's own node, and those by a hash that is not the last one given for its set.
#[derive(Default)]
pub(in crate::content_types) struct State {
    /// The sets that were advertised with other hashes than the client's, or with the advertisement already in them.
    /// The newest first.
    edited: VecDeque<Advertised>,
    /// The hashes that passed as they were in the last presence: to learn the set from.
    unedited: Vec<AdvertisedHash>,
    /// The oldest first.
    questions: VecDeque<Open>,
    /// The hashes of the sets that the session taught the others, for each set.
    taught: Vec<Vec<CapabilityHash>>,
    /// The memory that those sets take, in bytes.
    taught_bytes: usize,
}

/// The hashes of one edited presence, and what they were edited for.
struct Advertised {
    hashes: Vec<AdvertisedHash>,
    advertisement: Arc<DiscoAdvertisement>,
}

#[derive(PartialEq, Eq)]
struct AdvertisedHash {
    /// The client's own.
    original: CapabilityHash,
    /// The one that the gatekeeper was given.
    edited: CapabilityHash,
    software: Box<str>,
}

/// A question that is not answered yet.
struct Open {
    id: Box<str>,
    /// Who asks; `None` is the client's own account.
    from: Option<Box<str>>,
    question: Question,
}

/// What was asked for.
pub(super) struct Question {
    /// The node that was asked for, and the one that the client was asked for in its place.
    pub nodes: Option<(Box<str>, Box<str>)>,
    /// What the answer carries; `None` if it passes as it is.
    pub advertisement: Option<Arc<DiscoAdvertisement>>,
}

/// What has to be known of a node before a question for it is passed on.
pub(super) struct Mapping {
    /// The client's node for it.
    pub original: String,
    pub advertisement: Option<Arc<DiscoAdvertisement>>,
    /// The answer's node alone will say all this.
    pub is_remembered: bool,
}

/// Sets that the client must answer for (XEP-0390, 6.1).
const ADVERTISED: usize = 3;
/// Questions that are remembered. Those without a node go first: their answers pass as they are. The answer to one by
/// the client's own node would name the edited one instead.
const QUESTIONS: usize = 8;
/// Bytes of a question's id, and of its sender. Others are not remembered.
const LONGEST_ADDRESS: usize = 256;
/// Sets that one session can teach the others, and the memory that they may take, in bytes: so little that one client
/// cannot push much else out of the cache. Clients' sets are a few thousand bytes long.
const LESSONS: usize = 8;
const LESSON_BYTES: usize = 64 << 10;
/// Bytes of a query that is learnt from.
const LARGEST_QUERY: usize = 64 << 10;

impl State {
    /// Takes note of the hashes in a presence; of an edited one if there is an advertisement.
    pub fn remember(
        &mut self,
        claims: &[Claim<'_>],
        edited: &[CapabilityHash],
        advertisement: Option<&Arc<DiscoAdvertisement>>,
    ) {
        let hash = |(claim, edited): (&Claim<'_>, &CapabilityHash)| AdvertisedHash {
            original: claim.hash,
            edited: *edited,
            software: claim.software.into(),
        };
        let hashes: Vec<_> = claims.iter().zip(edited).map(hash).collect();
        let Some(advertisement) = advertisement else {
            self.unedited = hashes;
            return;
        };
        self.unedited.clear();
        let is_same = |advertised: &Advertised| {
            advertised.hashes == hashes
                && advertised.advertisement.fingerprint() == advertisement.fingerprint()
        };
        if let Some(place) = self.edited.iter().position(is_same) {
            self.edited.remove(place);
        }
        self.edited.push_front(Advertised { hashes, advertisement: Arc::clone(advertisement) });
        self.edited.truncate(ADVERTISED);
    }

    /// What is known of a node that the gatekeeper asks for.
    pub fn find(&self, node: &str) -> Option<Mapping> {
        let given = |hash: &&AdvertisedHash| hash.edited.node(&hash.software) == node;
        let edited = self.edited.iter().find_map(|advertised| {
            let original = advertised.hashes.iter().find(given)?.original_node();
            let answer = self.question_for(&original);
            let is_remembered =
                answer.and_then(|question| question.nodes).is_some_and(|(asked, _)| *asked == *node);
            Some(Mapping {
                original,
                advertisement: Some(Arc::clone(&advertised.advertisement)),
                is_remembered,
            })
        });
        edited.or_else(|| {
            let mut own = self.edited.iter().flat_map(|advertised| &advertised.hashes).chain(&self.unedited);
            own.any(|hash| hash.original_node() == node).then(|| Mapping {
                original: node.to_owned(),
                advertisement: None,
                is_remembered: false,
            })
        })
    }

    /// The question that an answer is for if none is remembered, by the node in the answer.
    pub fn question_for(&self, original: &str) -> Option<Question> {
        self.edited.iter().find_map(|advertised| {
            let hash = advertised.hashes.iter().find(|hash| hash.original_node() == original)?;
            let asked = hash.edited.node(&hash.software);
            let nodes = Some((asked.into(), original.into()));
            Some(Question { nodes, advertisement: Some(Arc::clone(&advertised.advertisement)) })
        })
    }

    /// Whether a question with this id is remembered.
    pub fn awaits(&self, id: &[u8]) -> bool {
        self.questions.iter().any(|open| open.id.as_bytes() == id)
    }

    /// Remembers a question, the element `asked`.
    pub fn follow(&mut self, asked: &Element<'_>, question: Question) {
        self.forget(asked);
        let (id, from) = (asked.value("id"), asked.value("from"));
        let Some(id) = id.filter(|id| id.len() <= LONGEST_ADDRESS) else { return };
        if from.is_some_and(|from| from.len() > LONGEST_ADDRESS) {
            return;
        }
        self.questions.push_back(Open { id: id.into(), from: from.map(Into::into), question });
        if self.questions.len() > QUESTIONS {
            let without_node = self.questions.iter().position(|open| open.question.nodes.is_none());
            self.questions.remove(without_node.unwrap_or_default());
        }
    }

    /// An earlier question with the same id from the same sender will not be answered any more.
    pub fn forget(&mut self, asked: &Element<'_>) {
        let (id, from) = (asked.value("id"), asked.value("from"));
        self.questions.retain(|open| Some(&*open.id) != id || open.from.as_deref() != from);
    }

    /// The oldest question that an answer is for: by its id, and its receiver.
    pub fn answered(&mut self, answer: &Element<'_>) -> Option<Question> {
        let (id, to) = (answer.value("id")?, answer.value("to"));
        let is_answered = |open: &Open| *open.id == *id && is_same_address(open.from.as_deref(), to);
        let place = self.questions.iter().position(is_answered)?;
        self.questions.remove(place).map(|open| open.question)
    }

    /// Whether the session itself taught the others what is found by this hash.
    pub fn has_taught(&self, hash: &CapabilityHash) -> bool {
        self.taught.iter().flatten().any(|taught| taught == hash)
    }

    /// Learns from an answer what is not known yet: the set that was asked for, or the one that is advertised now.
    pub fn learn(
        &mut self,
        frame: &[u8],
        tree: &Tree<'_>,
        query: &Element<'_>,
        question: &Question,
        cache: &CapabilitiesCache,
        stream_language: Option<&str>,
    ) -> bool {
        let is_asked_for = question
            .nodes
            .as_ref()
            .is_none_or(|(_, original)| self.unedited.iter().any(|hash| hash.original_node() == **original));
        if self.unedited.is_empty() || !is_asked_for {
            return false;
        }
        if self.taught.len() >= LESSONS || query.range.len() > LARGEST_QUERY {
            return false;
        }
        let Ok(info) = DiscoInfo::read(frame, tree, query, stream_language) else { return false };
        let hashes: Vec<_> = self.unedited.iter().map(|hash| hash.original).collect();
        let size = info.size();
        if self.taught_bytes + size > LESSON_BYTES || !cache.learn(&hashes, &info) {
            return false;
        }
        self.taught_bytes += size;
        self.taught.push(hashes);
        true
    }
}

impl AdvertisedHash {
    fn original_node(&self) -> String {
        self.original.node(&self.software)
    }
}

/// Whether an answer to `to` is for who asked as `from`. No address and a bare one may both be the client's own account
/// (RFC 6120, 8.1.2.1 and 10.3.3): which one it writes is the client's choice.
fn is_same_address(from: Option<&str>, to: Option<&str>) -> bool {
    let is_bare = |address: Option<&str>| address.is_none_or(|address| !address.contains('/'));
    from == to || (from.is_none() || to.is_none()) && is_bare(from) && is_bare(to)
}
