//! A gatekeeper's words, as data: how it is told what a client can receive, and where the content of what it sends is
//! read. Nothing else in the code knows these names.

use std::collections::BTreeSet;

use super::{ContentClass, Conversation, MediaType};
use crate::framing;
use crate::stanza::{self, namespace};

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
    /// What a client can receive that names a feature in its disco#info (XEP-0030): to make a profile out of it.
    pub features: Vec<FeatureMeaning>,
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
    /// What a value says, by exact words. A value that is missing or not among the words says nothing. If several
    /// elements stand at the end of the path, the first of the words that any of them says holds: a call for audio and
    /// video describes each by itself (XEP-0353, 3.1).
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

/// One thing that a client can receive which names a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureMeaning {
    /// Compared exactly.
    pub feature: String,
    pub class: ContentClass,
    pub conversation: Conversation,
    pub media_type: MediaType,
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
        "what the dialect reads in messages is in this namespace, and would be taken out of what clients send; the list \
         needs its own namespace"
    )]
    NamespaceOfContent,
    #[error("what features begin with should stand here, with a `:`, such as `urn:example:content-types#`")]
    FeaturePrefix,
    #[error(
        "features with a meaning of their own begin with this, too; the dialect needs its own, such as \
         `urn:example:content-types#`"
    )]
    WideFeaturePrefix,
    #[error(
        "forms of this type have a meaning of their own; the dialect needs its own, such as `urn:example:content-types`"
    )]
    KnownFormType,
    #[error(
        "an XML name of ASCII letters, digits, `-`, `_` and `.` should stand here, which does not begin with `xml`"
    )]
    Name,
    #[error("two attributes cannot have the same name")]
    DuplicateAttribute,
    #[error("an element should stand here as `{{namespace}}name`")]
    Element,
    #[error(
        "a place should stand here as `@attribute`, `{{namespace}}name`, `{{namespace}}name/@attribute`, or `.` for the \
         element's own text; more elements stand before, with `/` between"
    )]
    Source,
    #[error(
        "elements should stand here as `{{namespace}}name`, with `/` between, the last of them `{{jabber:client}}message`"
    )]
    Wrapper,
    #[error(
        "this element has a meaning of its own in every message; it cannot be content, carry a message or be a request"
    )]
    KnownElement,
    #[error(
        "the element stands in the dialect already; it can be only one of content (`contents`, `opaque`), way to a \
         message (`carried_in`) and request (`requests`)"
    )]
    SecondMeaning,
    #[error("an earlier rule takes this element already")]
    ElementTaken,
    #[error("either `class` or `class_by_word` should stand here")]
    NoClass,
    #[error("the class stands here already by `class`; `class_by_word` has no say")]
    TwoClasses,
    #[error("`class_by_type` needs `class`, for whatever type does not stand in it, and `type_at`")]
    ClassByNoType,
    #[error("a media type such as `image/jpeg` or its first part, such as `image`, should stand here")]
    TypeKind,
    #[error("at least one word should stand here")]
    NoWord,
    #[error("the type stands here already by `type`; `type_at` has no say")]
    TwoTypes,
    #[error("the name of a feature should stand here")]
    NoFeature,
    #[error("the feature stands here already with the same meaning")]
    DuplicateFeature,
    #[error("the dialect names too many elements of messages: it may name {}", stanza::ROOM)]
    TooManyElements,
}

impl Dialect {
    /// The namespace that is Vestibule's own on the client's side, for the gate to watch.
    pub fn namespace(&self) -> &str {
        &self.list.namespace
    }

    /// The children of a message that the gate has to tell apart. The same name may come more than once.
    pub fn names(&self) -> impl Iterator<Item = &ExpandedName> {
        let contents = self.contents.iter().map(|rule| &rule.element);
        contents.chain(self.wrappers.iter().filter_map(|path| path.first())).chain(&self.requests)
    }

