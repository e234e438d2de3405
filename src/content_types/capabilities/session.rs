//! The edits that one session makes for the sake of capabilities.

use std::sync::Arc;

use super::advertisement::DiscoAdvertisement;
use super::cache::CapabilitiesCache;
use super::claims::{Claim, Claims, value_range};
use super::hash::{CapabilityHash, Family};
use super::state::{Mapping, Question, State};
use crate::framing::{Frame, FrameKind};
use crate::stanza::namespace::{CLIENT, DISCO_INFO};
use crate::stanza::{Edit, Element, Name, Tree, write_escaped};

/// The carrier `disco` in one session. Nothing is allocated before the first `<c/>` or the first question.
///
/// Ask [`concerns_answer`](Self::concerns_answer) and its like first, by the frame's outline; parse the frame if they
/// say so, and give it to the method of the same name. Only stanzas themselves and their direct children are looked at,
/// never what is forwarded in them. An [`Edit`] must be applied, but for an
/// [`insertion`](CapabilitiesOutcome::insertion) that would make the frame too large; a presence never grows.
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
    /// What must be made even where there is no room for more: the client's own words are taken out, the node becomes
    /// the one that was asked for, the hashes those of the edited set. `None`: nothing.
    pub edit: Option<Edit>,
    /// What adds the advertisement; merged into [`edit`](Self::edit) if the frame is not too large then.
    pub insertion: Option<Edit>,
    /// The frame carries the advertisement, or a hash of it.
    pub advertises: bool,
    /// A set was learnt, for all sessions: the next presence of this build will be edited.
    pub learnt: bool,
}

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
        let may_answer = || {
            let id = outline.id.map(|id| id.of(frame.bytes)).unwrap_or_default();
            outline.escaped || Name::DiscoInfo.is_in(outline.children) || state.awaits(id)
        };
        frame.kind == FrameKind::Element && Name::of(outline.name) == Some(Name::Iq) && may_answer()
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
        let state = self.state.get_or_insert_default();
        let edited = edited_hashes(&claims.claims, cache, advertisement, |hash| state.has_taught(hash));
        let advertises = edited.is_some();
        let edited =
            edited.unwrap_or_else(|| claims.claims.iter().map(|claim| claim.hash).collect::<Vec<_>>());
        let edit = if advertises { edit_presence(frame.bytes, &claims, &edited) } else { Edit::default() };
        state.remember(&claims.claims, &edited, advertises.then_some(advertisement));
        CapabilitiesOutcome {
            edit: (!edit.is_empty()).then_some(edit),
            advertises,
            ..CapabilitiesOutcome::default()
        }
    }

    /// Takes note of a question from the gatekeeper. The node that it asks for becomes the one that the client knows. One
    /// that this session did not advertise is looked for in the cache: after a resumption (XEP-0198, 5) the client sends
    /// no presence, and the gatekeeper still has the one of before.
    pub fn ask(
        &mut self,
        frame: &Frame<'_>,
        tree: &Tree<'_>,
        cache: &CapabilitiesCache,
        advertisement: &Arc<DiscoAdvertisement>,
    ) -> Option<Edit> {
        let root = tree.root();
        if !root.is(CLIENT, "iq") || root.value("type") != Some("get") {
            return None;
        }
        let query = tree.children().find(|child| child.is(DISCO_INFO, "query"))?;
        let Some(node) = query.attribute("node").filter(|node| !node.value.is_empty()) else {
            let question = Question { nodes: None, advertisement: Some(Arc::clone(advertisement)) };
            self.state.get_or_insert_default().follow(root, question);
            return None;
        };
        let known = self.state.as_ref().and_then(|state| state.find(&node.value));
        let mapping = known.or_else(|| of_earlier_session(&node.value, cache, advertisement))?;
        let edit = replace_node(frame.bytes, query, &node.value, &mapping.original);
        let state = self.state.get_or_insert_default();
        state.forget(root);
        if !mapping.is_remembered {
            let nodes = Some((node.value.as_ref().into(), mapping.original.into()));
            state.follow(root, Question { nodes, advertisement: mapping.advertisement });
        }
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
        let mut queries = tree.children().filter(|child| child.is(DISCO_INFO, "query"));
        let query = queries.next();
        let followed = state.answered(root);
        let Some(query) = query else { return outcome };
        let Some(question) = followed.or_else(|| state.question_for(query.value("node")?)) else {
            return outcome;
        };
        let mut edit = Edit::default();
        if let Some((asked, original)) = &question.nodes {
            edit = replace_node(frame.bytes, query, original, asked).unwrap_or_default();
        }
        if is_result {
            outcome.learnt = state.learn(frame.bytes, tree, query, &question, cache, stream_language);
            if let Some(advertisement) = &question.advertisement {
                // Whoever reads another query than the first must not find the client's own words there.
                for other in queries {
                    edit.remove_element(frame.bytes, other.range.clone());
                }
                outcome.insertion = advertisement.edit_query(frame.bytes, tree, query, &mut edit);
                outcome.advertises = true;
            }
        }
        outcome.edit = (!edit.is_empty()).then_some(edit);
        outcome
    }
}

/// The hashes that all claims become, if one known set is behind all of them. What is found by a hash of XEP-0390 is
/// looked for first: it leaves no doubt, not even about a set whose hash of XEP-0115 must not be shared.
fn edited_hashes(
    claims: &[Claim<'_>],
    cache: &CapabilitiesCache,
    advertisement: &DiscoAdvertisement,
    is_teacher: impl Fn(&CapabilityHash) -> bool,
) -> Option<Vec<CapabilityHash>> {
    let of_0390 = |claim: &&Claim<'_>| claim.hash.kind.family == Family::Capabilities2;
    let (first, then) = (claims.iter().filter(of_0390), claims.iter().filter(|claim| !of_0390(claim)));
    let set = first.chain(then).find_map(|claim| cache.find(&claim.hash, is_teacher(&claim.hash)))?;
    let edited: Option<Vec<_>> = claims.iter().map(|claim| set.edited(&claim.hash, advertisement)).collect();
    let edited = edited?;
    cache.give(&set, claims.iter().map(|claim| &claim.hash).zip(&edited), advertisement);
    Some(edited)
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

/// What the client has to be asked for a node that an earlier session advertised.
fn of_earlier_session(
    node: &str,
    cache: &CapabilitiesCache,
    advertisement: &Arc<DiscoAdvertisement>,
) -> Option<Mapping> {
    let (software, given) = cache.given_for(node)?;
    let is_ours = given.fingerprint == advertisement.fingerprint();
    Some(Mapping {
        original: given.original.node(software),
        advertisement: is_ours.then(|| Arc::clone(advertisement)),
        is_remembered: false,
    })
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
