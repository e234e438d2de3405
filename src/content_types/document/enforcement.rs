//! What becomes of content that a client was not said to receive, as written.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::by_class::ByClass;
use super::{DocumentError, Findings};
use crate::content_types::{
    Action, ContentClass, Conversation, Enforcement, EnforcementRule, FallbackText, MediaType, Profile,
    Reason,
};
use crate::framing;
use crate::policy::{Located, Position, in_order};

/// Characters of a text. Texts are held ready for every class in every language, and each becomes a part of a stanza.
pub(super) const LONGEST_TEXT: usize = 1024;

/// Languages of texts: a replaced content gets all of them.
pub(super) const MOST_LANGUAGES: usize = 64;

/// What becomes of content that a client cannot receive by its profile.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct EnforcementDocument {
    /// The first that fits holds.
    rules: Vec<Located<RuleDocument>>,
    /// What holds if no rule fits.
    otherwise: Located<Action>,
    /// What stands in the place of content, by language (`xml:lang`). The first language comes first in the
    /// message, unless the message names another one of them.
    texts: BTreeMap<Located<String>, Located<ByClass<Located<String>>>>,
}

/// What becomes of content that fits all that stands here.
#[derive(Debug, Deserialize, JsonSchema)]
struct RuleDocument {
    #[serde(default)]
    class: Option<ContentClass>,
    /// A media type; without a parameter, it stands for those with one, too.
    #[serde(default, rename = "type")]
    media_type: Option<Located<String>>,
    #[serde(default)]
    conversation: Option<Conversation>,
    /// Why it cannot be received.
    #[serde(default)]
    because: Option<Reason>,
    then: Located<Action>,
}

impl Default for EnforcementDocument {
    fn default() -> Self {
        Self { rules: Vec::new(), otherwise: Located::built_in(Action::Pass), texts: BTreeMap::new() }
    }
}

impl EnforcementDocument {
    /// `profiles` are `None` if they are wrong themselves.
    pub fn build(&self, profiles: Option<&[Profile]>, findings: &mut Findings<'_>) -> Enforcement {
        let rules =
            self.rules.iter().filter_map(|rule| rule.value.build(findings).map(|built| (rule.at, built)));
        let rules: Vec<_> = rules.collect();
        warn_of_rules_that_never_hold(&rules, findings);
        let rules = rules.into_iter().map(|(_, rule)| rule).collect();
        let texts = self.texts(findings);
        self.check_fallbacks(profiles.unwrap_or_default(), findings);
        Enforcement { rules, otherwise: self.otherwise.value, texts }
    }

    /// A fallback needs a text, and somebody who can receive it.
    fn check_fallbacks(&self, profiles: &[Profile], findings: &mut Findings<'_>) {
        let rules = self.rules.iter().map(|rule| (&rule.value.then, rule.value.conversation));
        let all = rules.chain([(&self.otherwise, None)]);
        for (number, (action, conversation)) in all.enumerate() {
            if action.value != Action::Fallback {
                continue;
            }
            if self.texts.is_empty() {
                findings.problem(action.at, &DocumentError::FallbackWithoutTexts);
            }
            let earlier = &self.rules[..number];
            let mut reached = Conversation::ALL.into_iter().filter(|reached| {
                conversation.is_none_or(|only| only == *reached)
                    && !earlier.iter().any(|rule| rule.value.takes_all_of(*reached))
            });
            let is_unreadable = |profile, conversation| {
                !receives_text(profile, conversation) && !takes_silent(earlier, profile, conversation)
            };
            if reached.any(|conversation| profiles.iter().any(|profile| is_unreadable(profile, conversation)))
            {
                findings.problem(action.at, &DocumentError::FallbackCannotBeRead);
            }
        }
    }

    fn texts(&self, findings: &mut Findings<'_>) -> Vec<FallbackText> {
        let mut texts = Vec::new();
        self.check_languages(findings);
        for (language, of_language) in in_order(&self.texts) {
            if !of_language.value.has_any() {
                findings.problem(of_language.at, &DocumentError::NoTextForAny);
            }
            for (_, class, text) in of_language.value.iter() {
                if text.value.trim().is_empty() || !framing::is_text(&text.value) {
                    findings.problem(text.at, &DocumentError::Text);
                } else if text.value.chars().count() > LONGEST_TEXT {
                    findings.problem(text.at, &DocumentError::LongText);
                }
                let text = text.value.clone();
                texts.push(FallbackText { language: language.value.clone(), class, text });
            }
        }
        texts
    }

