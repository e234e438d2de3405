//! `policies/dialects/*.yaml` as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Findings;
use super::dialect_trial::{DialectTest, DialectTestDocument};
use crate::content_types::dialect::{check_name, check_namespace, parse_wrapper};
use crate::content_types::{
    ClassRule, ContentClass, ContentRule, Conversation, Dialect, DialectError, DiscoWords, ExpandedName,
    FeatureMeaning, ListWords, MediaType, Source, TypeRule,
};
use crate::framing;
use crate::policy::{Located, PolicyDocument, Position, Problem, in_order};
use crate::stanza::{self, namespace};

/// The words of a gatekeeper: how it is told what a client can receive, and where the content of a message from it is
/// read. Elements are written `{namespace}name`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DialectDocument {
    list: ListDocument,
    /// Without it the carrier `disco` cannot be used.
    #[serde(default)]
    disco: Option<DiscoDocument>,
    /// What stands for content among a message's child elements. The first rule that fits an element holds for it.
    #[serde(default)]
    contents: Vec<ContentDocument>,
    /// Child elements of a message that show nothing of what is inside; such a message is left as it is.
    #[serde(default)]
    opaque: Vec<Located<String>>,
    /// Ways from a message to another one inside it: the elements in between and the message, with `/` between.
    #[serde(default)]
    carried_in: Vec<Located<String>>,
    /// Child elements of a message that ask its receiver for an answer.
    #[serde(default)]
    requests: Vec<Located<String>>,
    /// What a client can receive that has a feature (XEP-0030): to make a profile out of it.
    #[serde(default)]
    features: Vec<FeatureDocument>,
    /// What is expected of the dialect.
    #[serde(default)]
    tests: Vec<DialectTestDocument>,
}

/// What a dialect's file means.
#[derive(Clone, Debug)]
pub struct DialectFile {
    pub dialect: Dialect,
    pub tests: Vec<DialectTest>,
}

/// The element that lists what a client can receive, for the carriers `bind` and `presence`.
#[derive(Debug, Deserialize, JsonSchema)]
struct ListDocument {
    /// The XML namespace of the elements. What a client itself says in it is taken out.
    namespace: Located<String>,
    /// The name of the element that holds the list.
    element: Located<String>,
    /// The name of the element for each type.
    item: Located<String>,
    attributes: AttributesDocument,
}

/// The names of an item's attributes.
#[derive(Debug, Deserialize, JsonSchema)]
struct AttributesDocument {
    /// For the class.
    class: Located<String>,
    /// For the media type.
    #[serde(rename = "type")]
    media_type: Located<String>,
    /// For the largest size, in bytes.
    max_size: Located<String>,
    /// For the conversation, of items for groups. Left out, only what holds for one-to-one conversations is told.
    #[serde(default)]
    conversation: Option<Located<String>>,
}

/// The same in a client's disco#info, for the carrier `disco`.
#[derive(Debug, Deserialize, JsonSchema)]
struct DiscoDocument {
    /// Each class is a feature: this, and the class's name.
    feature_prefix: Located<String>,
    /// The FORM_TYPE of the form with types and sizes (XEP-0128).
    form_type: Located<String>,
}

/// How an element of a message is content. A place is written `@attribute`, `{namespace}name`,
/// `{namespace}name/@attribute`, or `.` for the element's own text; more elements stand before, with `/` between.
#[derive(Debug, Deserialize, JsonSchema)]
struct ContentDocument {
    element: Located<String>,
    /// The class, as far as nothing below says another one.
    #[serde(default)]
    class: Option<Located<ContentClass>>,
    /// Classes by the media type, or by its first part (`image`). The first that fits holds.
    #[serde(default)]
    class_by_type: Option<Located<BTreeMap<Located<String>, ContentClass>>>,
    /// The class is what a value says.
    #[serde(default)]
    class_by_word: Option<Located<ClassByWordDocument>>,
    /// The media type, if it is always the same.
    #[serde(default, rename = "type")]
    media_type: Option<Located<String>>,
    /// Where the media type stands.
    #[serde(default)]
    type_at: Option<Located<String>>,
    /// Where the size stands, in bytes.
    #[serde(default)]
    size_at: Option<Located<String>>,
    /// Where something stands that is also the message's body, for clients that do not know the element.
    #[serde(default)]
    echo_at: Option<Located<String>>,
}

/// A value that says the class.
#[derive(Debug, Deserialize, JsonSchema)]
struct ClassByWordDocument {
    /// Where it stands.
    at: Located<String>,
    /// The class of each word. If several values stand there, the first word in this list that is among them holds.
    words: Located<BTreeMap<Located<String>, ContentClass>>,
}

/// One thing that a client can receive which has a feature.
#[derive(Debug, Deserialize, JsonSchema)]
struct FeatureDocument {
    feature: Located<String>,
    class: ContentClass,
    #[serde(rename = "type")]
    media_type: Located<String>,
    #[serde(default)]
    conversation: Conversation,
}

impl PolicyDocument for DialectDocument {
    type Value = DialectFile;
    const KIND: &'static str = "dialect";

