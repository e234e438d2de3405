//! The sandbox's parties, each over its own interfaces, and the whole system.

mod authentication;
mod client;
mod commands;
mod description;
mod encryption;
mod enlistment;
mod failures;
mod fault;
mod gatekeeper;
mod groups;
mod journey;
mod media;
mod provider;
mod reload;
mod routing;
mod sasl;
mod sasl2;
mod stage;
mod stream_management;
mod streams;
mod system;
