//! The element names that the gate tells apart for the relay. Names that only an edit looks at are not here: an edit
//! compares namespaces and names itself.

use super::namespace::{
    BIND, BIND_2, CAPABILITIES, CAPABILITIES_2, CLIENT, CLIENT_STATE, COMPRESSION, DISCO_INFO, SASL, SASL2,
    STREAM_ERRORS, STREAM_MANAGEMENT, STREAM_MANAGEMENT_2, STREAMS,
};
use crate::framing::{NameId, NameSet, Vocabulary};

/// Declares [`Name`] and the table behind it from one list, so that a variant cannot miss its row.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $namespace:ident $local:literal,)+) => {
        /// A known `{namespace}local-name`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Name {
            $($(#[$doc])* #[doc = concat!("`<", $local, "/>`")] $name,)+
        }

        /// The rows that stand for a name, in the order of the variants.
        const NAMES: &[(Name, &str, &str)] = &[$((Name::$name, $namespace, $local),)+];
    };
}

names! {
    Features = STREAMS "features",
    StreamError = STREAMS "error",
    SeeOtherHost = STREAM_ERRORS "see-other-host",

    Message = CLIENT "message",
    Presence = CLIENT "presence",
    Iq = CLIENT "iq",

    SaslAuth = SASL "auth",
    SaslChallenge = SASL "challenge",
    SaslResponse = SASL "response",
    SaslAbort = SASL "abort",
    SaslSuccess = SASL "success",
    SaslFailure = SASL "failure",

    Sasl2Authenticate = SASL2 "authenticate",
    Sasl2Challenge = SASL2 "challenge",
    Sasl2Response = SASL2 "response",
    Sasl2Abort = SASL2 "abort",
    Sasl2Success = SASL2 "success",
    Sasl2Failure = SASL2 "failure",
    Sasl2Continue = SASL2 "continue",
    Sasl2Next = SASL2 "next",
    Sasl2TaskData = SASL2 "task-data",

    Bind = BIND "bind",
    Bind2 = BIND_2 "bind",
    Bound2 = BIND_2 "bound",

    /// In a presence.
    Capabilities = CAPABILITIES "c",
    /// In a presence or a query.
    Capabilities2 = CAPABILITIES_2 "c",
    DiscoInfo = DISCO_INFO "query",

    SmEnable = STREAM_MANAGEMENT "enable",
    SmEnabled = STREAM_MANAGEMENT "enabled",
    SmResume = STREAM_MANAGEMENT "resume",
    SmResumed = STREAM_MANAGEMENT "resumed",
    SmFailed = STREAM_MANAGEMENT "failed",
    SmRequest = STREAM_MANAGEMENT "r",
    SmAnswer = STREAM_MANAGEMENT "a",

    ClientActive = CLIENT_STATE "active",
    ClientInactive = CLIENT_STATE "inactive",

    Compress = COMPRESSION "compress",
}

/// Second spellings: version 2 of stream management has the names and the meaning of version 3, so both have one
/// [`Name`]. They follow the first ones in the table, so that a variant's own number stays an index into it.
const ALIASES: &[(Name, &str, &str)] = &[
    (Name::SmEnable, STREAM_MANAGEMENT_2, "enable"),
    (Name::SmEnabled, STREAM_MANAGEMENT_2, "enabled"),
    (Name::SmResume, STREAM_MANAGEMENT_2, "resume"),
    (Name::SmResumed, STREAM_MANAGEMENT_2, "resumed"),
    (Name::SmFailed, STREAM_MANAGEMENT_2, "failed"),
    (Name::SmRequest, STREAM_MANAGEMENT_2, "r"),
    (Name::SmAnswer, STREAM_MANAGEMENT_2, "a"),
];

/// What each row of the table stands for: every frame is looked up here, and more than once.
const BY_INDEX: [Name; NAMES.len() + ALIASES.len()] = {
    let mut names = [Name::Features; NAMES.len() + ALIASES.len()];
    let mut index = 0;
    while index < names.len() {
        let is_first = index < NAMES.len();
        names[index] = if is_first { NAMES[index].0 } else { ALIASES[index - NAMES.len()].0 };
        index += 1;
    }
    names
};

impl Name {
    /// What an outline's id stands for; `None` is any name that is not in the table.
    #[inline]
    pub fn of(id: NameId) -> Option<Name> {
        BY_INDEX.get(id.index()?).copied()
    }

    /// Whether an outline's set of children holds this name.
    pub fn is_in(self, children: NameSet) -> bool {
        let alias = ALIASES.iter().position(|(name, _, _)| *name == self);
        children.contains(self as usize) || alias.is_some_and(|alias| children.contains(NAMES.len() + alias))
    }
}

/// How many names a dialect's vocabulary can have besides ours.
pub const ROOM: usize = Vocabulary::CAPACITY - NAMES.len() - ALIASES.len();

/// The gate's table: the stream's root, every [`Name`], and of the dialects the namespaces to watch for and the names to
/// tell apart, of which there are at most [`ROOM`]. The ones that are ours as well stay ours.
///
/// # Panics
///
/// If there are more names.
pub fn vocabulary(watched: &[&str], others: &[(&str, &str)]) -> Vocabulary {
    let ours = NAMES.iter().chain(ALIASES).map(|(_, namespace, local)| (*namespace, *local));
    let names: Vec<_> = ours.chain(others.iter().copied()).collect();
    Vocabulary::new((STREAMS, "stream"), &names, watched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_the_index_of_its_row() {
        for (index, (name, _, _)) in NAMES.iter().enumerate() {
            assert_eq!(*name as usize, index);
        }
    }

    #[test]
    fn every_row_is_found_by_its_id() {
        let vocabulary = vocabulary(&[], &[]);
        for (name, namespace, local) in NAMES.iter().chain(ALIASES) {
            assert_eq!(Name::of(vocabulary.id(namespace, local)), Some(*name));
        }
    }

    #[test]
    fn no_row_stands_twice_and_all_fit_into_a_set() {
        let rows: Vec<_> =
            NAMES.iter().chain(ALIASES).map(|(_, namespace, local)| (namespace, local)).collect();
        let distinct: std::collections::HashSet<_> = rows.iter().collect();
        assert_eq!(distinct.len(), rows.len());
        assert!(rows.len() <= 128);
    }

    #[test]
    fn a_name_outside_the_table_stands_for_nothing() {
        assert_eq!(Name::of(NameId::OTHER), None);
    }
}
