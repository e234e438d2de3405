//! The gate held against other parsers.

#[path = "../../src/framing/mod.rs"]
pub mod framing;
#[path = "../../src/stanza/mod.rs"]
pub mod stanza;
