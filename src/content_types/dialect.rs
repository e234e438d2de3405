//! A gatekeeper's words, as data: how it is told what a client can receive, and where the content of what it sends is
//! read. Nothing else in the code knows these names.

use super::{ContentClass, MediaType};
use crate::framing;
use crate::stanza::namespace;

/// The words of one gatekeeper. What is read is read of a `message` from the gatekeeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub list: ListWords,
    /// For the carrier `disco`; without them it cannot be used.
    pub disco: Option<DiscoWords>,
    /// What stands for content among a message's child elements. The first rule that fits an element holds for it.
    pub contents: Vec<ContentRule>,
    /// Ways from a message to another one that it carries: carbons (XEP-0280), archives (XEP-0313). Each begins with a
    /// child of the outer message and ends with the inner message.
    pub wrappers: Vec<Vec<ExpandedName>>,
    /// Children of a message that ask its receiver for an answer: receipts (XEP-0184), markers (XEP-0333).
    pub requests: Vec<ExpandedName>,
}

/// The element that lists what a client can receive, for the carriers `bind` and `presence`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListWords {
    /// The namespace of all its elements. What a client itself says in it is taken out.
    pub namespace: String,
    /// The name of the element that holds the list.
    pub list: String,
    /// The name of the element for each type.
    pub item: String,
    /// The names of the item's attributes.
    pub class: String,
    pub media_type: String,
    pub max_size: String,
    /// Without it only what holds for one-to-one conversations is told. An item of a one-to-one conversation does not
    /// have it.
    pub conversation: Option<String>,
}

/// How the same is told in a client's disco#info (XEP-0030, XEP-0128).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoWords {
    /// Each class is a feature: this, and the class's name.
    pub feature_prefix: String,
    /// The FORM_TYPE of the form that holds types and sizes.
    pub form_type: String,
}

/// `{namespace}name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExpandedName {
    pub namespace: String,
    pub name: String,
}

/// How an element of a message is content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentRule {
    /// The element, a child of the message: the whole payload.
    pub element: ExpandedName,
    pub class: ClassRule,
    pub media_type: Option<TypeRule>,
    /// Where the size stands, in bytes.
    pub size: Option<Source>,
    /// A value that is also the message's body, for clients that do not know the element: such a body belongs to the
    /// payload. So does one that XEP-0428 marks as a fallback for the element's namespace, whatever stands here.
    pub echo: Option<Source>,
}

/// Which class the content is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassRule {
    /// Always this one: known without reading the element.
    Fixed(ContentClass),
    /// What a value says, by exact words. A value that is missing or not among the words says nothing.
    Word { source: Source, words: Vec<(String, ContentClass)> },
    /// What the media type says: by its essence (`type/subtype`) or its top-level type (`image`), the first that fits;
    /// otherwise, or without a media type, the last field.
    Type { kinds: Vec<(String, ContentClass)>, otherwise: ContentClass },
    /// Nothing shows what is inside. A message that holds such an element is left as it is.
    Opaque,
}

/// Which media type the content has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeRule {
    Fixed(MediaType),
    Read(Source),
}

/// Where a value stands, from an element: the first element at the end of the path, and of that an attribute without
/// prefix, or its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub path: Vec<ExpandedName>,
    pub attribute: Option<String>,
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

impl Dialect {
    /// The namespace that is Vestibule's own on the client's side, for the gate to watch.
    pub fn namespace(&self) -> &str {
        &self.list.namespace
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
