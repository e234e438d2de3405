//! One session's client as somebody who receives content: what is known of it, which profile follows, and what that
//! means for the frames of both sides.

use std::sync::Arc;

use super::rules::CompiledProfile;
use super::{Capabilities, CapabilitiesOutcome, Carrier, ContentCounts, Facts, Rules, Selected};
use crate::framing::{Frame, FrameKind, Outline};
use crate::stanza::{Edit, Element, Name, Tree, TreeError, namespace};

/// A session's client. It holds what the client says of itself, so there is no `Debug`.
pub struct Recipient {
    rules: Arc<Rules>,
    facts: Facts,
    selected: Selected,
    /// The session began on another connection, so that what the client has not said it may have said there.
    resumed: bool,
    /// The one that is selected.
    profile: Arc<CompiledProfile>,
    capabilities: Capabilities,
    /// The `xml:lang` of the client's stream, which its service discovery inherits.
    language: Option<Box<str>>,
    counts: ContentCounts,
}

/// The edit of a frame.
#[derive(Default)]
pub struct ContentEdit {
    /// Empty if the frame passes as it is.
    pub edit: Edit,
    /// The carrier that the edit belongs to: the advertisement was put into the frame, or is asked for by it.
    pub carrier: Option<Carrier>,
    /// The advertisement was left out, as the frame would have become too large.
    pub skipped: bool,
}

impl Recipient {
    /// A client that has named its host only. `host` and `server_name` are in lower case.
    pub fn new(rules: Arc<Rules>, host: &str, server_name: Option<&str>) -> Self {
        let facts =
            Facts { host: host.to_owned(), server_name: server_name.map(str::to_owned), ..Facts::default() };
        Self::known(rules, facts)
    }

    /// A client of whom this is known.
    pub fn known(rules: Arc<Rules>, facts: Facts) -> Self {
        let selected = rules.policy().selection.select(&facts);
        let profile = Arc::clone(rules.profile(selected.profile));
        let (capabilities, counts) = Default::default();
        Self { rules, facts, selected, resumed: false, profile, capabilities, language: None, counts }
    }

    /// The client has opened a stream, or opened it again, with this `xml:lang`.
    pub fn opens_stream(&mut self, language: Option<&str>) {
        self.language = language.map(Box::from);
    }

    /// The client has negotiated its session anew: what it has not said by now of its user agent and its resource, it
    /// does not say. After a resumption it may have said it on another connection.
    pub fn bound(&mut self) {
        self.facts.user_agent.get_or_insert_default();
        self.facts.resource.get_or_insert_default();
        self.select();
    }

    /// The client has resumed a session (XEP-0198, 5). Until it is known what it is, the gatekeeper is told nothing
    /// else than before, and everything passes.
    pub fn resumed(&mut self) {
        self.resumed = true;
    }

    /// What the client said of itself was said in vain.
    pub fn authentication_failed(&mut self) {
        self.facts.user_agent = None;
        self.facts.resource = None;
        self.select();
    }

    /// What was counted since the last call, if anything was.
    pub fn take_counts(&mut self) -> Option<ContentCounts> {
        self.counts.any.then(|| std::mem::take(&mut self.counts))
    }

    /// Whether a frame from the client has to be looked at: by its outline alone.
    #[inline]
    pub fn concerns_client_frame(&self, frame: &Frame<'_>) -> bool {
        // A message says nothing of the client but by the dialect's own words.
        let is_message = Name::of(frame.outline.name) == Some(Name::Message);
        if is_message { frame.outline.watched } else { self.concerns_other_client_frame(frame) }
    }

    fn concerns_other_client_frame(&self, frame: &Frame<'_>) -> bool {
        self.rules.advertiser.concerns(frame) || self.may_learn_from(frame) || self.may_discover(frame)
    }

