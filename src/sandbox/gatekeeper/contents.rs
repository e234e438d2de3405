//! What clients can receive, as the gatekeeper is told, and whether the content of a message is among it.
//!
//! The content is encrypted, so that its class is all that can be seen of it, and what its element says of type and size.

use serde::Serialize;

use super::Words;
use crate::content_types::{Conversation, MediaType};
use crate::sandbox::element::Element;
use crate::stanza::namespace::CLIENT;

/// Entries of one list that are read.
const ENTRIES: usize = 64;
/// Bytes of an entry's longest value; an entry with a longer one is none.
const LONGEST_VALUE: usize = 128;
/// The class of a message whose body is all its content.
const TEXT: &str = "text";

/// What one stanza told of the content that a client can receive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContentTypes {
    pub carrier: Carrier,
    pub accepts: Vec<Accept>,
}

/// The stanza that carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    Bind,
    Presence,
}

/// One kind of content, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accept {
    pub class: Option<String>,
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    pub max_size: Option<String>,
    pub conversation: Option<String>,
}

/// What can be seen of a message's content.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Content<'a> {
    pub class: &'a str,
    conversation: Conversation,
    media_type: Option<&'a str>,
    /// In bytes before encryption.
    size: Option<u64>,
}

impl ContentTypes {
    /// Reads what `parent` (the bind request or the presence) says in the dialect's namespace, if it says anything.
    pub(super) fn read(parent: &Element, namespace: &str, carrier: Carrier) -> Option<Self> {
        let list = parent.children.iter().find(|child| child.namespace == namespace)?;
        let entries = list.children.iter().filter(|child| child.namespace == namespace).take(ENTRIES);
        Some(Self { carrier, accepts: entries.filter_map(Accept::read).collect() })
    }

    fn accept(&self, content: &Content<'_>) -> bool {
        self.accepts.iter().any(|accept| accept.takes(content))
    }
}

impl Accept {
    fn read(element: &Element) -> Option<Self> {
        let attribute = |name| element.attribute(name).map(str::to_owned);
        let short = element.attributes().all(|(_, value)| value.len() <= LONGEST_VALUE);
        short.then(|| Self {
            class: attribute("class"),
            media_type: attribute("type"),
            max_size: attribute("max-size"),
            conversation: attribute("conversation"),
        })
    }

    /// What is not said of the content speaks for it. A size that is no number allows none.
    fn takes(&self, content: &Content<'_>) -> bool {
        let type_fits = match (&self.media_type, content.media_type) {
            (Some(said), Some(seen)) => is_accepted(said, seen),
            _ => true,
        };
        let size_fits = match (&self.max_size, content.size) {
            (Some(largest), Some(size)) => largest.parse().is_ok_and(|largest: u64| size <= largest),
            _ => true,
        };
        self.conversation.as_deref().unwrap_or(Conversation::OneToOne.name()) == content.conversation.name()
            && self.class.as_deref() == Some(content.class)
            && type_fits
            && size_fits
    }
}

/// Whether content of the type `seen` can be received by who accepts `said`: type and subtype compare without case,
/// parameters exactly. What is no media type is none that anybody accepts.
fn is_accepted(said: &str, seen: &str) -> bool {
    match (MediaType::parse(said), MediaType::parse(seen)) {
        (Ok(said), Ok(seen)) => said.accepts(&seen),
        _ => false,
    }
}

/// The content of a message. A body beside other content is there for who does not know that, and an error has none.
pub(super) fn of<'a>(message: &'a Element, words: &Words) -> Vec<Content<'a>> {
    if message.attribute("type") == Some("error") {
        return Vec::new();
    }
    let is_group = message.attribute("type") == Some("groupchat");
    let conversation = if is_group { Conversation::Group } else { Conversation::OneToOne };
    let elements = message.children.iter().filter(|child| child.namespace == words.contents);
    let contents: Vec<_> = elements.map(|element| Content::read(element, conversation)).collect();
    if contents.is_empty() && message.child(CLIENT, "body").is_some() {
        return vec![Content { class: TEXT, conversation, media_type: None, size: None }];
    }
    contents
}

impl<'a> Content<'a> {
    fn read(element: &'a Element, conversation: Conversation) -> Self {
        let size = element.attribute("size").and_then(|size| size.parse().ok());
        Self { class: &element.name, conversation, media_type: element.attribute("type"), size }
    }
}

/// What a client's session was told last by each carrier. It is told nothing: it can receive everything.
#[derive(Default)]
pub(super) struct Receivable {
    bind: Option<ContentTypes>,
    presence: Option<ContentTypes>,
}

impl Receivable {
    pub fn learn(&mut self, told: ContentTypes) {
        match told.carrier {
            Carrier::Bind => self.bind = Some(told),
            Carrier::Presence => self.presence = Some(told),
        }
    }

