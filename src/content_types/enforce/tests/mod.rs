//! Enforcement, with a dialect and a policy that use every kind of rule.

mod hostile;
mod properties;
mod rules;

use std::sync::Arc;

use super::*;
use crate::content_types::{
    Accept, Action, Carriers, ClassRule, ContentClass, ContentRule, Conversation, Enforcement,
    EnforcementRule, ExpandedName, FallbackText, ListWords, MediaType, Profile, Reason, Selection, Source,
    TypeRule,
};
use crate::framing::{Decoded, FrameDecoder, Limits};
use crate::stanza::vocabulary;

const LONGEST: usize = 2 << 20;

fn name(namespace: &str, name: &str) -> ExpandedName {
    ExpandedName { namespace: namespace.to_owned(), name: name.to_owned() }
}

fn source(path: &[(&str, &str)], attribute: Option<&str>) -> Source {
    let path = path.iter().map(|(namespace, local)| name(namespace, local)).collect();
    Source { path, attribute: attribute.map(str::to_owned) }
}

fn media_type(text: &str) -> MediaType {
    MediaType::parse(text).expect("a media type")
}

fn rule(element: ExpandedName, class: ClassRule) -> ContentRule {
    ContentRule { element, class, media_type: None, size: None, echo: None }
}

fn contents() -> Vec<ContentRule> {
    let words =
        [("image", ContentClass::Image), ("video", ContentClass::Video), ("file", ContentClass::File)];
    let kinds = [("image", ContentClass::Image), ("audio/ogg", ContentClass::Voice)];
    let of = |pairs: &[(&str, ContentClass)]| {
        pairs.iter().map(|(word, class)| ((*word).to_owned(), *class)).collect::<Vec<_>>()
    };
    let by_word = |attribute| ClassRule::Word { source: source(&[], Some(attribute)), words: of(&words) };
    let in_file = |local| source(&[("urn:files", "file"), ("urn:files", local)], None);
    vec![
        rule(name("urn:secret", "encrypted"), ClassRule::Opaque),
        rule(name("urn:media", "media"), by_word("class")),
        rule(name("urn:media", "media"), by_word("kind")),
        ContentRule {
            media_type: Some(TypeRule::Read(in_file("type"))),
            size: Some(in_file("size")),
            echo: Some(source(&[("urn:files", "url")], Some("at"))),
            ..rule(
                name("urn:files", "share"),
                ClassRule::Type { kinds: of(&kinds), otherwise: ContentClass::File },
            )
        },
        ContentRule {
            size: Some(source(&[], Some("size"))),
            ..rule(name("urn:sticker", "sticker"), ClassRule::Fixed(ContentClass::Image))
        },
        rule(name("urn:reactions", "reactions"), ClassRule::Fixed(ContentClass::Reaction)),
        rule(name("urn:call", "propose"), ClassRule::Fixed(ContentClass::VoiceCall)),
        ContentRule {
            media_type: Some(TypeRule::Fixed(media_type("text/plain"))),
            ..rule(name("jabber:client", "body"), ClassRule::Fixed(ContentClass::Text))
        },
    ]
}

fn dialect() -> Dialect {
    let word = || "w".to_owned();
    let path = |first: (&str, &str)| {
        vec![name(first.0, first.1), name("urn:forward", "forwarded"), name("jabber:client", "message")]
    };
    Dialect {
        list: ListWords {
            namespace: "urn:list".to_owned(),
            list: word(),
            item: word(),
            class: word(),
            media_type: word(),
            max_size: word(),
            conversation: None,
        },
        disco: None,
        contents: contents(),
        wrappers: vec![path(("urn:carbons", "sent")), path(("urn:archive", "result"))],
        requests: vec![name("urn:receipts", "request"), name("urn:markers", "markable")],
        features: Vec::new(),
    }
}

/// Text everywhere; to pairs also JPEG images of 1,000 bytes and reactions.
fn profile() -> ContentTypes {
    let mut profile = ContentTypes::default();
    let group = Conversation::Group;
    for (class, conversation, text, max_size) in [
        (ContentClass::Text, Conversation::OneToOne, "text/plain", None),
        (ContentClass::Text, group, "text/plain", None),
        (ContentClass::Image, Conversation::OneToOne, "image/jpeg", Some(1000)),
        (ContentClass::Reaction, Conversation::OneToOne, "text/plain", None),
    ] {
        let accept = Accept { class, conversation, media_type: media_type(text), max_size };
        profile.push(accept).expect("not there yet");
    }
    profile
}