    /// Whether anything that is read of a message is in a namespace that fits. The namespace of the list itself does not
    /// count.
    pub fn reads_in(&self, fits: impl Fn(&str) -> bool) -> bool {
        let inside = self.contents.iter().flat_map(ContentRule::sources).flat_map(|source| &source.path);
        let mut names = self.names().chain(self.wrappers.iter().flatten()).chain(inside);
        names.any(|name| fits(&name.namespace))
    }

    /// The same, each once, as `(namespace, name)`.
    pub(super) fn distinct_names(&self) -> BTreeSet<(&str, &str)> {
        self.names().map(ExpandedName::pair).collect()
    }
}

impl ContentRule {
    /// Where it reads anything.
    fn sources(&self) -> impl Iterator<Item = &Source> {
        let class = if let ClassRule::Word { source, .. } = &self.class { Some(source) } else { None };
        let media_type =
            if let Some(TypeRule::Read(source)) = &self.media_type { Some(source) } else { None };
        class.into_iter().chain(media_type).chain(&self.size).chain(&self.echo)
    }
}

impl ExpandedName {
    /// Reads `{namespace}name`.
    pub fn parse(text: &str) -> Result<Self, DialectError> {
        match Self::at_start(text) {
            Some((name, None)) => Ok(name),
            _ => Err(DialectError::Element),
        }
    }

    /// Reads the name of an element that a dialect may give a meaning to: a message's child, but none of those that the
    /// message itself is made of (RFC 6121, 5.2) or that say what others mean (XEP-0428).
    pub(super) fn parse_child(text: &str) -> Result<Self, DialectError> {
        let name = Self::parse(text)?;
        name.check_meaning()?;
        Ok(name)
    }

    fn check_meaning(&self) -> Result<(), DialectError> {
        match self.pair() {
            (namespace::CLIENT, "message" | "presence" | "iq" | "error" | "subject" | "thread")
            | (namespace::FALLBACK, "fallback") => Err(DialectError::KnownElement),
            _ => Ok(()),
        }
    }

    /// The name that a path begins with, and what stands behind the slash that follows.
    fn at_start(path: &str) -> Option<(Self, Option<&str>)> {
        let (namespace, rest) = path.strip_prefix('{')?.split_once('}')?;
        let (name, rest) = rest.split_once('/').map_or((rest, None), |(name, rest)| (name, Some(rest)));
        let is_right = framing::is_namespace(namespace) && check_name(name).is_ok();
        is_right.then(|| (Self { namespace: namespace.to_owned(), name: name.to_owned() }, rest))
    }

    /// `(namespace, name)`.
    pub fn pair(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }
}

impl Source {
    /// Reads `@attribute`, `{namespace}name`, `{namespace}name/@attribute`, or `.` for the element's own text; more
    /// elements stand before, with `/` between.
    pub fn parse(text: &str) -> Result<Self, DialectError> {
        let mut source = Self { path: Vec::new(), attribute: None };
        let mut rest = (text != ".").then_some(text);
        while let Some(step) = rest {
            if let Some(attribute) = step.strip_prefix('@') {
                check_name(attribute).map_err(|_| DialectError::Source)?;
                source.attribute = Some(attribute.to_owned());
                break;
            }
            let (name, after) = ExpandedName::at_start(step).ok_or(DialectError::Source)?;
            source.path.push(name);
            rest = after;
        }
        Ok(source)
    }
}

/// Reads a way from a message to another one inside it: `{namespace}name` of each element, with `/` between.
pub(super) fn parse_wrapper(text: &str) -> Result<Vec<ExpandedName>, DialectError> {
    let source = Source::parse(text).map_err(|_| DialectError::Wrapper)?;
    let ends_with_message =
        source.path.last().is_some_and(|last| last.pair() == (namespace::CLIENT, "message"));
    if !ends_with_message || source.path.len() < 2 || source.attribute.is_some() {
        return Err(DialectError::Wrapper);
    }
    source.path.first().map_or(Ok(()), ExpandedName::check_meaning)?;
    Ok(source.path)
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
