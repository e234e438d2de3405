//! What the HTTP interfaces of the sandbox share: serving over TLS, problem documents, and calls that are repeated.

mod call;
mod problem;
mod serve;

pub use call::{Answer, CallError, Caller, Patience};
pub use problem::{Body, Form, Problem};
pub use serve::{Server, bearer};