    fn check_languages(&self, findings: &mut Findings<'_>) {
        let mut languages = BTreeSet::new();
        for (number, (language, _)) in in_order(&self.texts).into_iter().enumerate() {
            if !is_language_tag(&language.value) {
                findings.problem(language.at, &DocumentError::Language);
            } else if !languages.insert(language.value.to_ascii_lowercase()) {
                findings.problem(language.at, &DocumentError::DuplicateLanguage);
            }
            if number == MOST_LANGUAGES {
                findings.problem(language.at, &DocumentError::TooManyLanguages);
            }
        }
    }
}

impl RuleDocument {
    fn build(&self, findings: &mut Findings<'_>) -> Option<EnforcementRule> {
        let media_type = match &self.media_type {
            Some(text) => Some(findings.checked(text.at, MediaType::parse(&text.value))?),
            None => None,
        };
        Some(EnforcementRule {
            class: self.class,
            conversation: self.conversation,
            media_type,
            because: self.because,
            action: self.then.value,
        })
    }

    /// Whether no later rule is asked about content of such conversations.
    fn takes_all_of(&self, conversation: Conversation) -> bool {
        self.because.is_none() && self.takes_any_in(conversation)
    }

    /// Whether no later rule is asked about content of such conversations that is not received for this reason.
    fn takes_all_because(&self, reason: Reason, conversation: Conversation) -> bool {
        self.because.is_none_or(|because| because.fits(reason)) && self.takes_any_in(conversation)
    }

    fn takes_any_in(&self, conversation: Conversation) -> bool {
        self.class.is_none()
            && self.media_type.is_none()
            && self.conversation.is_none_or(|only| only == conversation)
    }
}

fn warn_of_rules_that_never_hold(rules: &[(Position, EnforcementRule)], findings: &mut Findings<'_>) {
    for (index, (at, rule)) in rules.iter().enumerate() {
        if rules[..index].iter().any(|(_, earlier)| covers(earlier, rule)) {
            findings.warning(*at, &DocumentError::NeverHolds);
        }
    }
}

/// Whether all that a later rule fits is taken by an earlier one.
fn covers(earlier: &EnforcementRule, later: &EnforcementRule) -> bool {
    let takes_type = |earlier: &MediaType, later: &MediaType| {
        // A type that accepts another need not accept all that the other one does: plain text in US-ASCII accepts plain
        // text that names no charset, but not plain text in UTF-8, which the latter accepts.
        earlier == later || earlier.to_text() == later.essence()
    };
    earlier.class.is_none_or(|class| later.class == Some(class))
        && earlier.conversation.is_none_or(|conversation| later.conversation == Some(conversation))
        && earlier.because.is_none_or(|because| later.because.is_some_and(|later| because.fits(later)))
        && earlier.media_type.as_ref().is_none_or(|media_type| {
            later.media_type.as_ref().is_some_and(|later| takes_type(media_type, later))
        })
}

/// Whether an earlier rule is for all who receive nothing at all in such a conversation, and this profile is one of these.
fn takes_silent(earlier: &[Located<RuleDocument>], profile: &Profile, conversation: Conversation) -> bool {
    let receives_any = profile.content_types.iter().any(|accept| accept.conversation == conversation);
    !receives_any
        && earlier.iter().any(|rule| rule.value.takes_all_because(Reason::Conversation, conversation))
}

fn receives_text(profile: &Profile, conversation: Conversation) -> bool {
    let text = MediaType::parse("text/plain;charset=utf-8").ok();
    profile.content_types.judge(ContentClass::Text, conversation, text.as_ref(), None).is_ok()
}

/// The form of a language tag (RFC 5646, 2.1), without what begins with a single letter: a language of letters, then
/// parts of up to eight letters and digits.
fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_language =
        |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_part =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    parts.next().is_some_and(is_language) && parts.all(is_part)
}
