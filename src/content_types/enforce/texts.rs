//! The texts that take the place of content, as they stand on the wire.

use std::collections::BTreeSet;

use super::judge::Judge;
use crate::content_types::{Action, ContentClass, ContentRule, Conversation, Dialect, FallbackText};
use crate::stanza::namespace::{CLIENT, FALLBACK};
use crate::stanza::write_escaped;

/// The bodies for each class; empty if there is no text for it.
pub(super) struct Texts {
    bodies: [Vec<Body>; ContentClass::ALL.len()],
    /// By conversation: whether the client can receive a body.
    shown: [bool; Conversation::ALL.len()],
}

/// A text in one language, escaped.
struct Body {
    language: String,
    text: Vec<u8>,
}

impl Texts {
    pub fn new(texts: &[FallbackText], dialect: &Dialect, judge: &Judge) -> Self {
        Self {
            bodies: ContentClass::ALL.map(|class| bodies_for(texts, class)),
            shown: Conversation::ALL.map(|conversation| passes_bodies(dialect, judge, conversation)),
        }
    }

    /// What takes the place of contents in these namespaces, of which the first is of `class`: its bodies, marked as a
    /// fallback for all of them (XEP-0428, 3). `None` if there is no text, or if the client cannot receive it.
    /// `language` is the message's (`xml:lang`).
    pub fn write(
        &self,
        class: ContentClass,
        conversation: Conversation,
        language: Option<&str>,
        namespaces: &BTreeSet<&str>,
    ) -> Option<Vec<u8>> {
        let bodies = &self.bodies[class as usize];
        if bodies.is_empty() || !self.shown[conversation as usize] {
            return None;
        }
        let mut out = Vec::new();
        write_bodies(bodies, language, &mut out);
        for namespace in namespaces {
            out.extend_from_slice(format!("<fallback xmlns='{FALLBACK}' for='").as_bytes());
            write_escaped(namespace, &mut out);
            out.extend_from_slice(b"'><body/></fallback>");
        }
        Some(out)
    }
}

/// Whether a body of ours would pass in turn: else the client would be sent what it cannot receive. One that has to be
/// read to be judged is taken for one that would not.
fn passes_bodies(dialect: &Dialect, judge: &Judge, conversation: Conversation) -> bool {
    let is_for_bodies = |rule: &&ContentRule| rule.element.namespace == CLIENT && rule.element.name == "body";
    dialect.contents.iter().find(is_for_bodies).is_none_or(|rule| {
        let verdict = judge.judge_unread(rule, conversation);
        verdict.is_some_and(|(_, verdict)| verdict.action == Action::Pass)
    })
}

/// The text of each language for a class, in the policy's order.
fn bodies_for(texts: &[FallbackText], class: ContentClass) -> Vec<Body> {
    let mut languages = BTreeSet::new();
    let first_of_language = texts.iter().filter(|text| languages.insert(&text.language));
    let body = |first: &FallbackText| {
        let same_language = || texts.iter().filter(|other| other.language == first.language);
        let for_class = same_language().find(|text| text.class == Some(class));
        let chosen = for_class.or_else(|| same_language().find(|text| text.class.is_none()))?;
        let mut text = Vec::new();
        write_escaped(&chosen.text, &mut text);
        Some(Body { language: chosen.language.clone(), text })
    };
    first_of_language.filter_map(body).collect()
}

/// One body for each language, that of the message first. The first names none and so has the message's: clients that
/// find no body in their own language show the one without, and no language may come twice (RFC 6121, 5.2.3). Each
/// declares its default namespace, so that it means the same below any prefixes.
fn write_bodies(bodies: &[Body], language: Option<&str>, out: &mut Vec<u8>) {
    let is_of_message = |body: &Body| language.is_some_and(|own| body.language.eq_ignore_ascii_case(own));
    let first = bodies.iter().position(is_of_message).unwrap_or(0);
    let others =
        bodies.iter().enumerate().filter(|(place, _)| *place != first).map(|(_, body)| (false, body));
    let all = bodies.get(first).map(|body| (true, body)).into_iter().chain(others);
    for (is_first, body) in all {
        out.extend_from_slice(format!("<body xmlns='{CLIENT}'").as_bytes());
        if !is_first {
            out.extend_from_slice(b" xml:lang='");
            write_escaped(&body.language, out);
            out.push(b'\'');
        }
        out.push(b'>');
        out.extend_from_slice(&body.text);
        out.extend_from_slice(b"</body>");
    }
}
