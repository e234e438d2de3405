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
    Enlisted "enlisted"
        "The gatekeeper knows each of the provider's users by an identifier of its own, which all clients of a user \
         share."
    TokenAloneRefused "token-alone-refused"
        "A token without its client's key enlisted nobody, and neither did a token that had been used."
    AuthenticationUntouched "authentication-untouched"
        "Authentication passed byte for byte."
    Advertised "advertised"
        "The gatekeeper learnt which content Alice's client can receive."
    NothingElseAdded "nothing-else-added"
        "Without what was added, her request is what she sent, byte for byte."
    AddressTold "address-told"
        "The gatekeeper learnt the address that her client connected from, by the metadata policy's leave."
    OwnConnections "own-connections"
        "Her client has a connection of its own to the gatekeeper."
    PresencePassed "presence-passed"
        "Alice and Bob saw each other come online."
    MessagesUntouched "messages-untouched"
        "Messages passed byte for byte, in both directions."
    Encrypted "encrypted"
        "What they said was encrypted by one client and decrypted by the other, and its ciphertext was the same on \
         both sides of Vestibule."
    ReceiptsPassed "receipts-passed"
        "Alice saw Bob write, and that her question had come."
    EachReadOnce "each-read-once"
        "Of messages that were late, lost and doubled, each that came was read once."
    ChangedRefused "changed-refused"
        "A ciphertext that was changed on its way was refused."
    NewDevice "new-device"
        "A new device of Bob's got what was written from then on, and his other one was told what he wrote on it."
    SwapRefused "swap-refused"
        "Keys in the place of a known device's were refused, and nothing was written with them."
    OwnWordsRemoved "own-words-removed"
        "What Carol's client said of itself was taken out; the gatekeeper learnt the provider's list instead."
    NotSent "not-sent"
        "A video that Alice's build cannot play was not sent to her, and Bob was told; Carol got hers."
    ContentReplaced "content-replaced"
        "When the gatekeeper sent it all the same, it became a text, in the same stanza."
    GroupReached "group-reached"
        "What was said in a group reached the clients that have groups and no others, under an internal identifier."
    GroupFitted "group-fitted"
        "A picture in the group came to the client that shows it; sent to all, it became a text for one that shows \
         texts alone, and was taken out for those without groups."
    GroupClosed "group-closed"
        "Who had left the group could no longer see who is in it."
    MediaForth "media-forth"
        "A picture and a voice message from Alice came to Bob as they were, through the gatekeeper's media proxy."
    MediaBack "media-back"
        "A picture from Bob came to Alice as it was."
    MediaSealed "media-sealed"
        "Nothing of what they sent can be read where it is stored."
    MediaNowhereElse "media-nowhere-else"
        "The media proxy fetched nothing from where no provider has its media."
    MediaNotAnnounced "media-not-announced"
        "Alice's older build was not told of a video that it cannot play, and Bob was told so."
    Woken "woken"
        "What came for Alice while she was away waited at the gatekeeper, and she was woken for it."
    PushSaysNothing "push-says-nothing"
        "The push held neither what was written nor by whom."
    Resumed "resumed"
        "After a cut connection her session went on: nothing was lost, nothing came twice, nobody saw her go."
    HostileRefused "hostile-refused"
        "The gate refused the hostile stanza, and its sender was told so."
    HostileKeptOut "hostile-kept-out"
        "Not one byte of it reached the gatekeeper, which saw that session closed."
    OthersUndisturbed "others-undisturbed"
        "Alice and Bob went on talking meanwhile."
    RevokedRefused "revoked-refused"
        "A revoked token opened no stream, and the gatekeeper's refusal passed untouched."
    SessionsCounted "sessions-counted"
        "/metrics counted the sessions that there were, and names nobody."
    NothingLogged "nothing-logged"
        "Under default-deny.yaml nothing was logged."
    OperationsLogged "operations-logged"
        "Under operations.yaml each session left one line."
    NobodyNamed "nobody-named"
        "No line holds an identifier, a resource, a password, a token, a client's full address, or a word that was \
         said."
    NothingReadable "nothing-readable"
        "Nothing that two people said to each other, and no secret key, is anywhere in what passed Vestibule, in its \
         log, its figures or its status."
    SearchFinds "search-finds"
        "The same search finds what is not encrypted."
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
