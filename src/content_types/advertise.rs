use crate::framing::{Frame, Scope};
use crate::stanza::Edit;

/// A host's content-type policy, compiled: which of a client's frames are edited, and how.
pub struct Advertiser {}

impl Advertiser {
    /// The dialect's namespace, for the gate to watch.
    pub fn namespace(&self) -> &str {
        todo!()
    }

    /// Whether a frame from the client has to be looked at: by its outline alone, no parsing, no allocation.
    pub fn concerns(&self, _frame: &Frame<'_>) -> bool {
        todo!()
    }

    /// The edit of a client's frame: takes out what the client itself says in the dialect's namespace, adds the
    /// profile's advertisement where the policy's carriers say so. `None`: nothing to do.
    pub fn edit(&self, _frame: &Frame<'_>, _scope: &Scope) -> Result<Option<Edit>, crate::stanza::TreeError> {
        todo!()
    }
}
