//! The carrier `disco`: entity capabilities that say what the client's profile says (XEP-0115, XEP-0390).
//!
//! A client's presence names its capabilities by a hash; whoever does not know the hash asks for them by service
//! discovery. Both are edited, so that each stays true to the other:
//!
//! ```text
//!  client                    Vestibule                          gatekeeper
//!    | presence, hash of S  ---> is S known?                         |
//!    |                           no:  passes as it is        ------> |
//!    |                           yes: hash of S + profile    ------> |
//!    | <--- query node=hash of S <--- query node=hash of S + profile |
//!    | result S             ---> S + profile, node as asked  ------> |
//! ```
//!
//! While a set is not known, the question for its node and the answer pass unedited, as the gatekeeper holds the answer
//! against the hash that it saw. The answer is learnt for all clients of the build ([`CapabilitiesCache`]), and the next
//! presence is edited. A question without a node always gets the edited answer.
//!
//! - `claims`: the hashes in a presence
//! - `session`: the edits; `state`: what was advertised, and who asked for it
//! - `advertisement`: what is added to an answer
//! - `disco_info`: an answer, read; `input`: what is hashed of it; `hash`: how
//! - `cache`: the sets that are known; `seeds`: those from files; `admission`: which may be shared

mod admission;
mod advertisement;
mod cache;
mod claims;
mod disco_info;
mod hash;
mod input;
mod seeds;
mod session;
mod state;
#[cfg(test)]
mod tests;

pub use advertisement::DiscoAdvertisement;
pub use cache::{CacheLimits, CapabilitiesCache};
pub(super) use seeds::features_of;
pub use seeds::{SeedError, SeedFault, Seeds};
pub use session::{Capabilities, CapabilitiesOutcome};
