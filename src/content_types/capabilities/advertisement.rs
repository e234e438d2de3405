//! What a profile adds to a client's disco#info, as bytes on the wire and as a change of the set that they make.

use std::ops::Range;

use super::disco_info::{DiscoInfo, FORM_TYPE, Field, Form, text};
use super::hash::Algorithm;
use crate::content_types::{Accept, ContentClass, ContentTypes, Conversation, DiscoWords};
use crate::stanza::namespace::{DATA_FORMS, DISCO_INFO};
use crate::stanza::{Edit, Element, Tree, write_escaped};

/// A profile in the words of service discovery.
///
/// Each class that can be received is a feature, `PREFIX` and the class's key: its name, with `group/` before it for
/// what is received in groups. One form (XEP-0128) holds the rest: under each key the media types, and
/// under `KEY#max-size` a line `BYTES TYPE` for each type that has a largest size.
///
/// ```xml
/// <feature xmlns='http://jabber.org/protocol/disco#info' var='urn:example:content:image'/>
/// <x xmlns='jabber:x:data' type='result'>
///   <field var='FORM_TYPE' type='hidden'><value>urn:example:content</value></field>
///   <field var='image' type='list-multi'><value>image/jpeg</value></field>
///   <field var='image#max-size' type='list-multi'><value>16777216 image/jpeg</value></field>
/// </x>
/// ```
///
/// What a client itself says by such features and in such a form is taken out. So the prefix must not be empty.
#[derive(Clone, PartialEq, Eq)]
pub struct DiscoAdvertisement {
    words: DiscoWords,
    features: Vec<String>,
    /// In the order on the wire, without FORM_TYPE.
    fields: Vec<(String, Vec<String>)>,
    /// All of it as it stands on the wire. It declares its own namespaces, so that it means the same below any prefixes.
    bytes: Vec<u8>,
    fingerprint: Fingerprint,
}

/// Tells advertisements apart, also those of an earlier configuration.
pub(super) type Fingerprint = [u8; 16];

impl DiscoAdvertisement {
    pub fn new(content_types: &ContentTypes, words: &DiscoWords) -> Self {
        let (mut features, mut fields) = (Vec::new(), Vec::new());
        for conversation in Conversation::ALL {
            for class in ContentClass::ALL {
                let of_the_class =
                    |accept: &&Accept| accept.class == class && accept.conversation == conversation;
                let accepted: Vec<_> = content_types.iter().filter(of_the_class).collect();
                if !accepted.is_empty() {
                    let key = key(class, conversation);
                    features.push(format!("{}{key}", words.feature_prefix));
                    push_fields(&key, &accepted, &mut fields);
                }
            }
        }
        let bytes = write(words, &features, &fields);
        let mut fingerprint = Fingerprint::default();
        let digest = Algorithm::Sha256.digest(&[words.feature_prefix.as_bytes(), b"\0", &bytes].concat());
        fingerprint.copy_from_slice(&digest.as_bytes()[..size_of::<Fingerprint>()]);
        Self { words: words.clone(), features, fields, bytes, fingerprint }
    }

    /// What is inserted into an answer: by so many bytes it can grow, besides the end tag of an element that was empty.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether words of ours stand in a client's set, which the edit takes out.
    pub(super) fn takes_from(&self, info: &DiscoInfo) -> bool {
        info.features.iter().any(|feature| self.is_own_feature(feature))
            || info.forms.iter().any(|form| form.form_type == self.words.form_type)
    }

    /// The set that a client's set becomes by [`edit_query`](Self::edit_query).
    pub(super) fn applied_to(&self, info: &DiscoInfo) -> DiscoInfo {
        let mut info = info.clone();
        info.features.retain(|feature| !self.is_own_feature(feature));
        info.forms.retain(|form| form.form_type != self.words.form_type);
        info.features.extend(self.features.iter().cloned());
        let field = |(var, values): &(String, Vec<String>)| {
            let mut values = values.clone();
            values.sort_unstable();
            Field { var: var.clone(), values }
        };
        let mut fields: Vec<_> = self.fields.iter().map(field).collect();
        fields.sort_unstable();
        info.forms.push(Form { form_type: self.words.form_type.clone(), fields });
        info.sort();
        info
    }

