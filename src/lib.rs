//! Vestibule: the room before the gate.
//!
//! A messaging provider deploys it inline, between its own clients and a gatekeeper's XMPP server. It terminates the
//! clients' TLS, admits only XML that every parser reads the same way, adds to the stream which content types the client
//! can receive, holds clients to their limits, carries each client on a connection of its own to the gatekeeper, and
//! writes down only the metadata that a policy allows.
//!
//! It does not authenticate anybody, does not store, acknowledge, drop or answer stanzas, does not read what is
//! encrypted, and does not share a connection between clients.
//!
//! ```text
//!            +-------------------------------- proxy ---------------------------------+
//!            |  builds everything from config, runs a worker for each core            |
//!            |                                                                        |
//!            |                +------------- session ------------+                    |
//!  client    |  downstream    |  drive: one future for both sides|     upstream       |   gatekeeper
//!  ----------+--> listener    |                                  |     connect -------+--->
//!       TLS  |    tls --------+-> relay: framing (the gate)      +---> tls            |  TLS
//!            |                |          limit, content_types    |                    |
//!            |                |          outbox                  |                    |
//!            |                +----------------+-----------------+                    |
//!            |                                 | observation                          |
//!            |                            disclosure (the metadata policy)            |
//!            |                                 | Disclosed<Sink>                      |
//!            |                            telemetry: access and audit log, metrics    |
//!            +------------------------------------------------------------------------+
//! ```
//!
//! ARCHITECTURE.md has the map and the rules; docs/life-of-a-stanza.md follows one message through the files.

pub mod config;
pub mod content_types;
mod crc32c;
pub mod disclosure;
pub mod downstream;
pub mod framing;
mod html;
mod http_server;
pub mod limit;
mod plain_stream;
pub mod policy;
pub mod process;
pub mod proxy;
pub mod relay;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod session;
mod socket;
pub mod stanza;
pub mod systemd;
pub mod telemetry;
pub mod upstream;
