//! How the process tells its sessions to end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// A flag that every session looks at when it wakes. A session registers once, so that it can be woken for it.
#[derive(Debug, Default)]
pub struct Stop {
    stopping: AtomicBool,
    next: AtomicU64,
    sleeping: Mutex<HashMap<u64, Waker>>,
}

/// A session's entry. Taken out when it is dropped.
#[derive(Debug)]
pub(super) struct Registration {
    stop: Arc<Stop>,
    key: u64,
}

impl Stop {
    /// Tells all sessions, those to come too.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        let sleeping = std::mem::take(&mut *self.lock());
        sleeping.into_values().for_each(Waker::wake);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Waits until the process stops.
    pub async fn stopped(self: &Arc<Self>) {
        let mut registration = None;
        std::future::poll_fn(|cx| {
            registration = Some(self.register(cx.waker()));
            if self.is_stopping() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    pub(super) fn register(self: &Arc<Self>, waker: &Waker) -> Registration {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(key, waker.clone());
        Registration { stop: Arc::clone(self), key }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Waker>> {
        // No code panics while it holds the lock; and if it did, the map is whole.
        self.sleeping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.stop.lock().remove(&self.key);
    }
}