    /// Takes the client's own words out of an answer's query. Returns what adds the advertisement as its last children;
    /// `None` if it stands there already, and nothing else of ours.
    pub(super) fn edit_query(
        &self,
        frame: &[u8],
        tree: &Tree<'_>,
        query: &Element<'_>,
        edit: &mut Edit,
    ) -> Option<Edit> {
        let own: Vec<_> = tree
            .children_of(query)
            .filter(|child| self.is_own(frame, tree, child))
            .map(|child| child.range.clone())
            .collect();
        if self.stands_already(frame, query, &own) {
            return None;
        }
        for range in own {
            edit.remove_element(frame, range);
        }
        let mut insertion = Edit::default();
        match &query.content {
            Some(content) => insertion.insert(content.end, self.bytes.as_slice()),
            None => {
                let name = query.qualified_name.as_bytes();
                let end = query.start_tag.end;
                let opened = [b">", self.bytes.as_slice(), b"</", name, b">"].concat();
                insertion.replace(end - b"/>".len()..end, opened);
            }
        }
        Some(insertion)
    }

    /// Whether the query ends with the advertisement, and no other words of ours stand in it.
    fn stands_already(&self, frame: &[u8], query: &Element<'_>, own: &[Range<usize>]) -> bool {
        let (Some(content), Some(first)) = (&query.content, own.first()) else { return false };
        content.end.checked_sub(self.bytes.len()) == Some(first.start)
            && frame.get(first.start..content.end) == Some(self.bytes.as_slice())
    }

    fn is_own_feature(&self, var: &str) -> bool {
        var.starts_with(&self.words.feature_prefix)
    }

    fn is_own(&self, frame: &[u8], tree: &Tree<'_>, element: &Element<'_>) -> bool {
        if element.is(DISCO_INFO, "feature") {
            return element.value("var").is_some_and(|var| self.is_own_feature(var));
        }
        element.is(DATA_FORMS, "x")
            && tree
                .children_of(element)
                .filter(|field| field.is(DATA_FORMS, "field") && field.value("var") == Some(FORM_TYPE))
                .flat_map(|field| tree.children_of(field))
                .any(|value| {
                    value.is(DATA_FORMS, "value")
                        && text(frame, value).is_some_and(|text| text == self.words.form_type)
                })
    }
}

/// What stands for a class, in features and fields.
fn key(class: ContentClass, conversation: Conversation) -> String {
    match conversation {
        Conversation::OneToOne => class.name().to_owned(),
        Conversation::Group => format!("{}/{}", conversation.name(), class.name()),
    }
}

/// The field of a class's media types, and that of their sizes if any has one. A form's values have no order; they are
/// sorted, as not everybody who verifies a hash does that.
fn push_fields(key: &str, accepted: &[&Accept], fields: &mut Vec<(String, Vec<String>)>) {
    let size = |accept: &&Accept| Some(format!("{} {}", accept.max_size?, accept.media_type.to_text()));
    let mut types: Vec<_> = accepted.iter().map(|accept| accept.media_type.to_text()).collect();
    let mut sizes: Vec<_> = accepted.iter().filter_map(size).collect();
    types.sort_unstable();
    sizes.sort_unstable();
    fields.push((key.to_owned(), types));
    if !sizes.is_empty() {
        fields.push((format!("{key}#max-size"), sizes));
    }
}

fn write(words: &DiscoWords, features: &[String], fields: &[(String, Vec<String>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for feature in features {
        out.extend_from_slice(format!("<feature xmlns='{DISCO_INFO}' var='").as_bytes());
        write_escaped(feature, &mut out);
        out.extend_from_slice(b"'/>");
    }
    out.extend_from_slice(format!("<x xmlns='{DATA_FORMS}' type='result'>").as_bytes());
    write_field(FORM_TYPE, "hidden", std::slice::from_ref(&words.form_type), &mut out);
    for (var, values) in fields {
        write_field(var, "list-multi", values, &mut out);
    }
    out.extend_from_slice(b"</x>");
    out
}

fn write_field(var: &str, type_: &str, values: &[String], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("<field var='{var}' type='{type_}'>").as_bytes());
    for value in values {
        out.extend_from_slice(b"<value>");
        write_escaped(value, out);
        out.extend_from_slice(b"</value>");
    }
    out.extend_from_slice(b"</field>");
}
