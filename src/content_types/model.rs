//! The model: a list of what a client can receive, after the IETF's content advertisement for MLS, with a class for
//! each type, as an encrypted message shows only that. And the dialect in which it is told.

use schemars::JsonSchema;
use serde::Deserialize;

use super::MediaType;
use crate::framing;
use crate::stanza::namespace;

/// All that can be seen of an encrypted message's content (DMA, Article 7(2)(a)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContentClass {
    Text,
    Image,
    Voice,
    Video,
    File,
    Reaction,
}

/// One thing that a client can receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    pub class: ContentClass,
    pub media_type: MediaType,
    /// The largest that the client takes, in bytes; `None` if it says nothing about that.
    pub max_size: Option<u64>,
}

/// What a client can receive, the preferred first. No media type stands in it twice with the same class: a reaction is
/// often plain text, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentTypes {
    accepted: Vec<Accept>,
}

/// Why a list is not [`ContentTypes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentTypesError {
    #[error("this media type is already in the list, with the same class")]
    Duplicate,
}

/// Where the advertisement stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// In the client's resource binding request.
    Bind,
    /// In the client's available presence that is not directed. The client's contacts see it.
    Presence,
}

/// The words in which a gatekeeper wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub(super) namespace: String,
    /// The name of the element that holds the list.
    pub(super) list: String,
    /// The name of the element for each type.
    pub(super) item: String,
    /// The names of the item's attributes.
    pub(super) class: String,
    pub(super) media_type: String,
    pub(super) max_size: String,
}

/// Why something cannot be a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialectError {
    #[error(
        "a namespace such as `urn:example:content-types` should stand here, in visible ASCII without quotes, `<`, `>`, `&`"
    )]
    Namespace,
    #[error("this namespace has a meaning of its own; the dialect needs its own namespace")]
    KnownNamespace,
    #[error(
        "an XML name of ASCII letters, digits, `-`, `_` and `.` should stand here, which does not begin with `xml`"
    )]
    Name,
    #[error("two attributes cannot have the same name")]
    DuplicateAttribute,
}

impl ContentClass {
    /// The class on the wire and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            ContentClass::Text => "text",
            ContentClass::Image => "image",
            ContentClass::Voice => "voice",
            ContentClass::Video => "video",
            ContentClass::File => "file",
            ContentClass::Reaction => "reaction",
        }
    }
}

impl ContentTypes {
    /// Adds one more thing, less preferred than those before.
    pub fn push(&mut self, accept: Accept) -> Result<(), ContentTypesError> {
        let is_same = |other: &Accept| (other.class, &other.media_type) == (accept.class, &accept.media_type);
        if self.accepted.iter().any(is_same) {
            return Err(ContentTypesError::Duplicate);
        }
        self.accepted.push(accept);
        Ok(())
    }

    /// In order of preference.
    pub fn iter(&self) -> impl Iterator<Item = &Accept> {
        self.accepted.iter()
    }
}

impl Dialect {
    /// The namespace of all its elements.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
}

/// Whether elements can stand in this namespace without changing the meaning of the stream around them.
pub(super) fn check_namespace(text: &str) -> Result<(), DialectError> {
    // It is written between single quotes, and not escaped, so that it stands as the gate compares it.
    if !framing::is_namespace(text) || text.contains(['\'', '&']) {
        Err(DialectError::Namespace)
    } else if namespace::is_known(text) {
        Err(DialectError::KnownNamespace)
    } else {
        Ok(())
    }
}

/// An `NCName` of ASCII characters (Namespaces in XML 1.0, 3); names that begin with `xml` are reserved there.
pub(super) fn check_name(text: &str) -> Result<(), DialectError> {
    let starts = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let goes_on = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_reserved = text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("xml"));
    if starts && goes_on && !is_reserved { Ok(()) } else { Err(DialectError::Name) }
}
