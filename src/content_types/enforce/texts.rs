//! The texts that take the place of content, as they stand on the wire.

use std::collections::BTreeSet;

use super::judge::Judge;
use crate::content_types::{Action, ContentClass, ContentRule, Conversation, Dialect, FallbackText};
use crate::stanza::namespace::{CLIENT, FALLBACK};
use crate::stanza::write_escaped;

/// The bodies for each class; empty if there is no text for it. They declare their own default namespace, so that they
/// mean the same below any prefixes.
pub(super) struct Texts {
    bodies: [Vec<u8>; ContentClass::ALL.len()],
    /// By conversation: whether the client can receive a body.
    shown: [bool; Conversation::ALL.len()],
}

impl Texts {
    pub fn new(texts: &[FallbackText], dialect: &Dialect, judge: &Judge) -> Self {
        Self {
            bodies: ContentClass::ALL.map(|class| write_bodies(texts, class)),
            shown: Conversation::ALL.map(|conversation| passes_bodies(dialect, judge, conversation)),
        }
    }

    /// What takes the place of contents in these namespaces, of which the first is of `class`: its bodies, marked as a
    /// fallback for all of them (XEP-0428, 3). `None` if there is no text, or if the client cannot receive it.
    pub fn write(
        &self,
        class: ContentClass,
        conversation: Conversation,
        namespaces: &BTreeSet<&str>,
    ) -> Option<Vec<u8>> {
        let bodies = &self.bodies[class as usize];
        if bodies.is_empty() || !self.shown[conversation as usize] {
            return None;
        }
        let mut out = bodies.clone();
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

/// One body for each language. The first names none, as clients that find no body in their own language show the one
/// without (RFC 6121, 5.2.3).
fn write_bodies(texts: &[FallbackText], class: ContentClass) -> Vec<u8> {
    let mut out = Vec::new();
    let mut languages = BTreeSet::new();
    for text in texts {
        if !languages.insert(&text.language) {
            continue;
        }
        let same_language = || texts.iter().filter(|other| other.language == text.language);
        let for_class = same_language().find(|text| text.class == Some(class));
        let Some(text) = for_class.or_else(|| same_language().find(|text| text.class.is_none())) else {
            continue;
        };
        let is_first = out.is_empty();
        out.extend_from_slice(format!("<body xmlns='{CLIENT}'").as_bytes());
        if !is_first {
            out.extend_from_slice(b" xml:lang='");
            write_escaped(&text.language, &mut out);
            out.push(b'\'');
        }
        out.push(b'>');
        write_escaped(&text.text, &mut out);
        out.extend_from_slice(b"</body>");
    }
    out
}
