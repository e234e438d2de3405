//! The gate: a strict, resumable, one-pass XML scanner that turns a stream's bytes into validated frames.

mod decoder;
mod limits;
mod outline;
mod refusal;
mod scope;
mod vocabulary;

pub use decoder::{Decoded, Frame, FrameDecoder, FrameKind};
pub use limits::Limits;
pub use outline::{Outline, Span};
pub use refusal::{Refusal, RefusalKind};
pub use scope::Scope;
pub use vocabulary::{NameId, NameSet, Vocabulary};
