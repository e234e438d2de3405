//! The integration tests, one binary for all.

mod configuration;
mod gate;
mod session;
mod stage;
