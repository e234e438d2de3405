//! The namespaces and names that Vestibule knows, in one place.

use crate::framing::{NameId, Vocabulary};

/// A known `{namespace}local-name`. The discriminant is the gate's index of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Name {
    Features, // {streams}features ; StreamError = {streams}error
    // Message, Presence, Iq ({jabber:client}); SaslAuth, SaslResponse, SaslAbort, SaslChallenge, SaslSuccess,
    // SaslFailure; Bind; Sm{Enable,Enabled,Resume,Resumed,Failed,Request,Answer} (urn:xmpp:sm:3, and sm:2 as the same
    // variants' siblings), Csi{Active,Inactive}; Starttls, Compress, CompressionFeature, ExiFeature, Sasl2Feature,
    // SeeOtherHost ... to be completed
}

impl Name {
    /// What an outline's id stands for.
    pub fn of(_id: NameId) -> Option<Name> {
        todo!()
    }
}

/// The gate's table: the stream root, all of [`Name`], and the dialects' namespaces to watch for.
pub fn vocabulary(_watched: &[&str]) -> Vocabulary {
    todo!()
}
