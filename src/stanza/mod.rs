//! XMPP's words, on top of the gate's frames: names and namespaces, addresses, stream headers, stream errors, and
//! frames parsed for an edit. It decides nothing about a session: that is the relay's.

pub mod detour;
mod edit;
mod escape;
mod header;
mod jid;
mod names;
pub mod namespace;
mod stream_error;
mod tree;

pub use edit::Edit;
pub(crate) use escape::write_escaped;
pub use header::StreamHeader;
pub use jid::{Jid, JidError};
pub use names::{Name, ROOM, vocabulary};
pub use stream_error::{ApplicationCondition, Condition, StreamError};
pub use tree::{Attribute, Element, Tree, TreeError};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
