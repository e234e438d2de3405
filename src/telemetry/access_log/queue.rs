//! A bounded queue between many tasks that must not wait and one thread that does.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(super) struct Queue<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    /// Something was queued, or the queue was closed.
    changed: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    closed: bool,
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Push {
    Queued,
    Full,
    Closed,
}

impl<T> Queue<T> {
    pub fn new(capacity: usize) -> Self {
        let state = State { items: VecDeque::new(), closed: false };
        Self { capacity, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Never waits for room.
    pub fn push(&self, item: T) -> Push {
        let mut state = self.lock();
        if state.closed {
            return Push::Closed;
        }
        if state.items.len() >= self.capacity {
            return Push::Full;
        }
        state.items.push_back(item);
        self.changed.notify_one();
        Push::Queued
    }

    /// Waits for an item; `None` when the queue is closed and empty.
    pub fn pop(&self) -> Option<T> {
        let state = self.lock();
        let mut state = self
            .changed
            .wait_while(state, |state| state.items.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        state.items.pop_front()
    }

    /// Takes nothing any more. What is queued can still be popped.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Drops what is queued and says how much that was.
    pub fn clear(&self) -> u64 {
        std::mem::take(&mut self.lock().items).len() as u64
    }

    /// A poisoned lock is taken all the same: no code that holds it can leave the state half changed.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