    fn build(self, warnings: &mut Vec<Problem>) -> Result<DialectFile, Vec<Problem>> {
        let mut findings = Findings { problems: Vec::new(), warnings };
        let own_namespace = self.list.namespace.at;
        let feature_prefix = self.disco.as_ref().map(|disco| disco.feature_prefix.at);
        let list = self.list.build(&mut findings);
        let disco = self.disco.map(|disco| disco.build(&mut findings));
        let contents = contents(&self.contents, &self.opaque, &mut findings);
        let wrappers = wrappers(&self.carried_in, &contents, &mut findings);
        let requests = requests(&self.requests, &contents, &wrappers, &mut findings);
        let features = features(&self.features, &mut findings);
        let tests = self.tests.into_iter().map(|test| test.build(&mut findings)).collect();
        let dialect = Dialect { list, disco, contents, wrappers, requests, features };
        if dialect.reads_in(|namespace| namespace == dialect.list.namespace) {
            findings.problem(own_namespace, &DialectError::NamespaceOfContent);
        }
        if let Some((at, words)) = feature_prefix.zip(dialect.disco.as_ref()) {
            findings.checked(at, check_feature_prefix(words, &dialect));
        }
        if dialect.distinct_names().len() > stanza::ROOM {
            findings.problem(Position::START, &DialectError::TooManyElements);
        }
        findings.finish()?;
        Ok(DialectFile { dialect, tests })
    }
}

impl ListDocument {
    fn build(self, findings: &mut Findings<'_>) -> ListWords {
        let Self { namespace, element, item, attributes } = self;
        findings.checked(namespace.at, check_namespace(&namespace.value));
        for name in [&element, &item] {
            findings.checked(name.at, check_name(&name.value));
        }
        let AttributesDocument { class, media_type, max_size, conversation } = attributes;
        let names: Vec<_> = [&class, &media_type, &max_size].into_iter().chain(&conversation).collect();
        for (index, name) in names.iter().enumerate() {
            findings.checked(name.at, check_name(&name.value));
            if names[..index].contains(name) {
                findings.problem(name.at, &DialectError::DuplicateAttribute);
            }
        }
        ListWords {
            namespace: namespace.value,
            list: element.value,
            item: item.value,
            class: class.value,
            media_type: media_type.value,
            max_size: max_size.value,
            conversation: conversation.map(|name| name.value),
        }
    }
}

impl DiscoDocument {
    fn build(self, findings: &mut Findings<'_>) -> DiscoWords {
        for text in [&self.feature_prefix, &self.form_type] {
            // They become parts of hashed strings, in which `<` would stand for an end (XEP-0115, 5.1).
            if !is_hashable(&text.value) {
                findings.problem(text.at, &DialectError::Namespace);
            }
        }
        // What a client itself says in forms of this type is taken out.
        if namespace::is_known(&self.form_type.value) {
            findings.problem(self.form_type.at, &DialectError::KnownFormType);
        }
        DiscoWords { feature_prefix: self.feature_prefix.value, form_type: self.form_type.value }
    }
}

fn is_hashable(text: &str) -> bool {
    !text.is_empty() && framing::is_namespace(text)
}

/// Every feature that begins with the prefix is taken out of what a client itself says, so that none of another meaning
/// may: most features are namespaces.
fn check_feature_prefix(words: &DiscoWords, dialect: &Dialect) -> Result<(), DialectError> {
    let prefix = words.feature_prefix.as_str();
    if !is_hashable(prefix) {
        // It has been told already.
        Ok(())
    } else if !prefix.contains(':') {
        Err(DialectError::FeaturePrefix)
    } else if namespace::any_known_begins_with(prefix)
        || dialect.reads_in(|namespace| namespace.starts_with(prefix))
    {
        Err(DialectError::WideFeaturePrefix)
    } else {
        Ok(())
    }
}

fn contents(
    documents: &[ContentDocument],
    opaque: &[Located<String>],
    findings: &mut Findings<'_>,
) -> Vec<ContentRule> {
    let mut rules: Vec<ContentRule> = Vec::new();
    let opaque_rule =
        |element| ContentRule { element, class: ClassRule::Opaque, media_type: None, size: None, echo: None };
    let readable = documents.iter().map(|document| (&document.element, Some(document)));
    for (element, document) in readable.chain(opaque.iter().map(|element| (element, None))) {
        let name = findings.checked(element.at, ExpandedName::parse_child(&element.value));
        let rule = match (name, document) {
            (Some(name), None) => Some(opaque_rule(name)),
            (name, Some(document)) => document.build(name, findings),
            (None, None) => None,
        };
        let Some(rule) = rule else { continue };
        // Only a rule by words may leave an element to a later one.
        let takes = |other: &ContentRule| {
            other.element == rule.element && !matches!(other.class, ClassRule::Word { .. })
        };
        if rules.iter().any(takes) {
            findings.problem(element.at, &DialectError::ElementTaken);
        }
        rules.push(rule);
    }
    rules
}

