//! What the `<failure/>` of SASL says of the client (RFC 6120, 6.5; in SASL2, XEP-0388, the conditions are the same).

use super::namespace::SASL;
use super::{Tree, TreeError};
use crate::framing::Frame;

/// The conditions that a wrong name or password can have. By all others the gatekeeper says nothing of what was tried.
const OF_CREDENTIALS: [&str; 3] = ["not-authorized", "credentials-expired", "account-disabled"];

/// What begins the names of the mechanisms that show a token of FAST (XEP-0484).
const HASHED_TOKEN: &str = "HT-";

/// Whether the gatekeeper's `<failure/>` refuses what the client has shown.
pub fn refuses_credentials(failure: &Frame<'_>) -> Result<bool, TreeError> {
    let tree = Tree::of(failure)?;
    Ok(tree.children().any(|child| child.namespace == SASL && OF_CREDENTIALS.contains(&child.name)))
}

/// Whether the client's `<authenticate/>` shows a token of FAST, which is random and too long to be guessed.
pub fn shows_token(authenticate: &Frame<'_>) -> Result<bool, TreeError> {
    let tree = Tree::of(authenticate)?;
    Ok(tree.root().value("mechanism").is_some_and(|name| name.starts_with(HASHED_TOKEN)))
}
