//! The gate held against other parsers: what it accepts, every one of them accepts and sees the same way, and what it
//! refuses although they accept is a closed list.
//!
//! The gate and the tree that edits are made on are compiled here by themselves. They name nothing outside of their
//! folders (`tests/it/architecture.rs`), so that a mutant, a weakening or an instrumented build takes seconds.
//!
//! Inputs come from [`streams`] and [`damage`], by [`choices`] that chance or a fuzzer makes; [`properties`] hold for
//! all of them. They are run by `tests/` with every test run, and by the fuzz targets for as long as one likes.

#[path = "../../src/framing/mod.rs"]
pub mod framing;
#[path = "../../src/stanza/mod.rs"]
pub mod stanza;

pub mod choices;
pub mod damage;
pub mod edits;
pub mod gate;
pub mod opinions;
pub mod properties;
pub mod quirks;
pub mod reading;
pub mod streams;
