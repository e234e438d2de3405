//! `policies/content-types/*.yaml` and `policies/dialects/*.yaml` as written, and what they mean.

use schemars::JsonSchema;
use serde::Deserialize;

use super::dialect::{check_name, check_namespace};
use super::{
    Accept, Carrier, ContentClass, ContentTypes, Conversation, Dialect, DialectError, ListWords, MediaType,
};
use crate::policy::{ByteSize, Located, Planned, PolicyDocument, Position, Problem};

/// What clients can receive, and how the gatekeeper is told.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ContentTypesDocument {
    /// The file with the words in which the gatekeeper is told, relative to this file.
    dialect: Located<String>,
    /// Where the gatekeeper is told.
    #[serde(default = "default_carriers")]
    carriers: Vec<Located<Carrier>>,
    /// What clients can receive, the preferred first.
    #[schemars(length(min = 1))]
    accept: Vec<AcceptDocument>,
}

/// One thing that clients can receive.
#[derive(Debug, Deserialize, JsonSchema)]
struct AcceptDocument {
    class: ContentClass,
    /// A media type with its parameters, such as `text/plain;charset=utf-8`.
    #[serde(rename = "type")]
    media_type: Located<String>,
    /// The largest that clients take. For encrypted content this is the size before encryption.
    #[serde(default)]
    max_size: Option<ByteSize>,
    /// In which conversations; in the others as well, there is one line for each.
    #[serde(default)]
    conversation: Conversation,
}

/// The words in which a gatekeeper is told what clients can receive.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DialectDocument {
    /// The XML namespace of the elements.
    namespace: Located<String>,
    /// The name of the element that holds the list.
    list: Located<String>,
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
}

/// What a content-types file means. The dialect's file is still to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentTypesFile {
    /// The path of the dialect's file, relative to the policy's file.
    pub dialect: Located<String>,
    pub carriers: Vec<Carrier>,
    pub content_types: ContentTypes,
}

/// What a content-types file says that cannot be, or is probably not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("this carrier is already in the list")]
    DuplicateCarrier,
    #[error("presence is seen by a client's contacts, and what it can receive tells one build from another")]
    PresenceIsSeen,
}

impl PolicyDocument for ContentTypesDocument {
    type Value = ContentTypesFile;
    const KIND: &'static str = "content-types";
    const PLANNED: &'static [Planned] = &[
        Planned::value("carriers.*", "disco"),
        Planned::key("profiles"),
        Planned::key("select"),
        Planned::key("enforce"),
        Planned::key("tests"),
    ];

    fn build(self, warnings: &mut Vec<Problem>) -> Result<ContentTypesFile, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut carriers = Vec::new();
        for carrier in self.carriers {
            if carriers.contains(&carrier.value) {
                problems.push(Problem::invalid(carrier.at, &DocumentError::DuplicateCarrier));
            } else if carrier.value == Carrier::Presence {
                warnings.push(Problem::invalid(carrier.at, &DocumentError::PresenceIsSeen));
            }
            carriers.push(carrier.value);
        }
        let mut content_types = ContentTypes::default();
        for accept in self.accept {
            if let Err(problem) = add(&mut content_types, accept) {
                problems.push(problem);
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(ContentTypesFile { dialect: self.dialect, carriers, content_types })
    }
}

impl PolicyDocument for DialectDocument {
    type Value = Dialect;
    const KIND: &'static str = "dialect";

    fn build(self, _warnings: &mut Vec<Problem>) -> Result<Dialect, Vec<Problem>> {
        let AttributesDocument { class, media_type, max_size } = self.attributes;
        let mut problems = Vec::new();
        let mut check = |text: &Located<String>, result: Result<(), DialectError>| {
            if let Err(error) = result {
                problems.push(Problem::invalid(text.at, &error));
            }
        };
        check(&self.namespace, check_namespace(&self.namespace.value));
        for name in [&self.list, &self.item, &class, &media_type, &max_size] {
            check(name, check_name(&name.value));
        }
        for (name, earlier) in [(&media_type, &class), (&max_size, &class), (&max_size, &media_type)] {
            check(name, if name == earlier { Err(DialectError::DuplicateAttribute) } else { Ok(()) });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let list = ListWords {
            namespace: self.namespace.value,
            list: self.list.value,
            item: self.item.value,
            class: class.value,
            media_type: media_type.value,
            max_size: max_size.value,
            conversation: None,
        };
        Ok(Dialect { list, disco: None, contents: Vec::new(), wrappers: Vec::new(), requests: Vec::new() })
    }
}

fn default_carriers() -> Vec<Located<Carrier>> {
    vec![Located { value: Carrier::Bind, at: Position::START }]
}

fn add(content_types: &mut ContentTypes, accept: AcceptDocument) -> Result<(), Problem> {
    let AcceptDocument { class, media_type: Located { value, at }, max_size, conversation } = accept;
    let media_type = MediaType::parse(&value).map_err(|error| Problem::invalid(at, &error))?;
    content_types
        .push(Accept { class, conversation, media_type, max_size: max_size.map(ByteSize::bytes) })
        .map_err(|error| Problem::invalid(at, &error))
}

/// A policy of one profile.
pub fn single(policy: ContentTypesFile, dialect: Dialect) -> super::ContentTypesPolicy {
    let mut carriers = super::Carriers::default();
    for carrier in policy.carriers {
        match carrier {
            Carrier::Bind => carriers.bind = true,
            Carrier::Presence => carriers.presence = true,
            Carrier::Disco => carriers.disco = true,
        }
    }
    super::ContentTypesPolicy {
        dialect,
        carriers,
        profiles: vec![super::Profile { name: "any".to_owned(), content_types: policy.content_types }],
        selection: super::Selection { default: 0 },
        enforcement: super::Enforcement {
            rules: Vec::new(),
            otherwise: super::Action::Pass,
            texts: Vec::new(),
        },
    }
}
