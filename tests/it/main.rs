//! The integration tests, one binary for all.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test needs and does not get fails it")]

mod architecture;
mod command_line;
mod configuration;
#[cfg(feature = "sandbox")]
mod demo;
mod disclosure;
mod files;
mod gate_page;
mod golden;
mod golden_cases;
mod policies;
#[cfg(feature = "sandbox")]
mod sandbox;
mod seen;
mod session;
mod stage;
mod what_must_not_compile;
