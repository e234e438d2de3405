//! The sandbox's parties, each over its own interfaces, and the whole system.

mod client;
mod commands;
mod enlistment;
mod failures;
mod fault;
mod gatekeeper;
mod journey;
mod routing;
mod sasl;
mod streams;
mod system;
