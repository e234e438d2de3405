//! The load generator: clients that log in, and messages that they send and get back.
//!
//! [`Clients`] opens [`Session`]s; [`Traffic`] sends over many of them at once. It measures nothing but the time to the
//! first echoed byte: what a proxy spends is read from the proxy's process.

mod session;
mod traffic;

pub use session::{Clients, Session};
pub use traffic::{Message, Traffic};

#[cfg(test)]
mod tests;
