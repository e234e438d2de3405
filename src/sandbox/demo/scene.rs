//! What one act shows: stanzas as they left one side and reached the other, listings, and findings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::claim::Finding;
use super::picture::Content;
use super::witness::Arrow;

/// One act as it was played.
#[derive(Default, Serialize)]
pub struct Scene {
    pub title: &'static str,
    /// What happens and why it matters.
    pub explanation: &'static str,
    pub exchanges: Vec<Exchange>,
    pub listings: Vec<Listing>,
    /// Series of `/metrics` with their values.
    pub metrics: BTreeMap<String, f64>,
    /// What somebody sees or hears on a client's screen.
    pub contents: Vec<Content>,
    pub findings: Vec<Finding>,
    /// What passed between the parties while it was played, in the order in which it was sent. It is filled in when all
    /// is played: no act has to do anything for it.
    pub sequence: Vec<Arrow>,
}

/// One frame on both sides of Vestibule.
#[derive(Clone, Serialize)]
pub struct Exchange {
    pub caption: &'static str,
    /// As its sender wrote it to its socket.
    pub sent: String,
    /// As its receiver read it from its socket; empty if it never came.
    pub received: String,
}

/// Lines that were read somewhere.
#[derive(Clone, Serialize)]
pub struct Listing {
    pub caption: String,
    pub lines: Vec<String>,
}

impl Exchange {
    pub fn new(caption: &'static str, sent: &[u8], received: &[u8]) -> Self {
        Self { caption, sent: readable(sent), received: readable(received) }
    }
}

/// Bytes as text that is safe for a terminal: what is no UTF-8 and what controls terminals is shown as `\xNN`.
pub fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\x{:02X}", u32::from(character));
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_control_a_terminal_is_shown_and_not_sent() {
        assert_eq!(readable(b"<a>\x1b[2J\xEB<\n\xC2\x9B"), "<a>\\x1B[2J\\xEB<\\x0A\\x9B");
        assert_eq!(readable("für \u{1F41F}".as_bytes()), "für \u{1F41F}");
    }
}
