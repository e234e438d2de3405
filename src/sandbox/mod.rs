//! The parties around Vestibule, on one machine: a gatekeeper, its clients, and a demonstration with the proxy between.
//!
//! Everything here talks real TLS and real XMPP over loopback, so that what it shows was really on the wire. The people
//! are made up, which is why the sandbox alone may keep, print and serialise what they say to each other. It is no
//! server to deploy: everything lives in memory.
//!
//! The production build leaves it out (feature `sandbox`).

pub mod certificates;
pub mod client;
pub mod config;
pub mod connection;
pub mod demo;
pub mod element;
pub mod encryption;
pub mod files;
pub mod gatekeeper;
pub mod groups;
mod gs2;
pub mod http;
mod limits;
pub mod media;
mod passwords;
pub mod provider;
mod random;
pub mod scram;
pub mod stop;
pub mod token;
