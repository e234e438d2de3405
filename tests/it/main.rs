//! The integration tests, one binary for all.

mod command_line;
mod configuration;
#[cfg(feature = "sandbox")]
mod demo;
mod disclosure;
mod files;
mod gate;
mod golden;
#[cfg(feature = "sandbox")]
mod sandbox;
mod session;
mod stage;