    /// The edit of a frame from the client: what the client itself says in the dialect's namespace is taken out, the
    /// advertisement is added where a carrier says so. Learns what the frame says of the client before. An edited frame
    /// has `room` bytes at most. `None`: the frame passes as it is.
    pub fn edit_client_frame(
        &mut self,
        frame: &Frame<'_>,
        room: usize,
    ) -> Result<Option<ContentEdit>, TreeError> {
        let tree = Tree::of(frame)?;
        if self.may_learn_from(frame) {
            self.learn(frame, &tree);
            self.select();
        }
        let discovered = self.discover(frame, &tree);
        let advertiser = &self.rules.advertiser;
        let advertisement = &self.profile.advertisement;
        // What the client says of itself must not pass even where there is no room for what is true.
        let mut required = advertiser.remove_own_words(frame, &tree);
        required.merge(discovered.edit.unwrap_or_default());
        let mut edit = required.clone();
        let inserted = self.may_tell().then(|| advertiser.insert(advertisement, &tree, &mut edit)).flatten();
        let inserts = inserted.is_some() || discovered.insertion.is_some();
        edit.merge(discovered.insertion.unwrap_or_default());
        if inserts && edit.length_after(frame.bytes.len()) > room {
            return Ok(Some(ContentEdit { edit: required, carrier: None, skipped: true }));
        }
        let discovered = discovered.advertises.then_some(Carrier::Disco);
        for carrier in inserted.into_iter().chain(discovered) {
            for class in advertisement.classes() {
                self.counts.count_advertised(carrier, *class);
            }
        }
        let carrier = inserted.or(discovered);
        Ok((!edit.is_empty()).then_some(ContentEdit { edit, carrier, skipped: false }))
    }

    /// Whether the outline alone tells that a frame from the gatekeeper passes as it is; what it holds is counted then.
    #[inline]
    pub fn passes_unread(&mut self, frame: &Frame<'_>) -> bool {
        if Name::of(frame.outline.name) == Some(Name::Message) {
            self.profile.enforcer.passes_unread(frame, self.selected.certain, &mut self.counts)
        } else {
            self.profile.disco.is_none() || !Capabilities::concerns_question(frame)
        }
    }

    /// The edit of a frame from the gatekeeper: content that the client cannot receive passes, is replaced or taken out,
    /// as the policy says; what is asked of the client's capabilities is asked by the names that the client knows. An
    /// edited frame has `room` bytes at most. `None`: the frame passes as it is.
    ///
    /// While it is not known what the client can receive, all content passes.
    pub fn edit_gatekeeper_frame(
        &mut self,
        frame: &Frame<'_>,
        room: usize,
    ) -> Result<Option<ContentEdit>, TreeError> {
        if Name::of(frame.outline.name) != Some(Name::Message) {
            return self.ask(frame);
        }
        let known = self.selected.certain;
        let edit = self.profile.enforcer.enforce(frame, known, room, &mut self.counts)?;
        Ok(edit.map(|edit| ContentEdit { edit, ..ContentEdit::default() }))
    }

