//! The sandbox's parties, each over its own interfaces.

mod client;
mod commands;
mod enlistment;
mod gatekeeper;
mod routing;
mod streams;
