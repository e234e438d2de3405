//! The sandbox's parties, each over its own interfaces.

mod enlistment;
mod gatekeeper;
