//! What one session remembers of capabilities: what its client advertised last, and who is waiting for an answer.

use std::collections::VecDeque;
use std::sync::Arc;

use super::advertisement::DiscoAdvertisement;
use super::cache::CapabilitiesCache;
use super::claims::{Claim, Claims, value_range};
use super::disco_info::DiscoInfo;
use super::hash::{CapabilityHash, Family};
use crate::framing::{Frame, FrameKind};
use crate::stanza::namespace::{CLIENT, DISCO_INFO};
use crate::stanza::{Edit, Element, Name, Tree, write_escaped};

/// The carrier `disco` in one session. Nothing is allocated before the first `<c/>` or the first question.
///
/// Ask [`concerns_answer`](Self::concerns_answer) and its like first, by the frame's outline; parse the frame if they
/// say so, and give it to the method of the same name. Only stanzas themselves and their direct children are looked at,
/// never what is forwarded in them. An [`Edit`] must be applied, or the frame passed as it is if the edited one would be
/// too large; a presence never grows.
///
/// A presence is edited if one known set is behind all the hashes in it, and then all of them are. So an edited hash is
/// never beside one that still says what the client said: the hashes of XEP-0115 and XEP-0390 in one presence would
/// contradict each other. Of XEP-0390, hashes that cannot be computed are taken out.
#[derive(Default)]
pub struct Capabilities {
    pub(super) state: Option<Box<State>>,
}

/// What a frame from the client becomes.
#[derive(Default)]
pub struct CapabilitiesOutcome {
    /// `None`: the frame passes as it is.
    pub edit: Option<Edit>,
    /// The frame carries the advertisement, or a hash of it.
    pub advertises: bool,
    /// A set was learnt, for all sessions: the next presence of this build will be edited.
    pub learnt: bool,
}

#[derive(Default)]
pub(super) struct State {
    /// The newest first.
    advertised: VecDeque<Advertised>,
    /// The oldest first.
    questions: VecDeque<Question>,
    /// How many sets the session taught the others.
    taught: usize,
}

/// The hashes of one presence.
struct Advertised {
    hashes: Vec<AdvertisedHash>,
    /// What the hashes were edited for; `None` if the presence passed as it was.
    advertisement: Option<Arc<DiscoAdvertisement>>,
}

struct AdvertisedHash {
    /// The client's own.
    original: CapabilityHash,
    /// The one that the gatekeeper was given.
    edited: CapabilityHash,
    software: Box<str>,
}

/// A question for disco#info whose answer will be looked at.
struct Question {
    id: Box<str>,
    /// Who asks; `None` is the client's own account.
    from: Option<Box<str>>,
    /// The node that was asked for, and the one that the client was asked for in its place.
    nodes: Option<(Box<str>, Box<str>)>,
    /// What the answer carries; `None` if it passes as it is.
    advertisement: Option<Arc<DiscoAdvertisement>>,
}

/// What has to be known of a node before a question for it is passed on.
struct Mapping {
    original: String,
    advertisement: Option<Arc<DiscoAdvertisement>>,
}

/// Sets that the client must answer for (XEP-0390, 6.1).
const ADVERTISED: usize = 3;
/// Questions whose answers are awaited. The oldest goes; its answer passes as it is.
const QUESTIONS: usize = 32;
/// Bytes of a question's id, and of its sender. Others are not followed.
const LONGEST_ADDRESS: usize = 1024;
/// Sets that one session can teach the others, so that one client cannot push everything else out of the cache.
const LESSONS: usize = 16;
/// Bytes of a query that is learnt from. Clients' are a few thousand bytes long.
const LARGEST_QUERY: usize = 64 << 10;

impl Capabilities {
    /// Whether a frame from the client advertises capabilities: [`advertise`](Self::advertise).
    pub fn concerns_advertisement(frame: &Frame<'_>) -> bool {
        let outline = frame.outline;
        let children = outline.children;
        match Name::of(outline.name) {
            _ if frame.kind != FrameKind::Element => false,
            Some(Name::Presence) => {
                outline.type_.is_none()
                    && (Name::Capabilities.is_in(children) || Name::Capabilities2.is_in(children))
            }
            Some(Name::Iq) => Name::Capabilities2.is_in(children),
            _ => false,
        }
    }

    /// Whether a frame from the gatekeeper asks for capabilities: [`ask`](Self::ask).
    pub fn concerns_question(frame: &Frame<'_>) -> bool {
        frame.kind == FrameKind::Element
            && Name::of(frame.outline.name) == Some(Name::Iq)
            && Name::DiscoInfo.is_in(frame.outline.children)
    }

    /// Whether a frame from the client may answer a question: [`answer`](Self::answer).
    pub fn concerns_answer(&self, frame: &Frame<'_>) -> bool {
        let Some(state) = &self.state else { return false };
        let outline = frame.outline;
        let is_asked = || {
            let id = outline.id.map(|id| id.of(frame.bytes)).unwrap_or_default();
            outline.escaped || state.questions.iter().any(|question| question.id.as_bytes() == id)
        };
        frame.kind == FrameKind::Element && Name::of(outline.name) == Some(Name::Iq) && is_asked()
    }

