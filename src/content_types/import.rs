//! What clients can receive, out of lists that others keep: media types as MLS and MIMI list them, and features of
//! service discovery (XEP-0030). What comes out is a profile's `accept`.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::capabilities::features_of;
use super::{
    Accept, ContentClass, Conversation, Dialect, FeatureMeaning, MediaType, MediaTypeError, SeedError,
};

/// What was made of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Each kind of content once.
    pub accepted: Vec<Accept>,
    /// Lines, counted from 1, of which something was left out.
    pub left_out: Vec<(usize, ImportError)>,
}

/// Why something was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    #[error("{0}")]
    MediaType(#[from] MediaTypeError),
    /// Who takes an envelope does not say what may be in it: as `file`, it would promise everything.
    #[error(
        "this type is an envelope around content or a report on messages, and says nothing of the content itself"
    )]
    Envelope,
    #[error("the dialect knows no content for this feature")]
    Feature,
}

/// Types that hold other content, or tell of it (draft-ietf-mimi-content).
const ENVELOPES: [&str; 2] = ["application/mimi-content", "application/mimi-message-status"];

impl Imported {
    /// Reads media types as a client's advertisement in MLS has them: with commas between, on any number of lines. What
    /// comes twice counts once.
    pub fn media_types(text: &str) -> Self {
        let mut imported = Self::default();
        let mut seen = BTreeSet::new();
        for (number, line) in (1..).zip(text.lines()) {
            for item in items(line).map(str::trim).filter(|item| !item.is_empty()) {
                match accept_of(item) {
                    Ok(accept) if seen.insert(accept.media_type.clone()) => imported.accepted.push(accept),
                    Ok(_) => {}
                    Err(error) => imported.left_out.push((number, error)),
                }
            }
        }
        imported
    }

    /// Reads the names of features, each on a line, by what they mean in the dialect. What comes out is in the order of
    /// the dialect, as features have none.
    pub fn features(text: &str, dialect: &Dialect) -> Self {
        let lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty());
        let named: BTreeSet<&str> = lines.clone().map(|(_, line)| line).collect();
        let known: BTreeSet<&str> = dialect.features.iter().map(|meaning| meaning.feature.as_str()).collect();
        let unknown = lines.filter(|(_, line)| !known.contains(line));
        Self {
            accepted: meant(dialect, |feature| named.contains(feature)),
            left_out: unknown.map(|(number, _)| (number, ImportError::Feature)).collect(),
        }
    }

    /// The same from a document with disco#info, which is read as seeds are. It has no lines, and most features in it have
    /// nothing to do with content.
    pub fn disco_info(document: &str, dialect: &Dialect) -> Result<Self, SeedError> {
        let named: BTreeSet<String> = features_of(document.as_bytes())?.into_iter().collect();
        Ok(Self { accepted: meant(dialect, |feature| named.contains(feature)), left_out: Vec::new() })
    }

    /// A profile's `accept` in YAML, after a comment for each line of which something was left out.
    pub fn to_yaml(&self) -> String {
        let mut yaml = String::new();
        for (line, error) in &self.left_out {
            // Writing into a text cannot fail.
            let _ = writeln!(yaml, "# line {line}: left out; {error}");
        }
        if !self.accepted.is_empty() {
            yaml.push_str("accept:\n");
        }
        for Accept { class, conversation, media_type, .. } in &self.accepted {
            let media_type = quoted(&media_type.to_text());
            let _ = write!(yaml, "  - {{ class: {}, type: {media_type}", class.name());
            if *conversation != Conversation::default() {
                let _ = write!(yaml, ", conversation: {}", conversation.name());
            }
            yaml.push_str(" }\n");
        }
        yaml
    }
}

/// What features mean in a dialect, in its order.
fn meant(dialect: &Dialect, is_named: impl Fn(&str) -> bool) -> Vec<Accept> {
    let mut accepted = Vec::new();
    for meaning in dialect.features.iter().filter(|meaning| is_named(&meaning.feature)) {
        let FeatureMeaning { class, conversation, media_type, .. } = meaning.clone();
        let accept = Accept { class, conversation, media_type, max_size: None };
        if !accepted.contains(&accept) {
            accepted.push(accept);
        }
    }
    accepted
}

/// The parts of a line between commas, but for commas inside quotes.
fn items(line: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    line.split(move |character| {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        character == ',' && !is_quoted
    })
}

