//! What waits to be written to one side.

use std::fmt;
use std::time::Instant;

use bytes::{Buf, BytesMut};

/// An empty outbox keeps this much memory for the next frames; what a larger frame took is given back.
const KEPT_CAPACITY: usize = 2 * 1024;

/// Bytes on their way to one side, in order.
#[derive(Default)]
pub struct Outbox {
    bytes: BytesMut,
    /// The most bytes that waited since memory was last given back.
    peak: usize,
    /// Bytes were taken by the connection and have not all left it.
    unflushed: bool,
    /// When the side last took something, or when it was last given something after it had taken everything.
    progress: Option<Instant>,
}

impl Outbox {
    pub fn push(&mut self, bytes: &[u8], now: Instant) {
        if self.is_settled() {
            self.progress = Some(now);
        }
        self.bytes.extend_from_slice(bytes);
        self.peak = self.peak.max(self.bytes.len());
    }

    pub fn pending(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether everything has left, out of the connection's own buffers too.
    pub fn is_settled(&self) -> bool {
        self.is_empty() && !self.unflushed
    }

    /// The connection took `count` of the pending bytes.
    pub fn advance(&mut self, count: usize, now: Instant) {
        self.bytes.advance(count.min(self.bytes.len()));
        self.unflushed = true;
        self.progress = Some(now);
        if self.is_empty() {
            self.clear();
        }
    }

    /// Whether the connection took bytes that may not have left it.
    pub fn wants_flush(&self) -> bool {
        self.unflushed
    }

    /// The connection has nothing left in its own buffers.
    pub fn flushed(&mut self) {
        self.unflushed = false;
    }

    /// When the side last moved, if something waits for it.
    pub fn waiting_since(&self) -> Option<Instant> {
        if self.is_settled() { None } else { self.progress }
    }

    /// Forgets everything: the side can take nothing any more.
    pub fn discard(&mut self) {
        self.clear();
        self.unflushed = false;
    }

    fn clear(&mut self) {
        if self.peak > KEPT_CAPACITY {
            self.bytes = BytesMut::new();
            self.peak = 0;
        } else {
            self.bytes.clear();
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_that_is_never_empty_holds_only_what_waits() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        outbox.push(&[0; 65_536], now);
        for _ in 0..1000 {
            outbox.advance(29_000, now);
            outbox.push(&[0; 29_000], now);
        }
        assert_eq!(outbox.len(), 65_536);
        // What was taken is reclaimed for what comes, so that some turns' worth of room is enough.
        assert!(outbox.bytes.capacity() <= 4 * 65_536, "{} bytes", outbox.bytes.capacity());
    }

    #[test]
    fn an_empty_outbox_gives_a_large_buffer_back_and_keeps_a_small_one() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        outbox.push(&[0; 100], now);
        outbox.advance(100, now);
        assert!(outbox.bytes.capacity() > 0 || outbox.peak > 0);
        outbox.push(&[0; 100_000], now);
        outbox.advance(100_000, now);
        assert_eq!(outbox.bytes.capacity(), 0);
    }

    #[test]
    fn an_outbox_waits_until_what_was_taken_has_left() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        assert_eq!(outbox.waiting_since(), None);
        outbox.push(b"x", now);
        outbox.advance(1, now);
        assert_eq!(outbox.waiting_since(), Some(now));
        outbox.flushed();
        assert_eq!(outbox.waiting_since(), None);
    }
}
