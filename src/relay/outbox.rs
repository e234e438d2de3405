//! What waits to be written to one side.

use std::fmt;
use std::time::Instant;

/// An empty outbox keeps this much memory for the next frames; what a larger frame took is given back.
const KEPT_CAPACITY: usize = 2 * 1024;

/// Bytes on their way to one side, in order.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// How many of `bytes` were taken already.
    sent: usize,
    /// Bytes were taken by the connection and have not all left it.
    unflushed: bool,
    /// When the side last took something, or when it was last given something after it had taken everything.
    progress: Option<Instant>,
}

impl Outbox {
    pub fn push(&mut self, bytes: &[u8], now: Instant) {
        self.bytes_mut(now).extend_from_slice(bytes);
    }

    /// The buffer to append to.
    pub fn bytes_mut(&mut self, now: Instant) -> &mut Vec<u8> {
        if self.is_settled() {
            self.progress = Some(now);
        }
        &mut self.bytes
    }

    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Whether everything has left, out of the connection's own buffers too.
    pub fn is_settled(&self) -> bool {
        self.is_empty() && !self.unflushed
    }

    /// The connection took `count` of the pending bytes.
    pub fn advance(&mut self, count: usize, now: Instant) {
        self.sent = (self.sent + count).min(self.bytes.len());
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
        self.sent = 0;
        if self.bytes.capacity() > KEPT_CAPACITY {
            self.bytes = Vec::new();
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
