//! XMPP's words, on top of the gate's frames: names and namespaces, addresses, stream headers, stream errors, and
//! frames parsed for an edit. It decides nothing about a session: that is the relay's.

mod amend;
pub mod detour;
mod edit;
mod escape;
mod failed_authentication;
mod header;
mod jid;
mod mechanism;
mod names;
pub mod namespace;
mod stream_error;
mod stream_limits;
mod tree;

pub use amend::{asks_twice, bind_request, resume_request};
pub use edit::Edit;
pub(crate) use escape::write_escaped;
pub use failed_authentication::{refuses_credentials, shows_token};
pub use header::{HeaderFault, StreamHeader};
pub use jid::{Jid, JidError};
pub use mechanism::{Mechanisms, asks_for_external};
pub use names::{Name, ROOM, vocabulary};
pub use stream_error::{ApplicationCondition, Condition, StreamError};
pub use stream_limits::StreamLimits;
pub use tree::{Attribute, Element, Tree, TreeError};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
