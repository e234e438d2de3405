//! What stands in a message, or in one that it carries: contents, bodies, marks of fallbacks, requests.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::path::{ends, is, values};
use crate::content_types::{
    ClassRule, ContentClass, ContentRule, Conversation, Dialect, MediaType, Source, TypeRule,
};
use crate::stanza::namespace::{CLIENT, FALLBACK};
use crate::stanza::{Element, Tree};

/// A message that is judged. What it holds is a peer's, so there is no `Debug`.
pub(super) struct Message<'t> {
    pub conversation: Conversation,
    /// It stands inside of another one, and so tells of the past.
    pub is_carried: bool,
    /// The language that it names (`xml:lang`).
    pub language: Option<&'t str>,
    /// Its contents but for bodies.
    pub payloads: Vec<Content<'t>>,
    pub bodies: Vec<Body<'t>>,
    pub fallbacks: Vec<Fallback<'t>>,
    pub requests: Vec<&'t Element<'t>>,
}

/// An element that is content.
pub(super) struct Content<'t> {
    pub element: &'t Element<'t>,
    pub class: ContentClass,
    /// `None` if it does not show one that is a media type.
    pub media_type: Option<Cow<'t, MediaType>>,
    /// In bytes.
    pub size: Option<u64>,
    /// What a body says for clients that do not know the element.
    echo: Option<Cow<'t, str>>,
}

/// A body, `{jabber:client}body` (RFC 6121, 5.2.3).
pub(super) struct Body<'t> {
    pub element: &'t Element<'t>,
    text: Option<Cow<'t, str>>,
    /// What it is if it belongs to no payload; `None` if the dialect does not name bodies.
    content: Option<Content<'t>>,
}

/// A mark that bodies are there for clients that do not know something else (XEP-0428, 3).
pub(super) struct Fallback<'t> {
    pub element: &'t Element<'t>,
    /// The namespace of what they do not know. Without one it is all that they do not know (XEP-0428, version 0.1).
    namespace: Option<&'t str>,
    /// It stands for whole bodies, not for a part of a body or for the subject.
    pub marks_bodies: bool,
}

/// Payloads, to tell what belongs to any of them.
pub(super) struct Owners<'m> {
    namespaces: BTreeSet<&'m str>,
    echoes: BTreeSet<&'m str>,
}

/// What an element of a message is by the dialect.
enum Reading<'t> {
    Content(Content<'t>),
    Opaque,
}

impl<'t> Message<'t> {
    /// The frame's own message, then those that it carries. Without those that are not judged: errors, which give back
    /// what the client sent itself (RFC 6120, 8.3.1), with all that they carry; and messages with an opaque element, as
    /// nothing shows what these hold: the body of an encrypted message only says that it is one.
    pub fn all(
        tree: &'t Tree<'t>,
        frame: &'t [u8],
        dialect: &'t Dialect,
    ) -> impl Iterator<Item = Message<'t>> + 't {
        let elements = tree.elements();
        let below = elements.get(1..).unwrap_or_default();
        // In a set, as two paths can lead to the same message.
        let mut positions = BTreeSet::new();
        if tree.root().is(CLIENT, "message") && !is_error(tree.root()) {
            let carried = dialect.wrappers.iter().flat_map(|path| ends(below, 1, path));
            positions.extend(carried.map(|position| position + 1));
            positions.insert(0);
        }
        positions.into_iter().filter_map(move |position| {
            let (message, below) = elements.get(position..)?.split_first()?;
            Self::read(message, below, frame, dialect)
        })
    }

    fn read(
        message: &'t Element<'t>,
        below: &'t [Element<'t>],
        frame: &'t [u8],
        dialect: &'t Dialect,
    ) -> Option<Self> {
        if is_error(message) {
            return None;
        }
        let is_group = message.value("type") == Some("groupchat");
        let conversation = if is_group { Conversation::Group } else { Conversation::OneToOne };
        let (payloads, bodies, fallbacks, requests) = Default::default();
        let is_carried = message.depth > 1;
        let language = message.value("xml:lang");
        let mut read = Self { conversation, is_carried, language, payloads, bodies, fallbacks, requests };
        let inside = below.iter().take_while(|element| element.depth > message.depth);
        for (position, child) in inside.enumerate().filter(|(_, child)| child.depth == message.depth + 1) {
            read.add(child, below.get(position + 1..).unwrap_or_default(), frame, dialect)?;
        }
        Some(read)
    }

    /// Takes note of a child; `None` if it is opaque.
    fn add(
        &mut self,
        child: &'t Element<'t>,
        below: &'t [Element<'t>],
        frame: &'t [u8],
        dialect: &'t Dialect,
    ) -> Option<()> {
        if child.is(FALLBACK, "fallback") {
            self.fallbacks.push(Fallback::read(child, below));
            return Some(());
        }
        let rules = dialect.contents.iter().filter(|rule| is(child, &rule.element));
        let content = match rules.filter_map(|rule| read_content(rule, child, below, frame)).next() {
            Some(Reading::Opaque) => return None,
            Some(Reading::Content(content)) => Some(content),
            None => None,
        };
        if child.is(CLIENT, "body") {
            self.bodies.push(Body { element: child, text: child.text(frame), content });
        } else if let Some(content) = content {
            self.payloads.push(content);
        } else if dialect.requests.iter().any(|request| is(child, request)) {
            self.requests.push(child);
        }
        Some(())
    }

    /// Everything that counts as content: a body that belongs to a payload does not.
    pub fn contents(&self) -> impl Iterator<Item = &Content<'t>> {
        let owners = Owners::of(&self.payloads);
        let owns_bodies = self.fallbacks.iter().any(|fallback| fallback.marks_bodies && owners.own(fallback));
        let own_bodies = self.bodies.iter().filter(move |body| !owns_bodies && !owners.echo(body));
        self.payloads.iter().chain(own_bodies.filter_map(|body| body.content.as_ref()))
    }
}

