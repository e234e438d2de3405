//! What the demonstration claims, all of it, and what became of each claim.

use serde::{Serialize, Serializer};

/// Declares the claims from one list, so that [`Claim::ALL`] holds each of them.
macro_rules! claims {
    ($($claim:ident $id:literal $text:literal)+) => {
        /// One thing that the demonstration shows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Claim {
            $(#[doc = $text] $claim,)+
        }

        impl Claim {
            pub const ALL: [Claim; [$($id),+].len()] = [$(Claim::$claim),+];

            /// A name for machines.
            pub fn id(self) -> &'static str {
                match self { $(Claim::$claim => $id,)+ }
            }

            /// The claim in words.
            pub fn text(self) -> &'static str {
                match self { $(Claim::$claim => $text,)+ }
            }
        }
    };
}

claims! {
    AuthenticationUntouched "authentication-untouched"
        "Authentication passed byte for byte, with SCRAM-SHA-256 and with PLAIN."
    Advertised "advertised"
        "The gatekeeper learnt which content Alice's client can receive."
    NothingElseAdded "nothing-else-added"
        "Without that one element, her request is what she sent, byte for byte."
    OwnConnections "own-connections"
        "Each client had a connection of its own to the gatekeeper."
    PresencePassed "presence-passed"
        "Alice and Bob saw each other come online."
    MessagesUntouched "messages-untouched"
        "Messages passed byte for byte, in both directions, on both sides of the gatekeeper."
    OwnWordsRemoved "own-words-removed"
        "What Carol's client said of itself was taken out; the gatekeeper learnt the provider's list instead."
    ContentReplaced "content-replaced"
        "A video that Alice's client cannot play became a text, in the same stanza."
    HostileRefused "hostile-refused"
        "The gate refused the hostile stanza, and its sender was told so."
    HostileKeptOut "hostile-kept-out"
        "Not one byte of it reached the gatekeeper, which saw that session closed."
    OthersUndisturbed "others-undisturbed"
        "Alice and Bob went on talking meanwhile."
    SessionsCounted "sessions-counted"
        "/metrics counted the sessions that there were, and names nobody."
    NothingLogged "nothing-logged"
        "Under default-deny.yaml nothing was logged."
    OperationsLogged "operations-logged"
        "Under operations.yaml each session left one line."
    NobodyNamed "nobody-named"
        "No line holds an account, a resource, a password, a client's full address, or a word that was said."
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    #[serde(rename = "id", serialize_with = "write_id")]
    pub claim: Claim,
    #[serde(rename = "claim")]
    text: &'static str,
    pub observed: bool,
    /// What was found, in words, with its figures.
    pub detail: String,
}

impl Finding {
    pub fn new(claim: Claim, observed: bool, detail: impl Into<String>) -> Self {
        Self { claim, text: claim.text(), observed, detail: detail.into() }
    }

    pub(super) fn never_reached(claim: Claim) -> Self {
        Self::new(claim, false, "the demonstration ended before this could be seen")
    }
}

fn write_id<S: Serializer>(claim: &Claim, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(claim.id())
}
