//! The bound on what all sessions together may hold in their buffers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A session may hold this much without asking: an idle or a well-fed session touches no shared counter.
const FREE: usize = 8 * 1024;

/// What is asked for is rounded up to this, so that a growing buffer asks seldom.
const STEP: usize = 16 * 1024;

/// A bound in bytes, shared by all sessions.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicUsize,
    used: AtomicUsize,
}

impl Budget {
    /// `limit` in bytes.
    pub fn new(limit: usize) -> Self {
        Budget { limit: AtomicUsize::new(limit), used: AtomicUsize::new(0) }
    }

    /// Bytes that sessions hold now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that sessions may hold in all.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// From here on sessions may hold so many bytes in all. What they hold already they keep.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Whether so much is used that sessions should read only what they can pass on at once.
    fn is_short(&self) -> bool {
        self.used() > self.limit() / 4 * 3
    }

    fn take(&self, amount: usize) -> bool {
        let limit = self.limit();
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(amount).filter(|&total| total <= limit)
            })
            .is_ok()
    }
}

/// One session's part of the budget. Given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    held: usize,
}

impl Share {
    pub fn new(budget: Arc<Budget>) -> Self {
        Share { budget, held: 0 }
    }

    /// The session holds `bytes` now. False if the budget has no room for that.
    #[must_use]
    pub fn hold(&mut self, bytes: usize) -> bool {
        let wanted = bytes.saturating_sub(FREE).next_multiple_of(STEP);
        if wanted > self.held {
            if !self.budget.take(wanted - self.held) {
                return false;
            }
        } else if wanted < self.held {
            self.budget.used.fetch_sub(self.held - wanted, Ordering::Relaxed);
        }
        self.held = wanted;
        true
    }

    pub fn is_short(&self) -> bool {
        self.budget.is_short()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_session_takes_nothing_from_the_budget() {
        let budget = Arc::new(Budget::new(0));
        let mut share = Share::new(Arc::clone(&budget));
        assert!(share.hold(FREE));
        assert!(!share.hold(FREE + 1));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_is_held_is_given_back_when_it_shrinks_and_when_the_session_ends() {
        let budget = Arc::new(Budget::new(1 << 20));
        let mut share = Share::new(Arc::clone(&budget));
        assert!(share.hold(FREE + 3 * STEP));
        assert_eq!(budget.used(), 3 * STEP);
        assert!(share.hold(FREE + 1));
        assert_eq!(budget.used(), STEP);
        drop(share);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn another_limit_holds_for_what_is_asked_for_from_then_on() {
        let budget = Arc::new(Budget::new(2 * STEP));
        let mut share = Share::new(Arc::clone(&budget));
        assert!(share.hold(FREE + 2 * STEP));
        budget.set_limit(STEP);
        assert!(share.hold(FREE + 2 * STEP));
        assert!(!share.hold(FREE + 3 * STEP));
        budget.set_limit(3 * STEP);
        assert!(share.hold(FREE + 3 * STEP));
        assert_eq!(budget.used(), 3 * STEP);
    }

    #[test]
    fn the_sum_over_sessions_never_exceeds_the_limit() {
        let budget = Arc::new(Budget::new(2 * STEP));
        let mut first = Share::new(Arc::clone(&budget));
        let mut second = Share::new(Arc::clone(&budget));
        assert!(first.hold(FREE + STEP));
        assert!(second.hold(FREE + STEP));
        assert!(!first.hold(FREE + STEP + 1));
        assert_eq!(budget.used(), 2 * STEP);
        assert!(budget.is_short());
    }
}