    /// Makes the hashes in a client's available presence, broadcast or directed, those of the edited set. So it does in
    /// an `<iq type='set'/>` that pushes hashes of XEP-0390.
    pub fn advertise(
        &mut self,
        frame: &Frame<'_>,
        tree: &Tree<'_>,
        cache: &CapabilitiesCache,
        advertisement: &Arc<DiscoAdvertisement>,
    ) -> CapabilitiesOutcome {
        let root = tree.root();
        let is_presence = root.is(CLIENT, "presence") && root.value("type").is_none();
        let is_push = root.is(CLIENT, "iq") && root.value("type") == Some("set");
        if !is_presence && !is_push {
            return CapabilitiesOutcome::default();
        }
        let Some(claims) = Claims::read(frame.bytes, tree) else { return CapabilitiesOutcome::default() };
        let edited = edited_hashes(&claims.claims, cache, advertisement);
        let advertises = edited.is_some();
        let edited =
            edited.unwrap_or_else(|| claims.claims.iter().map(|claim| claim.hash).collect::<Vec<_>>());
        let edit = if advertises { edit_presence(frame.bytes, &claims, &edited) } else { Edit::default() };
        let state = self.state.get_or_insert_default();
        state.remember(&claims.claims, &edited, advertises.then_some(advertisement));
        CapabilitiesOutcome { edit: (!edit.is_empty()).then_some(edit), advertises, learnt: false }
    }

    /// Takes note of a question from the gatekeeper. The node that it asks for becomes the one that the client knows.
    pub fn ask(
        &mut self,
        frame: &Frame<'_>,
        tree: &Tree<'_>,
        advertisement: &Arc<DiscoAdvertisement>,
    ) -> Option<Edit> {
        let root = tree.root();
        let query = tree.children().find(|child| child.is(DISCO_INFO, "query"))?;
        let id = root.value("id").filter(|id| id.len() <= LONGEST_ADDRESS)?;
        let from = root.value("from");
        let fits = from.is_none_or(|from| from.len() <= LONGEST_ADDRESS);
        if !root.is(CLIENT, "iq") || root.value("type") != Some("get") || !fits {
            return None;
        }
        let node = query.attribute("node").filter(|node| !node.value.is_empty());
        let Some(node) = node else {
            let question = Question::new(id, from, None, Some(Arc::clone(advertisement)));
            self.state.get_or_insert_default().follow(question);
            return None;
        };
        let state = self.state.as_mut()?;
        let mapping = state.find(&node.value)?;
        let edit = replace_node(frame.bytes, query, &node.value, &mapping.original);
        let nodes = Some((node.value.as_ref().into(), mapping.original.into()));
        state.follow(Question::new(id, from, nodes, mapping.advertisement));
        edit
    }

    /// Puts the advertisement into the client's answer to a question, and learns from it. `stream_language` is the
    /// `xml:lang` of the client's stream header.
    pub fn answer(
        &mut self,
        frame: &Frame<'_>,
        tree: &Tree<'_>,
        cache: &CapabilitiesCache,
        stream_language: Option<&str>,
    ) -> CapabilitiesOutcome {
        let mut outcome = CapabilitiesOutcome::default();
        let root = tree.root();
        let is_result = root.value("type") == Some("result");
        if !root.is(CLIENT, "iq") || !(is_result || root.value("type") == Some("error")) {
            return outcome;
        }
        let Some(state) = &mut self.state else { return outcome };
        let Some(question) = state.answered(root) else { return outcome };
        let Some(query) = tree.children().find(|child| child.is(DISCO_INFO, "query")) else {
            return outcome;
        };
        let mut edit = Edit::default();
        if let Some((asked, original)) = &question.nodes {
            edit = replace_node(frame.bytes, query, original, asked).unwrap_or_default();
        }
        if is_result {
            outcome.learnt = state.learn(frame.bytes, tree, query, &question, cache, stream_language);
            if let Some(advertisement) = &question.advertisement {
                advertisement.edit_query(frame.bytes, tree, query, &mut edit);
                outcome.advertises = true;
            }
        }
        outcome.edit = (!edit.is_empty()).then_some(edit);
        outcome
    }
}

