//! What the outline of a frame tells of its content, so that most messages are not parsed.

use super::judge::{Judge, Verdict};
use crate::content_types::{
    Action, ClassRule, ContentClass, ContentRule, Conversation, Dialect, ExpandedName,
};
use crate::framing::{Frame, FrameKind, NameId, NameSet, Vocabulary};
use crate::stanza::namespace::CLIENT;

/// A dialect's names as the gate tells them apart.
pub(super) struct Shortcut {
    message: NameId,
    /// Every element that is content or carries a message.
    concerned: NameSet,
    carriers: NameSet,
    opaque: NameSet,
    /// Elements that are judged by their names alone, in the dialect's order.
    plain: Vec<Plain>,
    /// A name is missing in the vocabulary, so that outlines do not show it.
    blind: bool,
}

struct Plain {
    /// The element alone.
    own: NameSet,
    /// All that concerns us but this one.
    others: NameSet,
    class: ContentClass,
    /// By conversation.
    verdicts: [Verdict; Conversation::ALL.len()],
}

/// What an outline tells.
pub(super) enum Glance {
    /// Nothing is judged, nothing is counted.
    Nothing,
    /// Content of this class and nothing else, and all of it passes.
    Only { class: ContentClass, advertised: bool },
    /// The frame has to be read.
    Read,
}

impl Shortcut {
    pub fn new(dialect: &Dialect, judge: &Judge, vocabulary: &Vocabulary) -> Self {
        let id = |name: &ExpandedName| vocabulary.id(&name.namespace, &name.name);
        let contents: Vec<_> = first_rules(dialect).map(|rule| (id(&rule.element), rule)).collect();
        let carriers: Vec<_> = dialect.wrappers.iter().filter_map(|path| path.first()).map(id).collect();
        let concerned = || contents.iter().map(|(id, _)| *id).chain(carriers.iter().copied());
        let opaque = contents.iter().filter(|(_, rule)| rule.class == ClassRule::Opaque);
        let plain = contents.iter().filter(|(id, _)| !carriers.contains(id)).filter_map(|(id, rule)| {
            let others = set(concerned().filter(|other| other != id));
            Plain::of(rule, set([*id].into_iter()), others, judge)
        });
        Self {
            message: vocabulary.id(CLIENT, "message"),
            concerned: set(concerned()),
            carriers: set(carriers.iter().copied()),
            opaque: set(opaque.map(|(id, _)| *id)),
            plain: plain.collect(),
            blind: concerned().any(|id| id == NameId::OTHER),
        }
    }

    /// The outline cannot tell which body belongs to which content, so two kinds of content in one message are read.
    #[inline]
    pub fn glance(&self, frame: &Frame<'_>) -> Glance {
        let outline = frame.outline;
        if frame.kind != FrameKind::Element || outline.name != self.message {
            return Glance::Nothing;
        }
        let children = outline.children;
        if self.blind {
            return Glance::Read;
        }
        if !children.intersects(self.concerned) {
            return Glance::Nothing;
        }
        if outline.escaped {
            return Glance::Read;
        }
        let conversation = match outline.type_.map(|value| value.of(frame.bytes)) {
            // It gives back what the client sent itself (RFC 6120, 8.3.1).
            Some(b"error") => return Glance::Nothing,
            Some(b"groupchat") => Conversation::Group,
            _ => Conversation::OneToOne,
        };
        if children.intersects(self.opaque) && !children.intersects(self.carriers) {
            return Glance::Nothing;
        }
        match self.plain.iter().find(|plain| children.intersects(plain.own)) {
            Some(plain) if !children.intersects(plain.others) => plain.glance(conversation),
            _ => Glance::Read,
        }
    }
}

impl Plain {
    fn of(rule: &ContentRule, own: NameSet, others: NameSet, judge: &Judge) -> Option<Self> {
        let [(class, one_to_one), (_, group)] = [
            judge.judge_unread(rule, Conversation::OneToOne)?,
            judge.judge_unread(rule, Conversation::Group)?,
        ];
        Some(Self { own, others, class, verdicts: [one_to_one, group] })
    }

    #[inline]
    fn glance(&self, conversation: Conversation) -> Glance {
        let verdict = self.verdicts[conversation as usize];
        if verdict.action == Action::Pass {
            Glance::Only { class: self.class, advertised: verdict.advertised }
        } else {
            Glance::Read
        }
    }
}

/// The first rule for each element: one that can be judged unread fits always, so that those behind it never hold.
fn first_rules(dialect: &Dialect) -> impl Iterator<Item = &ContentRule> {
    let contents = &dialect.contents;
    contents.iter().enumerate().filter_map(|(position, rule)| {
        let earlier = contents.iter().take(position).any(|earlier| earlier.element == rule.element);
        (!earlier).then_some(rule)
    })
}

fn set(names: impl Iterator<Item = NameId>) -> NameSet {
    let mut set = NameSet::EMPTY;
    names.for_each(|name| set.insert(name));
    set
}