    /// What the gatekeeper asks of the client's capabilities.
    fn ask(&mut self, frame: &Frame<'_>) -> Result<Option<ContentEdit>, TreeError> {
        let Some(disco) = &self.profile.disco else { return Ok(None) };
        if !Capabilities::concerns_question(frame) {
            return Ok(None);
        }
        let tree = Tree::of(frame)?;
        let names_a_node = |child: &Element<'_>| {
            child.is(namespace::DISCO_INFO, "query")
                && child.value("node").is_some_and(|node| !node.is_empty())
        };
        // What the client is now may be told only if it is known; what was advertised before, only by its node.
        if !self.may_tell() && !tree.children().any(names_a_node) {
            return Ok(None);
        }
        let edit = self.capabilities.ask(frame, &tree, self.rules.capabilities(), disco);
        Ok(edit.map(|edit| ContentEdit { edit, carrier: Some(Carrier::Disco), skipped: false }))
    }

    /// Whether a frame from the client may tell of its capabilities.
    fn may_discover(&self, frame: &Frame<'_>) -> bool {
        self.profile.disco.is_some()
            && (Capabilities::concerns_advertisement(frame) || self.capabilities.concerns_answer(frame))
    }

    /// Whether the gatekeeper may be told what the profile says.
    fn may_tell(&self) -> bool {
        self.selected.certain || !self.resumed
    }

    /// What a frame from the client tells of its capabilities, made to say what the profile says.
    fn discover(&mut self, frame: &Frame<'_>, tree: &Tree<'_>) -> CapabilitiesOutcome {
        let Some(advertisement) = &self.profile.disco else {
            return CapabilitiesOutcome::default();
        };
        let known = self.rules.capabilities();
        if Capabilities::concerns_advertisement(frame) {
            if !self.may_tell() {
                return CapabilitiesOutcome::default();
            }
            self.capabilities.advertise(frame, tree, known, advertisement)
        } else if self.capabilities.concerns_answer(frame) {
            // What was advertised before a resumption has to be answered after it.
            self.capabilities.answer(frame, tree, known, self.language.as_deref())
        } else {
            CapabilitiesOutcome::default()
        }
    }

    /// Whether a frame may tell something of the client that a profile is selected by.
    fn may_learn_from(&self, frame: &Frame<'_>) -> bool {
        let needs = self.rules.needs();
        let outline = frame.outline;
        frame.kind == FrameKind::Element
            && match Name::of(outline.name) {
                Some(Name::Sasl2Authenticate) => needs.user_agent || needs.resource,
                Some(Name::Iq) => needs.resource && Name::Bind.is_in(outline.children),
                Some(Name::Presence) => {
                    needs.node
                        && outline.type_.is_none()
                        && (Name::Capabilities.is_in(outline.children) || self.awaits_node(outline))
                }
                _ => false,
            }
    }

    /// Whether a presence without capabilities is one of a client that has none to name: a broadcast is, a presence to
    /// one addressee may leave them out, and a resumed session may have named them before.
    fn awaits_node(&self, outline: &Outline) -> bool {
        self.facts.node.is_none() && outline.to.is_none() && !self.resumed
    }

    fn learn(&mut self, frame: &Frame<'_>, tree: &Tree<'_>) {
        let facts = &mut self.facts;
        match Name::of(frame.outline.name) {
            Some(Name::Sasl2Authenticate) => {
                let agent = [(namespace::SASL2, "user-agent"), (namespace::SASL2, "software")];
                facts.user_agent = text_at(frame, tree, agent);
                let tag = [(namespace::BIND_2, "bind"), (namespace::BIND_2, "tag")];
                facts.resource = text_at(frame, tree, tag);
            }
            Some(Name::Iq) => {
                let resource = [(namespace::BIND, "bind"), (namespace::BIND, "resource")];
                facts.resource = text_at(frame, tree, resource);
            }
            _ => {
                let capabilities = tree.children().find(|child| child.is(namespace::CAPABILITIES, "c"));
                let node = capabilities.and_then(|capabilities| capabilities.value("node"));
                facts.node = Some(node.map(fact).unwrap_or_default());
            }
        }
    }

    fn select(&mut self) {
        self.selected = self.rules.policy().selection.select(&self.facts);
        self.profile = Arc::clone(self.rules.profile(self.selected.profile));
    }
}

/// The text of the first element at the end of a path of two names, below the outermost element.
fn text_at(
    frame: &Frame<'_>,
    tree: &Tree<'_>,
    [outer, inner]: [(&'static str, &'static str); 2],
) -> Option<String> {
    let outer = tree.children().find(|child| child.is(outer.0, outer.1))?;
    let inner = tree.children_of(outer).find(|child| child.is(inner.0, inner.1))?;
    inner.text(frame.bytes).map(|text| fact(&text))
}

/// A text that is too long to be compared with any pattern is not kept.
fn fact(text: &str) -> String {
    if text.len() > Facts::LONGEST { String::new() } else { text.to_owned() }
}
