//! What the outline of a frame tells of its content, so that most messages are not parsed.

use super::judge::{Judge, Verdict};
use crate::content_types::{
    Action, ClassRule, ContentClass, ContentRule, Conversation, Dialect, ExpandedName,
};
use crate::framing::{Frame, NameId, NameSet, Vocabulary};
use crate::stanza::Name;

/// A dialect's names as the gate tells them apart.
pub(super) struct Shortcut {
    /// What nearly every message holds of all that concerns us: a body, if it is judged by its name alone.
    usual: NameSet,
    /// What such a message to one person tells.
    glance_at_usual: Glance,
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
#[derive(Clone, Copy)]
pub(super) enum Glance {
    /// Nothing is judged, nothing is counted.
    Nothing,
    /// Content of this class and nothing else, between two, and all of it passes.
    Only { class: ContentClass, advertised: bool },
    /// The same in a group: apart, so that the usual message costs nothing for it.
    OnlyInGroup { class: ContentClass, advertised: bool },
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
        let plain: Vec<_> = plain.collect();
        let blind = concerned().any(|id| id == NameId::OTHER);
        // A dialect names the body last.
        let usual = plain.last().filter(|_| !blind);
        let glance_without = if blind { Glance::Read } else { Glance::Nothing };
        Self {
            usual: usual.map_or(NameSet::EMPTY, |plain| plain.own),
            glance_at_usual: usual.map_or(glance_without, |plain| plain.glance(Conversation::OneToOne)),
            concerned: set(concerned()),
            carriers: set(carriers.iter().copied()),
            opaque: set(opaque.map(|(id, _)| *id)),
            plain,
            blind,
        }
    }

    /// The outline cannot tell which body belongs to which content, so two kinds of content in one message are read.
    #[inline(always)]
    pub fn glance(&self, frame: &Frame<'_>) -> Glance {
        let outline = frame.outline;
        if Name::of(outline.name) != Some(Name::Message) {
            return Glance::Nothing;
        }
        // Most messages are told apart from all others by a few comparisons. Of the types `error` and `groupchat` have an
        // odd number of letters, and `chat`, `normal` and `headline` an even one.
        let is_to_one = !outline.escaped && outline.type_.is_none_or(|value| value.len % 2 == 0);
        if is_to_one && outline.children.intersection(self.concerned) == self.usual {
            return self.glance_at_usual;
        }
        self.glance_at_unusual(frame)
    }

    #[inline(never)]
    fn glance_at_unusual(&self, frame: &Frame<'_>) -> Glance {
        let outline = frame.outline;
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

    fn glance(&self, conversation: Conversation) -> Glance {
        let Verdict { action, advertised } = self.verdicts[conversation as usize];
        let class = self.class;
        match (action, conversation) {
            (Action::Pass, Conversation::OneToOne) => Glance::Only { class, advertised },
            (Action::Pass, Conversation::Group) => Glance::OnlyInGroup { class, advertised },
            _ => Glance::Read,
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
