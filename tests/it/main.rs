//! The integration tests, one binary for all.

mod configuration;
#[cfg(feature = "sandbox")]
mod demo;
mod disclosure;
mod gate;
mod golden;
mod session;
mod stage;
