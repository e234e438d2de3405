//! The sandbox's parties, each over its own interfaces.

mod authentication;
mod client;
mod commands;
mod description;
mod enlistment;
mod gatekeeper;
mod provider;
mod routing;
mod stage;
mod stream_management;
mod streams;