impl State {
    fn remember(
        &mut self,
        claims: &[Claim<'_>],
        edited: &[CapabilityHash],
        advertisement: Option<&Arc<DiscoAdvertisement>>,
    ) {
        let is_same = |advertised: &Advertised| advertised.is(claims, edited, advertisement);
        if let Some(place) = self.advertised.iter().position(is_same) {
            // It is the newest again.
            let advertised = self.advertised.remove(place);
            self.advertised.extend(advertised);
            self.advertised.rotate_right(1);
            return;
        }
        let hash = |(claim, edited): (&Claim<'_>, &CapabilityHash)| AdvertisedHash {
            original: claim.hash,
            edited: *edited,
            software: claim.software.into(),
        };
        let hashes = claims.iter().zip(edited).map(hash).collect();
        self.advertised.push_front(Advertised { hashes, advertisement: advertisement.map(Arc::clone) });
        self.advertised.truncate(ADVERTISED);
    }

    /// The client's node for one that the gatekeeper asks for, if it was advertised.
    fn find(&self, node: &str) -> Option<Mapping> {
        self.advertised.iter().find_map(|advertised| {
            let hash = advertised.hashes.iter().find(|hash| hash.edited.node(&hash.software) == node)?;
            let original = hash.original.node(&hash.software);
            Some(Mapping { original, advertisement: advertised.advertisement.clone() })
        })
    }

    fn follow(&mut self, question: Question) {
        if self.questions.len() >= QUESTIONS {
            self.questions.pop_front();
        }
        self.questions.push_back(question);
    }

    /// The oldest question that an answer is for: by its id, and its receiver.
    fn answered(&mut self, answer: &Element<'_>) -> Option<Question> {
        let (id, to) = (answer.value("id")?, answer.value("to"));
        let is_answered = |question: &Question| *question.id == *id && question.from.as_deref() == to;
        let place = self.questions.iter().position(is_answered)?;
        self.questions.remove(place)
    }

    /// Learns from an answer what is not known yet: the set that was asked for, or the one that is advertised now.
    fn learn(
        &mut self,
        frame: &[u8],
        tree: &Tree<'_>,
        query: &Element<'_>,
        question: &Question,
        cache: &CapabilitiesCache,
        stream_language: Option<&str>,
    ) -> bool {
        let is_asked_for = |advertised: &&Advertised| {
            question.nodes.as_ref().is_none_or(|(_, original)| {
                advertised.hashes.iter().any(|hash| hash.original.node(&hash.software) == **original)
            })
        };
        let Some(advertised) = self.advertised.iter().find(is_asked_for) else { return false };
        let is_known = advertised.advertisement.is_some();
        if is_known || self.taught >= LESSONS || query.range.len() > LARGEST_QUERY {
            return false;
        }
        let Ok(info) = DiscoInfo::read(frame, tree, query, stream_language) else { return false };
        let hashes: Vec<_> = advertised.hashes.iter().map(|hash| hash.original).collect();
        let learnt = cache.learn(&hashes, &info);
        self.taught += usize::from(learnt);
        learnt
    }
}

impl Advertised {
    fn is(
        &self,
        claims: &[Claim<'_>],
        edited: &[CapabilityHash],
        advertisement: Option<&Arc<DiscoAdvertisement>>,
    ) -> bool {
        let is_same = |(hash, (claim, edited)): (&AdvertisedHash, (&Claim<'_>, &CapabilityHash))| {
            hash.original == claim.hash && hash.edited == *edited && *hash.software == *claim.software
        };
        let fingerprint = |advertisement: &Arc<DiscoAdvertisement>| advertisement.fingerprint();
        self.hashes.len() == claims.len()
            && self.hashes.iter().zip(claims.iter().zip(edited)).all(is_same)
            && self.advertisement.as_ref().map(fingerprint) == advertisement.map(fingerprint)
    }
}

impl Question {
    fn new(
        id: &str,
        from: Option<&str>,
        nodes: Option<(Box<str>, Box<str>)>,
        advertisement: Option<Arc<DiscoAdvertisement>>,
    ) -> Self {
        Self { id: id.into(), from: from.map(Into::into), nodes, advertisement }
    }
}

/// The hashes that all claims become, if one known set is behind all of them. What is found by a hash of XEP-0390 is
/// looked for first: it leaves no doubt, not even about a set whose hash of XEP-0115 must not be shared.
fn edited_hashes(
    claims: &[Claim<'_>],
    cache: &CapabilitiesCache,
    advertisement: &DiscoAdvertisement,
) -> Option<Vec<CapabilityHash>> {
    let of_0390 = |claim: &&Claim<'_>| claim.hash.kind.family == Family::Capabilities2;
    let (first, then) = (claims.iter().filter(of_0390), claims.iter().filter(|claim| !of_0390(claim)));
    let set = first.chain(then).find_map(|claim| cache.find(&claim.hash))?;
    claims.iter().map(|claim| set.edited(&claim.hash, advertisement)).collect()
}

fn edit_presence(frame: &[u8], claims: &Claims<'_>, edited: &[CapabilityHash]) -> Edit {
    let mut edit = Edit::default();
    for (claim, edited) in claims.claims.iter().zip(edited) {
        if claim.hash != *edited {
            edit.replace(claim.range.clone(), edited.digest.to_base64());
        }
    }
    for range in &claims.unknown {
        edit.remove_element(frame, range.clone());
    }
    edit
}

/// Puts another node into a query that names `node`. `None` if it names another one, or if they are the same.
fn replace_node(frame: &[u8], query: &Element<'_>, node: &str, other: &str) -> Option<Edit> {
    let attribute = query.attribute("node").filter(|attribute| attribute.value == node && node != other)?;
    let mut value = Vec::new();
    write_escaped(other, &mut value);
    let mut edit = Edit::default();
    edit.replace(value_range(frame, attribute)?, value);
    Some(edit)
}
