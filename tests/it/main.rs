//! The integration tests, one binary for all.

mod command_line;
mod configuration;
mod files;
