//! One session's client as somebody who receives content: what is known of it, which profile follows, and what that
//! means for the frames of both sides.

use std::sync::Arc;

use super::{Carrier, ContentCounts, Facts, Rules, Selected};
use crate::framing::{Frame, FrameKind};
use crate::stanza::{Edit, Element, Name, Tree, TreeError, namespace};

/// The longest text in bytes that is learnt of a client: a resource has no more (RFC 7622, 3.4).
const LONGEST_FACT: usize = 1023;

/// A session's client. It holds what the client says of itself, so there is no `Debug`.
pub struct Recipient {
    rules: Arc<Rules>,
    facts: Facts,
    selected: Selected,
    /// The client has negotiated its session anew, so that what it did not say is not there. After a resumption it may
    /// have said it on another connection.
    negotiated: bool,
    counts: ContentCounts,
}

/// The edit of a frame from the client.
pub struct ClientEdit {
    /// Empty if the frame passes as it is.
    pub edit: Edit,
    /// The carrier that the frame is, if the advertisement was put into it.
    pub carrier: Option<Carrier>,
    /// The advertisement was left out, as the frame would have become too large.
    pub skipped: bool,
}

impl Recipient {
    /// `host` and `server_name` are in lower case.
    pub fn new(rules: Arc<Rules>, host: &str, server_name: Option<&str>) -> Self {
        let facts =
            Facts { host: host.to_owned(), server_name: server_name.map(str::to_owned), ..Facts::default() };
        let selected = rules.policy().selection.select(&facts);
        Self { rules, facts, selected, negotiated: false, counts: ContentCounts::default() }
    }

    /// The client has got its resource by a bind request.
    pub fn bound(&mut self) {
        self.negotiated = true;
    }

    /// What was counted since the last call, if anything was.
    pub fn take_counts(&mut self) -> Option<ContentCounts> {
        self.counts.any.then(|| std::mem::take(&mut self.counts))
    }

    /// Whether a frame from the client has to be looked at: by its outline alone.
    #[inline]
    pub fn concerns_client_frame(&self, frame: &Frame<'_>) -> bool {
        self.rules.advertiser.concerns(frame) || self.may_learn_from(frame)
    }

    /// The edit of a frame from the client: what the client itself says in the dialect's namespace is taken out, the
    /// advertisement is added where a carrier says so. Learns what the frame says of the client before. An edited frame
    /// has `room` bytes at most.
    pub fn edit_client_frame(
        &mut self,
        frame: &Frame<'_>,
        room: usize,
    ) -> Result<Option<ClientEdit>, TreeError> {
        let tree = Tree::of(frame)?;
        if self.may_learn_from(frame) {
            self.learn(frame, &tree);
        }
        let advertiser = &self.rules.advertiser;
        let profile = self.rules.profile(self.selected.profile);
        let mut edit = advertiser.remove_own_words(frame, &tree);
        let carrier = advertiser.insert(&profile.advertisement, &tree, &mut edit);
        if edit.length_after(frame.bytes.len()) > room && carrier.is_some() {
            // What the client says of itself must not pass even where there is no room for what is true.
            let edit = advertiser.remove_own_words(frame, &tree);
            return Ok(Some(ClientEdit { edit, carrier: None, skipped: true }));
        }
        if let Some(carrier) = carrier {
            for class in profile.advertisement.classes() {
                self.counts.count_advertised(carrier, *class);
            }
        }
        Ok((!edit.is_empty()).then_some(ClientEdit { edit, carrier, skipped: false }))
    }

    /// The edit of a frame from the gatekeeper: content that the client cannot receive passes, is replaced or taken out,
    /// as the policy says; `None` if the frame passes as it is. An edited frame has `room` bytes at most.
    #[inline]
    pub fn edit_gatekeeper_frame(
        &mut self,
        frame: &Frame<'_>,
        room: usize,
    ) -> Result<Option<Edit>, TreeError> {
        let enforcer = &self.rules.profile(self.selected.profile).enforcer;
        if self.negotiated || self.selected.certain {
            enforcer.enforce(frame, room, &mut self.counts)
        } else {
            enforcer.count(frame, &mut self.counts)?;
            Ok(None)
        }
    }

    /// Whether a frame may tell something of the client that a profile is selected by.
    fn may_learn_from(&self, frame: &Frame<'_>) -> bool {
        let needs = self.rules.needs();
        let children = frame.outline.children;
        frame.kind == FrameKind::Element
            && match Name::of(frame.outline.name) {
                Some(Name::Sasl2Authenticate) => needs.user_agent || needs.resource,
                Some(Name::Iq) => needs.resource && Name::Bind.is_in(children),
                Some(Name::Presence) => needs.node && Name::Capabilities.is_in(children),
                _ => false,
            }
    }

    fn learn(&mut self, frame: &Frame<'_>, tree: &Tree<'_>) {
        let child = |namespace, name| tree.children().find(|child| child.is(namespace, name));
        let of = |parent: &Element<'_>, namespace, name| {
            let inner = |element: &&Element<'_>| {
                parent.range.contains(&element.range.start) && element.is(namespace, name)
            };
            let found = tree.elements().iter().find(inner)?;
            fact(found.text(frame.bytes)?)
        };
        let facts = &mut self.facts;
        match Name::of(frame.outline.name) {
            Some(Name::Sasl2Authenticate) => {
                if let Some(agent) = child(namespace::SASL2, "user-agent") {
                    facts.user_agent = of(agent, namespace::SASL2, "software");
                }
                if let Some(bind) = child(namespace::BIND_2, "bind") {
                    facts.resource = of(bind, namespace::BIND_2, "tag");
                }
            }
            Some(Name::Iq) => {
                if let Some(bind) = child(namespace::BIND, "bind") {
                    facts.resource = of(bind, namespace::BIND, "resource");
                }
            }
            _ => {
                if let Some(capabilities) = child(namespace::CAPABILITIES, "c") {
                    facts.node = capabilities.value("node").and_then(fact);
                }
            }
        }
        self.selected = self.rules.policy().selection.select(facts);
    }
}

/// A text that is short enough to be learnt.
fn fact(text: impl AsRef<str>) -> Option<String> {
    let text = text.as_ref();
    (text.len() <= LONGEST_FACT).then(|| text.to_owned())
}