fn accept_of(text: &str) -> Result<Accept, ImportError> {
    let media_type = MediaType::parse(text)?;
    let class = match media_type.top_level() {
        "multipart" | "message" => return Err(ImportError::Envelope),
        _ if ENVELOPES.contains(&media_type.essence()) => return Err(ImportError::Envelope),
        "text" => ContentClass::Text,
        "image" => ContentClass::Image,
        "audio" => ContentClass::Voice,
        "video" => ContentClass::Video,
        _ => ContentClass::File,
    };
    Ok(Accept { class, conversation: Conversation::OneToOne, media_type, max_size: None })
}

/// A YAML scalar inside a flow mapping, in quotes where it could be read as something else.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/;=+-._".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content_types::{ContentTypesDocument, DialectDocument};
    use crate::policy;

    fn dialect() -> Dialect {
        let text = include_str!("../../policies/dialects/xmpp.yaml");
        policy::load::<DialectDocument>(text).expect("the shipped dialect is valid").value.dialect
    }

    /// What the loader makes of the YAML.
    fn loaded(yaml: &str) -> Vec<Accept> {
        let profile: String = yaml.lines().map(|line| format!("    {line}\n")).collect();
        let text = format!("dialect: d\ndefault: p\nprofiles:\n  p:\n{profile}");
        let file =
            policy::load::<ContentTypesDocument>(&text).expect("the loader takes what was written").value;
        file.profiles[0].content_types.iter().cloned().collect()
    }

    #[test]
    fn media_types_become_what_the_loader_takes() {
        let text = "text/plain;charset=UTF-8, text/markdown;variant=GFM-MIMI\nimage/jpeg,, IMAGE/jpeg\n\
            audio/ogg; codecs=\"opus, 'vorbis' \\\" {x}: #\"; rate=1\nvideo/mp4\napplication/pdf\n";
        let imported = Imported::media_types(text);
        assert_eq!(imported.left_out, []);
        let classes: Vec<_> = imported.accepted.iter().map(|accept| accept.class.name()).collect();
        assert_eq!(classes, ["text", "text", "image", "voice", "video", "file"]);
        assert_eq!(loaded(&imported.to_yaml()), imported.accepted);
    }

    #[test]
    fn what_is_no_media_type_or_an_envelope_is_left_out_and_not_quoted() {
        let text =
            "image/*, secret\n\nimage/png\napplication/mimi-content\nmultipart/mixed\nmessage/rfc822, a/b;c";
        let imported = Imported::media_types(text);
        assert_eq!(imported.accepted.len(), 1);
        let lines: Vec<_> = imported.left_out.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 1, 4, 5, 6, 6]);
        let yaml = imported.to_yaml();
        assert!(!yaml.contains("secret") && yaml.matches("# line").count() == 6, "{yaml}");
    }

    #[test]
    fn features_mean_what_the_dialect_says_in_its_order() {
        let text = "urn:xmpp:reactions:0\nurn:example:other\n\n http://jabber.org/protocol/muc \nurn:xmpp:reactions:0\n";
        let imported = Imported::features(text, &dialect());
        assert_eq!(imported.left_out, [(2, ImportError::Feature)]);
        let entry = |accept: &Accept| (accept.class, accept.conversation);
        let entries: Vec<_> = imported.accepted.iter().map(entry).collect();
        let expected =
            [(ContentClass::Text, Conversation::Group), (ContentClass::Reaction, Conversation::OneToOne)];
        assert_eq!(entries, expected);
        assert_eq!(loaded(&imported.to_yaml()), imported.accepted);
    }

    #[test]
    fn a_document_with_disco_info_is_read_as_seeds_are() {
        let document = "<iq><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:reactions:0'/>\
            <feature var='urn:example:other'/></query></iq>";
        let imported = Imported::disco_info(document, &dialect()).expect("a document");
        assert_eq!(
            imported,
            Imported { left_out: Vec::new(), ..Imported::features("urn:xmpp:reactions:0", &dialect()) }
        );
        assert_eq!(Imported::disco_info("<iq/>", &dialect()), Err(SeedError::NoQuery));
        assert!(matches!(Imported::disco_info("<iq>&evil;</iq>", &dialect()), Err(SeedError::Xml(_))));
    }
}
