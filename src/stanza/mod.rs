//! XMPP's words, on top of the gate's frames.

mod edit;
mod header;
mod jid;
mod names;
mod stream_error;
mod tree;

pub use edit::Edit;
pub use header::StreamHeader;
pub use jid::{Jid, JidError};
pub use names::{Name, vocabulary};
pub use stream_error::{Condition, StreamError};
pub use tree::{Element, Tree, TreeError};