/// Files pass, video and what is too large is withheld, a text stands for all others.
fn policy() -> ContentTypesPolicy {
    let rule = |class, because, action| EnforcementRule {
        class,
        conversation: None,
        media_type: None,
        because,
        action,
    };
    let text = |language: &str, class, text: &str| FallbackText {
        language: language.to_owned(),
        class,
        text: text.to_owned(),
    };
    ContentTypesPolicy {
        dialect: dialect(),
        carriers: Carriers::default(),
        profiles: vec![Profile { name: "default".to_owned(), content_types: profile() }],
        selection: Selection { cases: Vec::new(), default: 0 },
        seeds: Vec::new(),
        enforcement: Enforcement {
            rules: vec![
                rule(Some(ContentClass::File), None, Action::Pass),
                rule(Some(ContentClass::Video), None, Action::Withhold),
                rule(None, Some(Reason::Size), Action::Withhold),
            ],
            otherwise: Action::Fallback,
            texts: vec![
                text("en", None, "not shown"),
                text("en", Some(ContentClass::Voice), "a <voice>]]> message"),
                text("de", None, "nicht gezeigt"),
            ],
        },
    }
}

/// What stands in the place of an image, and of a voice message.
const TEXT: &str = "<body xmlns='jabber:client'>not shown</body><body xmlns='jabber:client' xml:lang='de'>nicht gezeigt</body>";
const VOICE: &str = "<body xmlns='jabber:client'>a &lt;voice&gt;]]&gt; message</body><body xmlns='jabber:client' xml:lang='de'>nicht gezeigt</body>";

fn mark(namespace: &str) -> String {
    format!("<fallback xmlns='urn:xmpp:fallback:0' for='{namespace}'><body/></fallback>")
}

/// A gate that knows the dialect's names.
fn gate_vocabulary(dialect: &Dialect) -> Vocabulary {
    let elements = dialect.contents.iter().map(|rule| &rule.element);
    let names = elements.chain(dialect.wrappers.iter().map(|path| &path[0]));
    let names: Vec<_> = names.map(|name| (name.namespace.as_str(), name.name.as_str())).collect();
    vocabulary(&[], &names)
}

fn enforcer_of(policy: &ContentTypesPolicy) -> Enforcer {
    Enforcer::new(policy, &policy.profiles[0].content_types, &gate_vocabulary(&policy.dialect))
}

/// One that knows no names by the outline, so that it reads every message.
fn reader_of(policy: &ContentTypesPolicy) -> Enforcer {
    Enforcer::new(policy, &policy.profiles[0].content_types, &vocabulary(&[], &[]))
}

/// Shows `stanza` as a frame of a stream with XMPP's usual header.
fn with_frame<R>(dialect: &Dialect, stanza: &str, see: impl FnOnce(&Frame<'_>) -> R) -> R {
    const HEADER: &[u8] =
        b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    let limits = Limits {
        stanza_bytes: LONGEST,
        header_bytes: 10_000,
        depth: 64,
        attributes: 64,
        namespaces: 32,
        elements: 65_536,
    };
    let mut gate = FrameDecoder::new(Arc::new(gate_vocabulary(dialect)), limits);
    gate.decode(HEADER).expect("a header");
    match gate.decode(stanza.as_bytes()) {
        Ok((_, Some(Decoded::Frame(frame)))) => see(&frame),
        other => panic!("the gate refuses {stanza}: {:?}", other.err()),
    }
}

/// A stanza after enforcement, and what was counted. Reading it whole leads to the same as its outline.
fn enforced_by(policy: &ContentTypesPolicy, longest: usize, stanza: &str) -> (String, ContentCounts) {
    with_frame(&policy.dialect, stanza, |frame| {
        let enforce = |enforcer: Enforcer| {
            let mut counts = ContentCounts::default();
            let edit =
                enforcer.enforce(frame, true, longest, &mut counts).expect("a frame that can be parsed");
            let mut out = Vec::new();
            edit.unwrap_or_default().apply(frame.bytes, &mut out);
            frame.verify(&out).expect("the gate passes it");
            (String::from_utf8(out).expect("UTF-8"), counts)
        };
        let enforced = enforce(enforcer_of(policy));
        assert!(enforced == enforce(reader_of(policy)), "the outline leads to something else");
        enforced
    })
}

fn enforced(stanza: &str) -> String {
    enforced_by(&policy(), LONGEST, stanza).0
}

/// Inside of a message of this type.
fn message(type_: &str, children: &str) -> String {
    format!("<message from='a@b/c' type='{type_}' id='1'>{children}</message>")
}

fn chat(children: &str) -> String {
    message("chat", children)
}

/// `{class: [received, unadvertised, replaced, withheld]}` of the classes that were counted.
fn counted(counts: &ContentCounts) -> Vec<(&'static str, [u32; 4])> {
    let row = |class: ContentClass| {
        let at = class as usize;
        let sum = |counts: &[[u32; ContentClass::ALL.len()]; 2]| counts.iter().map(|of| of[at]).sum();
        let row = [&counts.received, &counts.unadvertised, &counts.replaced, &counts.withheld].map(sum);
        (class.name(), row)
    };
    ContentClass::ALL.into_iter().map(row).filter(|(_, row)| *row != [0; 4]).collect()
}
