//! What the HTTP interfaces of the sandbox share: serving over TLS, what requests hold, problem documents, and calls
//! that are repeated.

mod body;
mod call;
mod calls;
mod credential;
mod intake;
mod page;
mod password;
mod place;
mod problem;
mod serve;
#[cfg(test)]
mod tests;
mod text;

pub use body::{Body, Form};
pub use call::{Answer, CallError, Caller, Patience};
pub use calls::Served;
pub use credential::{Credential, HasOperator, Operator, bearer};
pub use page::{After, next};
pub use password::name_and_password;
pub use place::{OPENID_CONFIGURATION, base_url, has_credentials};
pub use problem::Problem;
pub use serve::{NOT_STORED, Server};
pub use text::{Text, TextError, Thumbprint, present};
