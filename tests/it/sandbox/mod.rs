//! The sandbox's parties, each over its own interfaces.

mod client;
mod commands;
mod description;
mod enlistment;
mod gatekeeper;
mod provider;
mod routing;
mod streams;