impl Content<'_> {
    /// Where it begins in the frame.
    pub fn place(&self) -> usize {
        self.element.range.start
    }
}

impl Body<'_> {
    /// Whether there is nothing to read in it.
    pub fn is_blank(&self, frame: &[u8]) -> bool {
        let raw = self.element.content.clone().and_then(|content| frame.get(content));
        raw.is_none_or(|raw| raw.trim_ascii().is_empty())
    }
}

impl<'t> Fallback<'t> {
    fn read(element: &'t Element<'t>, below: &'t [Element<'t>]) -> Self {
        let parts = || below.iter().take_while(|part| part.depth > element.depth);
        let marks_all = parts().next().is_none();
        let is_whole_body = |part: &Element<'_>| {
            part.is(FALLBACK, "body") && part.value("start").is_none() && part.value("end").is_none()
        };
        Self {
            element,
            namespace: element.value("for"),
            marks_bodies: marks_all || parts().any(is_whole_body),
        }
    }
}

impl<'m> Owners<'m> {
    /// A body among the contents owns nothing.
    pub fn of<'t: 'm>(contents: impl IntoIterator<Item = &'m Content<'t>>) -> Self {
        let mut owners = Self { namespaces: BTreeSet::new(), echoes: BTreeSet::new() };
        for payload in contents.into_iter().filter(|content| !content.element.is(CLIENT, "body")) {
            owners.namespaces.insert(payload.element.namespace);
            owners.echoes.extend(payload.echo.as_deref().map(str::trim));
        }
        owners
    }

    /// Whether a mark is there for the sake of these payloads.
    pub fn own(&self, fallback: &Fallback<'_>) -> bool {
        match fallback.namespace {
            Some(namespace) => self.namespaces.contains(namespace),
            None => !self.namespaces.is_empty(),
        }
    }

    /// Whether a body says what one of these payloads says.
    pub fn echo(&self, body: &Body<'_>) -> bool {
        body.text.as_deref().is_some_and(|text| self.echoes.contains(text.trim()))
    }
}

fn is_error(message: &Element<'_>) -> bool {
    message.value("type") == Some("error")
}

/// What an element is by a rule for its name; `None` if the rule does not fit it.
fn read_content<'t>(
    rule: &'t ContentRule,
    element: &'t Element<'t>,
    below: &'t [Element<'t>],
    frame: &'t [u8],
) -> Option<Reading<'t>> {
    let read = |source: &'t Source| values(source, element, below, frame).next().flatten();
    let media_type = match &rule.media_type {
        None => None,
        Some(TypeRule::Fixed(media_type)) => Some(Cow::Borrowed(media_type)),
        Some(TypeRule::Read(source)) => {
            read(source).and_then(|text| MediaType::parse(&text).ok()).map(Cow::Owned)
        }
    };
    let class = match &rule.class {
        ClassRule::Opaque => return Some(Reading::Opaque),
        ClassRule::Fixed(class) => *class,
        ClassRule::Word { source, words } => {
            let said: Vec<_> = values(source, element, below, frame).flatten().collect();
            words.iter().find(|(word, _)| said.iter().any(|value| value == word)).map(|(_, class)| *class)?
        }
        ClassRule::Type { kinds, otherwise } => {
            let fits =
                |kind: &str| media_type.as_ref().is_some_and(|media_type| is_of_kind(media_type, kind));
            kinds.iter().find(|(kind, _)| fits(kind)).map_or(*otherwise, |(_, class)| *class)
        }
    };
    let size = rule.size.as_ref().and_then(read).and_then(|text| parse_size(&text));
    let echo = rule.echo.as_ref().and_then(read);
    Some(Reading::Content(Content { element, class, media_type, size, echo }))
}

/// Whether `kind` is the media type without parameters, or its top-level type.
fn is_of_kind(media_type: &MediaType, kind: &str) -> bool {
    let essence = media_type.essence();
    let top_level = essence.split_once('/').map_or(essence, |(top_level, _)| top_level);
    kind.eq_ignore_ascii_case(essence) || kind.eq_ignore_ascii_case(top_level)
}

/// A number of bytes. One with too many digits is larger than any that a client takes; anything else is no size.
fn parse_size(text: &str) -> Option<u64> {
    let digits = text.trim_ascii();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}
