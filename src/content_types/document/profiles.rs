//! Profiles as written, and what is left of them once each has what it extends.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::by_class::ByClass;
use super::{DocumentError, Findings};
use crate::content_types::{Accept, ContentClass, ContentTypes, Conversation, MediaType, Profile};
use crate::policy::{ByteSize, Located, Problem, in_order};

/// What a build of a client can receive: what the profile that it extends can, less what is removed, with other sizes,
/// and its own list.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ProfileDocument {
    /// Another profile.
    #[serde(default)]
    pub extends: Option<Located<String>>,
    /// What of that profile is left out.
    #[serde(default)]
    remove: Vec<Located<RemovalDocument>>,
    /// Other largest sizes for what of that profile remains.
    #[serde(default)]
    max_size: ByClass<ByteSize>,
    /// What can be received, the preferred first. It takes the place of what is inherited with the same class,
    /// conversation and type; what is new comes behind.
    #[serde(default)]
    pub accept: Vec<Located<AcceptDocument>>,
}

/// Whatever fits all that stands here is removed.
#[derive(Debug, Deserialize, JsonSchema)]
struct RemovalDocument {
    #[serde(default)]
    class: Option<ContentClass>,
    /// A media type; without a parameter, it stands for those with one, too.
    #[serde(default, rename = "type")]
    media_type: Option<Located<String>>,
    #[serde(default)]
    conversation: Option<Conversation>,
}

/// One thing that clients can receive.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct AcceptDocument {
    class: ContentClass,
    /// A media type with its parameters, such as `text/plain;charset=utf-8`.
    #[serde(rename = "type")]
    media_type: Located<String>,
    /// The largest that clients take. For encrypted content this is the size before encryption.
    #[serde(default)]
    max_size: Option<ByteSize>,
    /// In which conversations; in the others as well, there is one line for each.
    #[serde(default)]
    pub conversation: Conversation,
}

type Documents = BTreeMap<Located<String>, ProfileDocument>;

/// The profiles in the file's order; `None` if any is wrong.
pub(super) fn build(documents: &Documents, findings: &mut Findings<'_>) -> Option<Vec<Profile>> {
    let mut profiles = Profiles { documents, built: BTreeMap::new(), findings };
    for (name, _) in in_order(documents) {
        profiles.build(&name.value);
    }
    let Profiles { mut built, .. } = profiles;
    let profile = |name: &Located<String>| {
        let content_types = built.remove(name.value.as_str()).flatten()?;
        Some(Profile { name: name.value.clone(), content_types })
    };
    in_order(documents).into_iter().map(|(name, _)| name).map(profile).collect()
}

struct Profiles<'d, 'f, 'w> {
    documents: &'d Documents,
    /// `None` is a profile that is wrong.
    built: BTreeMap<&'d str, Option<ContentTypes>>,
    findings: &'f mut Findings<'w>,
}

impl<'d> Profiles<'d, '_, '_> {
    /// Builds a profile and those that it extends, from the outermost of them inwards.
    fn build(&mut self, name: &'d str) {
        let mut inherited = Some(ContentTypes::default());
        let mut chain: Vec<(&Located<String>, &ProfileDocument)> = Vec::new();
        let mut next = self.documents.get_key_value(&Located::built_in(name.to_owned()));
        while let Some((name, document)) = next {
            if let Some(built) = self.built.get(name.value.as_str()) {
                inherited.clone_from(built);
                break;
            }
            chain.push((name, document));
            let Some(extended) = &document.extends else { break };
            if chain.iter().any(|(name, _)| *name == extended) {
                self.findings.problem(extended.at, &DocumentError::Cycle);
                inherited = None;
                break;
            }
            next = self.documents.get_key_value(extended);
            if next.is_none() {
                let known = self.documents.keys().map(|name| name.value.as_str());
                let problem = Problem::unknown_reference(extended.at, &extended.value, "profile", known);
                self.findings.problems.push(problem);
                inherited = None;
            }
        }
        for (name, document) in chain.into_iter().rev() {
            inherited = self.extend(inherited, name, document);
            self.built.insert(&name.value, inherited.clone());
        }
    }

    /// What a profile makes of what it inherits. What is wrong in it is told even if nothing can be inherited.
    fn extend(
        &mut self,
        inherited: Option<ContentTypes>,
        name: &Located<String>,
        document: &ProfileDocument,
    ) -> Option<ContentTypes> {
        let removals: Vec<_> =
            document.remove.iter().map(|removal| removal.value.build(self.findings)).collect();
        let own = self.own(&document.accept);
        let mut content_types = inherited?;
        for (removal, document) in removals.into_iter().zip(&document.remove) {
            let removal = removal?;
            if !content_types.remove(|accept| removal.fits(accept)) {
                self.findings.warning(document.at, &DocumentError::RemovesNothing);
            }
        }
        self.limit(&mut content_types, &document.max_size);
        own?.iter().for_each(|accept| content_types.put(accept.clone()));
        if content_types.is_empty() {
            self.findings.problem(name.at, &DocumentError::EmptyProfile);
            return None;
        }
        Some(content_types)
    }

    fn limit(&mut self, content_types: &mut ContentTypes, sizes: &ByClass<ByteSize>) {
        for (key, class, size) in sizes.iter() {
            let is_meant = |other| class.map_or(!sizes.names(other), |class| class == other);
            let limited = content_types.limit(is_meant, size.bytes());
            if !limited {
                self.findings.warning(key.at, &DocumentError::LimitsNothing);
            }
        }
    }

    /// A profile's own list.
    fn own(&mut self, documents: &[Located<AcceptDocument>]) -> Option<ContentTypes> {
        let mut own = ContentTypes::default();
        let mut all_are_right = true;
        for Located { value: AcceptDocument { class, media_type, max_size, conversation }, .. } in documents {
            let parsed = self.findings.checked(media_type.at, MediaType::parse(&media_type.value));
            let added = parsed.and_then(|parsed| {
                let accept = Accept {
                    class: *class,
                    conversation: *conversation,
                    media_type: parsed,
                    max_size: max_size.map(ByteSize::bytes),
                };
                self.findings.checked(media_type.at, own.push(accept))
            });
            all_are_right &= added.is_some();
        }
        all_are_right.then_some(own)
    }
}

struct Removal {
    class: Option<ContentClass>,
    media_type: Option<MediaType>,
    conversation: Option<Conversation>,
}

impl RemovalDocument {
    fn build(&self, findings: &mut Findings<'_>) -> Option<Removal> {
        let media_type = match &self.media_type {
            Some(text) => Some(findings.checked(text.at, MediaType::parse(&text.value))?),
            None => None,
        };
        Some(Removal { class: self.class, media_type, conversation: self.conversation })
    }
}

impl Removal {
    fn fits(&self, accept: &Accept) -> bool {
        self.class.is_none_or(|class| class == accept.class)
            && self.conversation.is_none_or(|conversation| conversation == accept.conversation)
            && self.media_type.as_ref().is_none_or(|media_type| media_type.accepts(&accept.media_type))
    }
}
