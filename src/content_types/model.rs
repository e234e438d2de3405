//! The model: a list of what a client can receive, after the IETF's content advertisement for MLS, with a class for
//! each type, as an encrypted message shows only that.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{MediaType, Reason};

/// All that can be seen of an encrypted message's content (DMA, Article 7(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContentClass {
    Text,
    Image,
    Voice,
    Video,
    File,
    Reaction,
    VoiceCall,
    VideoCall,
}

/// Among how many people content is sent: the DMA obliges a gatekeeper to groups later than to pairs (Article 7(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Conversation {
    #[default]
    OneToOne,
    Group,
}

/// One thing that a client can receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    pub class: ContentClass,
    pub conversation: Conversation,
    pub media_type: MediaType,
    /// The largest that the client takes, in bytes; `None` if it says nothing about that.
    pub max_size: Option<u64>,
}

/// What a client can receive, the preferred first. No media type stands in it twice with the same class and in the same
/// conversation: a reaction is often plain text, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentTypes {
    accepted: Vec<Accept>,
}

/// Why a list is not [`ContentTypes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentTypesError {
    #[error("this media type is already in the list, with the same class and conversation")]
    Duplicate,
}

impl ContentClass {
    pub const ALL: [ContentClass; 8] = [
        ContentClass::Text,
        ContentClass::Image,
        ContentClass::Voice,
        ContentClass::Video,
        ContentClass::File,
        ContentClass::Reaction,
        ContentClass::VoiceCall,
        ContentClass::VideoCall,
    ];

    /// The class on the wire and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            ContentClass::Text => "text",
            ContentClass::Image => "image",
            ContentClass::Voice => "voice",
            ContentClass::Video => "video",
            ContentClass::File => "file",
            ContentClass::Reaction => "reaction",
            ContentClass::VoiceCall => "voice-call",
            ContentClass::VideoCall => "video-call",
        }
    }
}

impl Conversation {
    pub const ALL: [Conversation; 2] = [Conversation::OneToOne, Conversation::Group];

    /// The conversation on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Conversation::OneToOne => "one-to-one",
            Conversation::Group => "group",
        }
    }
}

impl Accept {
    fn is_same_kind(&self, other: &Accept) -> bool {
        (self.class, self.conversation, &self.media_type)
            == (other.class, other.conversation, &other.media_type)
    }
}

impl ContentTypes {
    /// Adds one more thing, less preferred than those before.
    pub fn push(&mut self, accept: Accept) -> Result<(), ContentTypesError> {
        if self.accepted.iter().any(|other| other.is_same_kind(&accept)) {
            return Err(ContentTypesError::Duplicate);
        }
        self.accepted.push(accept);
        Ok(())
    }

    /// Puts something in the place of what has the same class, conversation and media type, or adds it, less preferred
    /// than everything before.
    pub(super) fn put(&mut self, accept: Accept) {
        match self.accepted.iter_mut().find(|other| other.is_same_kind(&accept)) {
            Some(other) => *other = accept,
            None => self.accepted.push(accept),
        }
    }

    /// Takes out what fits. Returns whether there was any.
    pub(super) fn remove(&mut self, fits: impl Fn(&Accept) -> bool) -> bool {
        let before = self.accepted.len();
        self.accepted.retain(|accept| !fits(accept));
        self.accepted.len() < before
    }

    /// Sets the largest size of everything of some classes, in bytes. Returns whether there was any.
    pub(super) fn limit(&mut self, of: impl Fn(ContentClass) -> bool, max_size: u64) -> bool {
        let mut meant = self.accepted.iter_mut().filter(|accept| of(accept.class)).peekable();
        let any = meant.peek().is_some();
        meant.for_each(|accept| accept.max_size = Some(max_size));
        any
    }

    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty()
    }

    /// In order of preference.
    pub fn iter(&self) -> impl Iterator<Item = &Accept> {
        self.accepted.iter()
    }

    /// Whether content can be received; if not, why. What is not known of it speaks for it: content whose media type is
    /// not seen is judged by its class, and content whose size is not seen fits.
    pub fn judge(
        &self,
        class: ContentClass,
        conversation: Conversation,
        media_type: Option<&MediaType>,
        size: Option<u64>,
    ) -> Result<(), Reason> {
        let of_the_class = |accept: &&Accept| accept.class == class && accept.conversation == conversation;
        let of_the_type =
            |accept: &&Accept| media_type.is_none_or(|media_type| accept.media_type.accepts(media_type));
        let fits =
            |accept: &Accept| size.is_none_or(|size| accept.max_size.is_none_or(|largest| size <= largest));
        let mut of_class = self.iter().filter(of_the_class).peekable();
        if of_class.peek().is_none() {
            let receives_any = self.iter().any(|accept| accept.conversation == conversation);
            return Err(if receives_any { Reason::Class } else { Reason::Conversation });
        }
        let mut of_type = of_class.filter(of_the_type).peekable();
        of_type.peek().ok_or(Reason::Type)?;
        if of_type.any(fits) { Ok(()) } else { Err(Reason::Size) }
    }
}
