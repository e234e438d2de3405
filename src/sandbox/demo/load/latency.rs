//! How long messages take from one client to the other, and how many have come so far.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// What all users count together while they write.
#[derive(Default)]
pub struct Meter {
    open: AtomicUsize,
    resumptions: AtomicUsize,
    expected: AtomicUsize,
    /// In microseconds, in the order in which the messages came.
    times: Mutex<Vec<u64>>,
}

/// By how many of the messages had come: in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    pub median_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// That a session is open, as long as this is held.
pub struct Opened(Arc<Meter>);

impl Meter {
    /// A session has opened.
    pub fn open(self: &Arc<Self>) -> Opened {
        self.open.fetch_add(1, Ordering::Relaxed);
        Opened(self.clone())
    }

    /// Sessions that are open.
    pub fn sessions(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A session has gone on over another connection.
    pub fn note_resumption(&self) {
        self.resumptions.fetch_add(1, Ordering::Relaxed);
    }

    pub fn resumptions(&self) -> usize {
        self.resumptions.load(Ordering::Relaxed)
    }

    /// So many messages are to come.
    pub fn expect(&self, messages: usize) {
        self.expected.store(messages, Ordering::Relaxed);
    }

    pub fn expected(&self) -> usize {
        self.expected.load(Ordering::Relaxed)
    }

    /// A message has come after this time.
    pub fn note(&self, time: Duration) {
        self.times().push(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Messages that have come so far.
    pub fn messages(&self) -> usize {
        self.times().len()
    }

    pub fn latency(&self) -> Latency {
        let times = self.times().clone();
        Latency::of(times)
    }

    fn times(&self) -> MutexGuard<'_, Vec<u64>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Latency {
    /// Of times in microseconds; of none it is zero.
    pub fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        // The smallest time that so many of a hundred messages did not take longer than: the nearest rank.
        let at = |hundredths: usize| {
            let rank = (times.len() * hundredths).div_ceil(100).max(1);
            #[expect(clippy::cast_precision_loss, reason = "figures for people")]
            times.get(rank - 1).map_or(0.0, |time| *time as f64 / 1000.0)
        };
        Self { median_ms: at(50), p90_ms: at(90), p99_ms: at(99), max_ms: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = (1..=100).rev().map(|milliseconds| milliseconds * 1000).collect();
        let Latency { median_ms, p90_ms, p99_ms, max_ms } = Latency::of(times);
        assert_eq!([median_ms, p90_ms, p99_ms, max_ms], [50.0, 90.0, 99.0, 100.0]);
        let one = Latency::of(vec![7000]);
        assert_eq!([one.median_ms, one.p90_ms, one.p99_ms, one.max_ms], [7.0; 4]);
        assert_eq!(Latency::of(Vec::new()), Latency::default());
        assert_eq!(
            Latency::of(vec![1000, 1000, 9000]).p99_ms,
            9.0,
            "the slowest of a few is among the worst"
        );
    }

    #[test]
    fn a_session_counts_as_long_as_it_is_open() {
        let meter = Arc::new(Meter::default());
        let (first, second) = (meter.open(), meter.open());
        assert_eq!(meter.sessions(), 2);
        drop(first);
        assert_eq!(meter.sessions(), 1);
        drop(second);
        assert_eq!(meter.sessions(), 0);
    }
}
