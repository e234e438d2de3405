//! The integration tests, one binary for all.

mod configuration;
#[cfg(feature = "sandbox")]
mod demo;
#[cfg(feature = "sandbox")]
mod sandbox;
