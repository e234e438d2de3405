//! What a content-types file says that cannot be, or is probably not wanted.

use super::enforcement::{LONGEST_TEXT, MOST_LANGUAGES};

/// The messages say what would be right, and quote nothing of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("this carrier is already in the list")]
    DuplicateCarrier,
    #[error("presence is seen by a client's contacts, and what it can receive tells one build from another")]
    PresenceIsSeen,
    #[error(
        "entity capabilities are seen by a client's contacts, and what it can receive tells one build from another"
    )]
    CapabilitiesAreSeen,
    #[error("the dialect has no words for the carrier `disco`: its file needs `disco`")]
    NoWordsForDisco,
    #[error(
        "the dialect has no word for the conversation, so that the gatekeeper is told of one-to-one conversations only"
    )]
    NoWordForGroups,
    #[error("seeds are used by the carrier `disco` only, which is not in the list")]
    UnusedSeeds,

    #[error("the profile extends itself, by this or by way of others")]
    Cycle,
    #[error("with this profile a client could receive nothing; at least one type should be left")]
    EmptyProfile,
    #[error("nothing that is inherited is removed by this")]
    RemovesNothing,
    #[error("nothing that is inherited has its size changed by this")]
    LimitsNothing,
    #[error(
        "the gatekeeper is told of this profile in more than 6 KiB; servers refuse long requests before \
         authentication, with Bind 2 often at 8 KiB for all of it: fewer or shorter types should be left"
    )]
    LongAdvertisement,
    #[error(
        "the gatekeeper would be told of this profile in more than 64 KiB; fewer or shorter types should be left"
    )]
    TooLongAdvertisement,
    #[error("no session can have this profile, and it has to do with no other one")]
    UnusedProfile,

    #[error("at least one pattern should stand here, under `user_agent`, `node` or `resource`")]
    NoPattern,
    #[error("no rule of `select` asks for this software")]
    UnusedSoftware,
    #[error("a version such as '2.10' or '2.10.1-beta.2' should stand here")]
    Version,
    #[error("`from` or `below` should stand here")]
    NoRange,
    #[error("no version is within this range: `from` should be earlier than `below`")]
    EmptyRange,
    #[error("a version is one of a software: `software` should stand here, too")]
    VersionOfNothing,
    #[error("the version is not known: no pattern of this software has `{{version}}` in it")]
    UnknownVersion,
    #[error("an earlier rule fits whatever fits this one, so that this one never holds")]
    NeverHolds,

    #[error("there is no text to fall back to: `texts` should stand under `enforce`")]
    FallbackWithoutTexts,
    #[error(
        "a profile that this holds for cannot receive the text in its place (`text/plain;charset=utf-8`) in such a \
         conversation; right would be `withhold` or `pass`"
    )]
    FallbackCannotBeRead,
    #[error("a language tag such as `de` or `pt-BR` should stand here (RFC 5646)")]
    Language,
    #[error("this language is already in the list; case means nothing")]
    DuplicateLanguage,
    #[error("each language needs a text for `any`, for the classes without one of their own")]
    NoTextForAny,
    #[error("a text should stand here, of characters that XML can hold")]
    Text,
    #[error("a text of at most {LONGEST_TEXT} characters should stand here")]
    LongText,
    #[error("texts in at most {MOST_LANGUAGES} languages should stand here")]
    TooManyLanguages,

    #[error("a test is of one stanza: either `client_sends` or `gatekeeper_sends` should stand here")]
    TwoStanzas,
    #[error(
        "a verdict is one on what the gatekeeper sends: `gatekeeper_sends` should stand in the test, too"
    )]
    VerdictOfNothing,
    #[error("nothing is sent: `client_sends` or `gatekeeper_sends` should stand in the test, too")]
    StanzaOfNothing,
    #[error("a test should expect something: `profile`, `verdict` or `stanza`")]
    ExpectsNothing,
}
