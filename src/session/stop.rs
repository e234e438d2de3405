//! How the process tells its sessions to end, one after the other.
//!
//! There is no list to go through and no timer of its own: a session finds its turn by itself, and wakes for it by the
//! timer that it has.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

/// 2^64 divided by the golden ratio. Its multiples, modulo 2^64, fall evenly everywhere, as do those of every second or
/// every third number (Knuth, The Art of Computer Programming, volume 3, 6.4): whichever sessions can be resumed, and
/// whichever are still open, they are spread evenly.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What every session looks at when it wakes. A session registers once, so that it can be woken for it.
#[derive(Debug, Default)]
pub struct Stop {
    /// When the last session is told to end.
    ends: OnceLock<Instant>,
    next: AtomicU64,
    sleeping: Mutex<HashMap<u64, Waker>>,
}

/// A session's entry. Taken out when it is dropped.
#[derive(Debug)]
pub(super) struct Registration {
    stop: Arc<Stop>,
    key: u64,
    turn: Option<Instant>,
}

impl Stop {
    /// Tells all sessions to end between now and `ends`, those to come too. Only the first call counts.
    pub fn drain(&self, ends: Instant) {
        // A drain that has begun goes on as it is.
        let _ = self.ends.set(ends);
        let sleeping = std::mem::take(&mut *self.lock());
        sleeping.into_values().for_each(Waker::wake);
    }

    /// Waits until the process drains. By the time that is given, all sessions have been told to end.
    pub async fn draining(self: &Arc<Self>) -> Instant {
        let mut registration = None;
        std::future::poll_fn(|cx| {
            registration = Some(self.register(cx.waker()));
            self.ends.get().map_or(Poll::Pending, |ends| Poll::Ready(*ends))
        })
        .await
    }

    /// Waits until all sessions have been told to end.
    pub async fn stopped(self: &Arc<Self>) {
        tokio::time::sleep_until(self.draining().await.into()).await;
    }

    pub(super) fn register(self: &Arc<Self>, waker: &Waker) -> Registration {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(key, waker.clone());
        Registration { stop: Arc::clone(self), key, turn: None }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Waker>> {
        // No code panics while it holds the lock; and if it did, the map is whole.
        self.sleeping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// When the session is to end: at its part of the time that was left when it first heard of the drain. So one that
    /// begins late has its turn, too. `None` while the process does not drain.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Instant> {
        let ends = *self.stop.ends.get()?;
        let part = self.key.wrapping_mul(GOLDEN) as f64 / 2_f64.powi(64);
        Some(*self.turn.get_or_insert_with(|| now + ends.saturating_duration_since(now).mul_f64(part)))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.stop.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SPREAD: Duration = Duration::from_secs(60);

    /// How many of these sessions have their turn in each quarter of the spread.
    fn quarters(keys: impl Iterator<Item = u64>) -> [usize; 4] {
        let stop = Arc::new(Stop::default());
        let now = Instant::now();
        stop.drain(now + SPREAD);
        let mut quarters = [0; 4];
        for key in keys {
            stop.next.store(key, Ordering::Relaxed);
            let turn = stop.register(Waker::noop()).turn(now).unwrap();
            quarters[((turn - now).as_secs() / 15).min(3) as usize] += 1;
        }
        quarters
    }

    #[test]
    fn whichever_sessions_are_left_they_are_spread_evenly() {
        for step in 1..=64 {
            for first in [0, 1_000_003] {
                let quarters = quarters((0..1000).map(|number| first + step * number));
                assert!(
                    quarters.iter().all(|count| (230..=270).contains(count)),
                    "every {step}: {quarters:?}"
                );
            }
        }
    }

    #[test]
    fn a_session_that_begins_late_has_its_turn_within_what_is_left() {
        let stop = Arc::new(Stop::default());
        let now = Instant::now();
        let mut early = stop.register(Waker::noop());
        assert_eq!(early.turn(now), None);
        stop.drain(now + SPREAD);
        let turn = early.turn(now).unwrap();
        assert_eq!(early.turn(now + SPREAD / 2), Some(turn));
        let late = now + SPREAD * 3 / 4;
        for _ in 0..100 {
            let turn = stop.register(Waker::noop()).turn(late).unwrap();
            assert!(turn >= late && turn <= now + SPREAD);
        }
        let after = now + SPREAD * 2;
        assert_eq!(stop.register(Waker::noop()).turn(after), Some(after));
    }
}