impl ContentDocument {
    fn build(&self, element: Option<ExpandedName>, findings: &mut Findings<'_>) -> Option<ContentRule> {
        let class = self.class(findings);
        let media_type = self.media_type(findings);
        let mut source = |text: &Option<Located<String>>| {
            text.as_ref().and_then(|text| findings.checked(text.at, Source::parse(&text.value)))
        };
        let (size, echo) = (source(&self.size_at), source(&self.echo_at));
        Some(ContentRule { element: element?, class: class?, media_type, size, echo })
    }

    fn class(&self, findings: &mut Findings<'_>) -> Option<ClassRule> {
        if let Some(by_type) = &self.class_by_type
            && (self.class.is_none() || self.type_at.is_none())
        {
            findings.problem(by_type.at, &DialectError::ClassByNoType);
        }
        match (&self.class, &self.class_by_word) {
            (Some(_), Some(by_word)) => {
                findings.problem(by_word.at, &DialectError::TwoClasses);
                None
            }
            (None, Some(by_word)) => by_word.value.build(findings),
            (Some(class), None) => Some(match &self.class_by_type {
                Some(by_type) => {
                    ClassRule::Type { kinds: kinds(&by_type.value, findings), otherwise: class.value }
                }
                None => ClassRule::Fixed(class.value),
            }),
            (None, None) => {
                findings.problem(self.element.at, &DialectError::NoClass);
                None
            }
        }
    }

    fn media_type(&self, findings: &mut Findings<'_>) -> Option<TypeRule> {
        if let (Some(_), Some(at)) = (&self.media_type, &self.type_at) {
            findings.problem(at.at, &DialectError::TwoTypes);
        }
        let fixed = self
            .media_type
            .as_ref()
            .and_then(|text| findings.checked(text.at, MediaType::parse(&text.value)).map(TypeRule::Fixed));
        let read = self
            .type_at
            .as_ref()
            .and_then(|text| findings.checked(text.at, Source::parse(&text.value)).map(TypeRule::Read));
        fixed.or(read)
    }
}

impl ClassByWordDocument {
    fn build(&self, findings: &mut Findings<'_>) -> Option<ClassRule> {
        if self.words.value.is_empty() {
            findings.problem(self.words.at, &DialectError::NoWord);
        }
        let source = findings.checked(self.at.at, Source::parse(&self.at.value))?;
        let words = in_order(&self.words.value).into_iter().map(|(word, class)| (word.value.clone(), *class));
        Some(ClassRule::Word { source, words: words.collect() })
    }
}

/// Essences and top-level types, in lower case, with their classes.
fn kinds(
    written: &BTreeMap<Located<String>, ContentClass>,
    findings: &mut Findings<'_>,
) -> Vec<(String, ContentClass)> {
    let mut kinds = Vec::new();
    for (kind, class) in in_order(written) {
        // A top-level type is one that a subtype makes a media type of.
        let whole = if kind.value.contains('/') { kind.value.clone() } else { format!("{}/x", kind.value) };
        let is_kind = !kind.value.contains(';') && MediaType::parse(&whole).is_ok();
        if !is_kind {
            findings.problem(kind.at, &DialectError::TypeKind);
        }
        kinds.push((kind.value.to_ascii_lowercase(), *class));
    }
    kinds
}

fn features(documents: &[FeatureDocument], findings: &mut Findings<'_>) -> Vec<FeatureMeaning> {
    let mut features = Vec::new();
    for FeatureDocument { feature, class, media_type, conversation } in documents {
        if feature.value.trim().is_empty() {
            findings.problem(feature.at, &DialectError::NoFeature);
        }
        let parsed = findings.checked(media_type.at, MediaType::parse(&media_type.value));
        let Some(media_type) = parsed else { continue };
        let meaning = FeatureMeaning {
            feature: feature.value.clone(),
            class: *class,
            conversation: *conversation,
            media_type,
        };
        if features.contains(&meaning) {
            findings.problem(feature.at, &DialectError::DuplicateFeature);
        }
        features.push(meaning);
    }
    features
}

/// What is content is judged as it stands: it cannot be a way to a message, too.
fn wrappers(
    texts: &[Located<String>],
    contents: &[ContentRule],
    findings: &mut Findings<'_>,
) -> Vec<Vec<ExpandedName>> {
    let parse = |text: &str| {
        let path = parse_wrapper(text)?;
        let is_content = contents.iter().any(|rule| path.first() == Some(&rule.element));
        if is_content { Err(DialectError::SecondMeaning) } else { Ok(path) }
    };
    texts.iter().filter_map(|text| findings.checked(text.at, parse(&text.value))).collect()
}

/// What is content or a way to it has to outlive the requests, which are taken out beside it.
fn requests(
    texts: &[Located<String>],
    contents: &[ContentRule],
    wrappers: &[Vec<ExpandedName>],
    findings: &mut Findings<'_>,
) -> Vec<ExpandedName> {
    let parse = |text: &str| {
        let name = ExpandedName::parse_child(text)?;
        let is_taken = contents.iter().any(|rule| rule.element == name)
            || wrappers.iter().any(|path| path.first() == Some(&name));
        if is_taken { Err(DialectError::SecondMeaning) } else { Ok(name) }
    };
    texts.iter().filter_map(|text| findings.checked(text.at, parse(&text.value))).collect()
}
