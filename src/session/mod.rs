//! One session: a client's connection, its gatekeeper's, and the [`Relay`](crate::relay::Relay) between them.
//!
//! [`Session`] is a future and does all of its work when it is polled. It knows nothing of sockets or TLS: its streams
//! are anything that reads into a buffer and writes.

mod drive;
mod stop;

pub use drive::{Connecting, Session, Summary, Surroundings};
pub use stop::Stop;
