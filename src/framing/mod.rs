//! The gate: a strict, resumable, one-pass XML scanner that turns a stream's bytes into validated frames.
//!
//! Two parsers that read the same bytes differently are how stanzas are smuggled. What passes here is read
//! the same way by every parser: XML 1.0 and Namespaces in XML without exception, less what RFC 6120, 11.1
//! takes out. The gate knows no protocol beyond the stream's outermost shape; the names that it tells apart
//! are data ([`Vocabulary`]). It does no IO, edits nothing, and answers nothing: what a [`Refusal`] means to
//! a peer is decided elsewhere.

mod bindings;
mod characters;
mod decoder;
mod inspect;
mod limits;
mod list;
mod names;
mod outline;
mod reference;
mod refusal;
mod scan;
mod scope;
mod search;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use decoder::{Decoded, Frame, FrameDecoder, FrameKind};
pub use inspect::Inspector;
pub use limits::{Limits, is_namespace, is_text};
pub use outline::{Outline, Span};
pub use refusal::{Refusal, RefusalFamily, RefusalKind};
pub use scope::Scope;
pub use vocabulary::{NameId, NameSet, Vocabulary};