    /// The first content that cannot be received. A presence is newer than the bind request, so that it holds.
    pub fn refused<'c>(&self, contents: &'c [Content<'c>]) -> Option<&'c Content<'c>> {
        let told = self.presence.as_ref().or(self.bind.as_ref())?;
        contents.iter().find(|content| !told.accept(content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content: &str) -> Element {
        Element::of_stanza(format!("<message>{content}</message>").as_bytes()).unwrap()
    }

    fn told(carrier: Carrier, entries: &str) -> ContentTypes {
        let parent = message(&format!("<content-types xmlns='t'>{entries}</content-types>"));
        ContentTypes::read(&parent, "t", carrier).unwrap()
    }

    /// Whether a client that was told to accept `entries` is sent the content.
    fn sent(entries: &str, content: &str) -> bool {
        is_sent(entries, &message(content))
    }

    fn is_sent(entries: &str, message: &Element) -> bool {
        let mut receivable = Receivable::default();
        receivable.learn(told(Carrier::Bind, entries));
        let words = Words { contents: "c".to_owned(), ..Words::default() };
        receivable.refused(&of(message, &words)).is_none()
    }

    #[test]
    fn class_type_and_size_decide() {
        let entries = "<accept class='image' type='image/JPEG' max-size='10'/><accept class='text'/>\
                       <accept class='file' conversation='group'/>";
        for content in [
            "<image xmlns='c' type='Image/jpeg' size='10'/>",
            "<image xmlns='c'/>",
            "<body>x</body>",
            "<image xmlns='c'/><body>[a picture]</body>",
            "<video xmlns='other'/>",
            "",
        ] {
            assert!(sent(entries, content), "{content}");
        }
        for content in [
            "<image xmlns='c' type='image/png' size='10'/>",
            "<image xmlns='c' type='image/jpeg' size='11'/>",
            "<video xmlns='c'/>",
            "<file xmlns='c'/>",
            "<image xmlns='c'/><video xmlns='c'/>",
            "<video xmlns='c'/><body>[a video]</body>",
        ] {
            assert!(!sent(entries, content), "{content}");
        }
    }

    #[test]
    fn what_is_received_in_one_kind_of_conversation_is_not_in_the_other() {
        let group = |content: &str| {
            Element::of_stanza(format!("<message type='groupchat'>{content}</message>").as_bytes()).unwrap()
        };
        let entries = "<accept class='image'/><accept class='video' conversation='one-to-one'/>\
                       <accept class='text' conversation='group'/>";
        for content in ["<image xmlns='c'/>", "<video xmlns='c'/>"] {
            assert!(sent(entries, content) && !is_sent(entries, &group(content)), "{content}");
        }
        assert!(!sent(entries, "<body>x</body>") && is_sent(entries, &group("<body>x</body>")));
    }

    #[test]
    fn types_compare_without_case_and_parameters_exactly() {
        for (said, seen, accepted) in [
            ("audio/ogg;codecs=Opus", "Audio/OGG; codecs=Opus", true),
            ("audio/ogg;codecs=Opus", "audio/ogg;codecs=opus", false),
            ("audio/ogg;codecs=opus", "audio/ogg", false),
            ("audio/ogg", "audio/ogg;codecs=opus", true),
            ("text/plain;charset=UTF-8", "text/plain; charset=utf-8", true),
            ("audio", "audio", false),
        ] {
            let entry = format!("<accept class='audio' type='{said}'/>");
            let content = format!("<audio xmlns='c' type='{seen}'/>");
            assert_eq!(sent(&entry, &content), accepted, "{said}, {seen}");
        }
    }

    #[test]
    fn who_says_nothing_gets_everything_and_who_accepts_nothing_gets_nothing() {
        let video = message("<video xmlns='c'/>");
        let words = Words { contents: "c".to_owned(), ..Words::default() };
        assert!(Receivable::default().refused(&of(&video, &words)).is_none());
        assert!(!sent("", "<video xmlns='c'/>"));
        assert!(!sent("", "<body>x</body>"));
    }

    #[test]
    fn what_was_said_last_holds() {
        let mut receivable = Receivable::default();
        receivable.learn(told(Carrier::Presence, "<accept class='video'/>"));
        receivable.learn(told(Carrier::Bind, "<accept class='image'/>"));
        let contents = ["image", "video"].map(|class| Content {
            class,
            conversation: Conversation::OneToOne,
            media_type: None,
            size: None,
        });
        assert!(receivable.refused(&contents).is_some_and(|refused| refused.class == "image"));
        receivable.learn(told(Carrier::Presence, "<accept class='image'/>"));
        assert!(receivable.refused(&contents).is_some_and(|refused| refused.class == "video"));
    }

    #[test]
    fn a_list_is_bounded() {
        let long = "x".repeat(LONGEST_VALUE + 1);
        let entries = format!("<accept class='{long}'/>{}", "<accept class='image'/>".repeat(ENTRIES + 1));
        assert_eq!(told(Carrier::Bind, &entries).accepts.len(), ENTRIES - 1);
    }
}
