//! Vestibule: the room before the gate. See ARCHITECTURE.md.

pub mod config;
pub mod content_types;
pub mod disclosure;
pub mod downstream;
pub mod framing;
pub mod limit;
pub mod policy;
pub mod proxy;
pub mod relay;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod session;
mod socket;
pub mod stanza;
pub mod telemetry;
pub mod upstream;
