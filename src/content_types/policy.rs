//! A content-type policy with its dialect: valid by construction, shared by all sessions of its hosts.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ContentClass, ContentTypes, Conversation, Dialect, MediaType, Selection};

/// What the clients of a host can receive, how the gatekeeper is told, and what becomes of anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentTypesPolicy {
    pub dialect: Dialect,
    pub carriers: Carriers,
    /// At least one; [`Selection`] names them by their positions.
    pub profiles: Vec<Profile>,
    pub selection: Selection,
    pub enforcement: Enforcement,
    /// For the carrier `disco`: what the files with the disco#info of known builds hold.
    pub seeds: Vec<String>,
}

/// What one build of a client can receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub content_types: ContentTypes,
}

/// Where the advertisement stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// In the client's bind request: resource binding (RFC 6120, 7) or Bind 2 (XEP-0386).
    Bind,
    /// In the client's available presence that is not directed. The client's contacts see it.
    Presence,
    /// In the client's service discovery (XEP-0030), with its entity capabilities made true (XEP-0115, XEP-0390).
    Disco,
}

/// The carriers that a policy uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carriers {
    pub bind: bool,
    pub presence: bool,
    pub disco: bool,
}

/// What becomes of content that the client was not said to receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforcement {
    /// The first that fits holds.
    pub rules: Vec<EnforcementRule>,
    /// What holds if none fits.
    pub otherwise: Action,
    /// What stands in the place of content, by language (RFC 5646), the first without one if the reader's is not there.
    /// Not empty if any action is [`Action::Fallback`].
    pub texts: Vec<FallbackText>,
}

/// Which content a rule is for: a field that is `None` fits any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnforcementRule {
    pub class: Option<ContentClass>,
    pub conversation: Option<Conversation>,
    /// Fits as an entry of a profile does ([`MediaType::accepts`]).
    pub media_type: Option<MediaType>,
    pub because: Option<Reason>,
    pub action: Action,
}

/// Why content is not to be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Nothing at all is in such a conversation. A rule for `class` fits this, too.
    Conversation,
    /// Nothing of its class is.
    Class,
    /// Its class is, its media type is not.
    Type,
    /// Its media type is, but not of this size.
    Size,
}

/// What becomes of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It passes as it is.
    Pass,
    /// A text takes its place, marked as a fallback (XEP-0428).
    Fallback,
    /// It is taken out.
    Withhold,
}

/// A text in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FallbackText {
    /// The language, as it is written in `xml:lang`; the same one comes once for some classes, and once for all others.
    pub language: String,
    /// Only for content of this class; `None` for every class that has no text of its own in this language.
    pub class: Option<ContentClass>,
    pub text: String,
}

impl Enforcement {
    /// What becomes of content that is not to be received because of `because`. A rule for a media type does not fit
    /// content whose media type is not seen.
    pub fn action(
        &self,
        class: ContentClass,
        conversation: Conversation,
        media_type: Option<&MediaType>,
        because: Reason,
    ) -> Action {
        let fits = |rule: &&EnforcementRule| {
            rule.class.is_none_or(|of| of == class)
                && rule.conversation.is_none_or(|of| of == conversation)
                && rule.because.is_none_or(|of| of.fits(because))
                && rule.media_type.as_ref().is_none_or(|of| media_type.is_some_and(|it| of.accepts(it)))
        };
        self.rules.iter().find(fits).map_or(self.otherwise, |rule| rule.action)
    }
}

impl Action {
    /// The action in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Pass => "pass",
            Action::Fallback => "fallback",
            Action::Withhold => "withhold",
        }
    }
}

impl Reason {
    /// Whether a rule for this reason is one for `because`: where nothing at all is received, nothing of a class is.
    pub fn fits(self, because: Reason) -> bool {
        self == because || (self == Reason::Class && because == Reason::Conversation)
    }

    /// The reason in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Conversation => "conversation",
            Reason::Class => "class",
            Reason::Type => "type",
            Reason::Size => "size",
        }
    }
}

impl Carriers {
    pub fn contains(self, carrier: Carrier) -> bool {
        match carrier {
            Carrier::Bind => self.bind,
            Carrier::Presence => self.presence,
            Carrier::Disco => self.disco,
        }
    }
}

impl Carrier {
    pub const ALL: [Carrier; 3] = [Carrier::Bind, Carrier::Presence, Carrier::Disco];

    /// The carrier in policies and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Carrier::Bind => "bind",
            Carrier::Presence => "presence",
            Carrier::Disco => "disco",
        }
    }
}
