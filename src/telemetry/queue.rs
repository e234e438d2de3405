//! A queue between many tasks that must not wait and one thread that does, bounded in items and in bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::disclosure::{Disclosed, Sink};

/// Bytes that all items together may hold.
const MOST_BYTES: usize = 16 << 20;

/// Something that can wait in a queue.
pub(super) trait Queued: Send + 'static {
    /// Bytes that it holds.
    fn bytes(&self) -> usize;
}

impl<S: Sink> Queued for Disclosed<S> {
    fn bytes(&self) -> usize {
        Self::bytes(self)
    }
}

pub(super) struct Queue<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    /// Something was queued, or the queue was closed, or who waits is woken.
    changed: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    bytes: usize,
    closed: bool,
    woken: bool,
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Push {
    Queued,
    Full,
    Closed,
}

/// What came out of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pop<T> {
    Item(T),
    /// Nothing came for as long as was waited, or until the waiting was ended.
    Nothing,
    /// The queue is closed and empty.
    Closed,
}

impl<T: Queued> Queue<T> {
    pub fn new(capacity: usize) -> Self {
        let state = State { items: VecDeque::new(), bytes: 0, closed: false, woken: false };
        Self { capacity, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Never waits for room.
    pub fn push(&self, item: T) -> Push {
        let mut state = self.lock();
        if state.closed {
            return Push::Closed;
        }
        let bytes = state.bytes.saturating_add(item.bytes());
        if state.items.len() >= self.capacity || bytes > MOST_BYTES {
            return Push::Full;
        }
        state.bytes = bytes;
        state.items.push_back(item);
        self.changed.notify_one();
        Push::Queued
    }

    /// Waits for an item, but not longer than `patience`.
    pub fn pop(&self, patience: Duration) -> Pop<T> {
        let state = self.lock();
        let is_idle = |state: &mut State<T>| state.items.is_empty() && !state.closed && !state.woken;
        let (mut state, _) =
            self.changed.wait_timeout_while(state, patience, is_idle).unwrap_or_else(PoisonError::into_inner);
        state.woken = false;
        match state.items.pop_front() {
            Some(item) => {
                state.bytes = state.bytes.saturating_sub(item.bytes());
                Pop::Item(item)
            }
            None if state.closed => Pop::Closed,
            None => Pop::Nothing,
        }
    }

    /// Whether there is room for as many items as are queued.
    pub fn is_half_empty(&self) -> bool {
        let state = self.lock();
        state.items.len() <= self.capacity / 2 && state.bytes <= MOST_BYTES / 2
    }

    /// Ends the waiting for an item, or the next one if nobody waits now.
    pub fn wake(&self) {
        self.lock().woken = true;
        self.changed.notify_all();
    }

    /// Takes nothing any more. What is queued can still be popped.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Drops what is queued and says how much that was.
    pub fn clear(&self) -> u64 {
        let mut state = self.lock();
        state.bytes = 0;
        std::mem::take(&mut state.items).len() as u64
    }

    /// A poisoned lock is taken all the same: no code that holds it can leave the state half changed.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Queued for usize {
        fn bytes(&self) -> usize {
            *self
        }
    }

    #[test]
    fn what_is_queued_is_bounded_in_bytes() {
        let queue = Queue::new(8);
        assert_eq!(queue.push(MOST_BYTES), Push::Queued);
        assert_eq!(queue.push(1), Push::Full);
        assert!(!queue.is_half_empty());
        assert_eq!(queue.pop(Duration::ZERO), Pop::Item(MOST_BYTES));
        assert_eq!((queue.push(1), queue.push(MOST_BYTES)), (Push::Queued, Push::Full));
        assert_eq!(queue.clear(), 1);
        assert_eq!(queue.push(MOST_BYTES), Push::Queued);
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_takes_no_more() {
        let queue = Queue::new(2);
        assert_eq!((queue.push(1), queue.push(2), queue.push(3)), (Push::Queued, Push::Queued, Push::Full));
        queue.close();
        assert_eq!(queue.push(4), Push::Closed);
        let pop = || queue.pop(Duration::ZERO);
        assert_eq!((pop(), pop(), pop()), (Pop::Item(1), Pop::Item(2), Pop::Closed));
    }

    #[test]
    fn who_is_woken_waits_no_longer_and_once_only() {
        let queue = Queue::<usize>::new(2);
        queue.wake();
        assert_eq!(queue.pop(Duration::MAX), Pop::Nothing);
        queue.push(1);
        queue.wake();
        assert_eq!(queue.pop(Duration::MAX), Pop::Item(1));
        assert_eq!(queue.pop(Duration::from_millis(1)), Pop::Nothing);
    }

    #[test]
    fn waiting_for_an_item_ends() {
        let queue = Queue::<usize>::new(2);
        assert_eq!(queue.pop(Duration::from_millis(1)), Pop::Nothing);
    }
}
