//! How fast one session may send: governor's buckets, with a clock that is set from the caller's `now`.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota};

use super::Rate;

/// Leave for one frame to pass. Only the limiter makes one.
#[derive(Debug)]
#[must_use]
pub struct Admitted(());

impl Admitted {
    /// Leave for a frame of a side that is held to no rate.
    pub fn without_rate() -> Self {
        Self(())
    }
}

/// What a piece of the stream costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// A stanza of so many bytes.
    Stanza(usize),
    /// So many bytes that are no stanza: acknowledgements (XEP-0198), which are sent as often as they are asked for, and
    /// white space.
    Bytes(usize),
}

/// One session's buckets, for stanzas and for KiB.
///
/// A frame is charged after it passed: it is never held up itself, the next one waits until its cost is paid back. So a
/// frame of any size gets through, and what is asked before each frame is one comparison.
pub struct RateLimiter {
    /// `None`: everything is admitted.
    buckets: Option<Buckets>,
}

struct Buckets {
    /// What the buckets' clocks count from.
    start: Instant,
    stanzas: Bucket,
    kib: Bucket,
    /// Bytes charged that do not fill a KiB yet. Bytes are counted by the KiB, as governor's interval for one unit is
    /// whole nanoseconds, which is too coarse for single bytes.
    remainder: usize,
}

/// A bucket that is drawn on after the fact, so that it can be in debt.
struct Bucket {
    limiter: governor::RateLimiter<NotKeyed, InMemoryState, SetClock, NoOpMiddleware<Nanos>>,
    burst: NonZeroU32,
    /// Units that passed and are not paid yet.
    owed: u32,
}

/// Shows the time that it was last set to, in nanoseconds. Atomic only because governor asks a clock through a shared
/// reference.
#[derive(Default)]
struct SetClock(AtomicU64);

impl RateLimiter {
    /// Buckets start full. `None`: everything is admitted.
    pub fn new(rate: Option<Rate>, now: Instant) -> Self {
        let buckets = rate.map(|rate| Buckets {
            start: now,
            stanzas: Bucket::new(rate.stanzas_per_second, rate.stanza_burst),
            kib: Bucket::new(rate.kib_per_second, rate.kib_burst),
            remainder: 0,
        });
        Self { buckets }
    }

    /// Leave for the next frame, or the time to try again.
    pub fn admit(&mut self, now: Instant) -> Result<Admitted, Instant> {
        let Some(buckets) = &mut self.buckets else { return Ok(Admitted(())) };
        let elapsed = buckets.elapsed(now);
        let stanzas = buckets.stanzas.pay(elapsed);
        let kib = buckets.kib.pay(elapsed);
        match stanzas.err().max(kib.err()) {
            None => Ok(Admitted(())),
            Some(ready) => Err(buckets.start + Duration::from_nanos(ready.as_u64())),
        }
    }

    /// Charges what has passed.
    pub fn charge(&mut self, _admitted: Admitted, cost: Cost, now: Instant) {
        let Some(buckets) = &mut self.buckets else { return };
        let elapsed = buckets.elapsed(now);
        let (stanzas, bytes) = match cost {
            Cost::Stanza(bytes) => (1, bytes),
            Cost::Bytes(bytes) => (0, bytes),
        };
        let bytes = bytes.saturating_add(buckets.remainder);
        buckets.remainder = bytes % 1024;
        buckets.stanzas.charge(stanzas, elapsed);
        buckets.kib.charge(u32::try_from(bytes / 1024).unwrap_or(u32::MAX), elapsed);
    }
}

impl Buckets {
    fn elapsed(&self, now: Instant) -> Nanos {
        now.saturating_duration_since(self.start).into()
    }
}

impl Bucket {
    fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limiter = governor::RateLimiter::direct_with_clock(quota, SetClock::default());
        Self { limiter, burst, owed: 0 }
    }

    fn charge(&mut self, units: u32, now: Nanos) {
        self.owed = self.owed.saturating_add(units);
        // What cannot be paid now is paid by the next `admit`, so the time until then is not needed here.
        let _ = self.pay(now);
    }

    /// Pays what is owed, or says when the next payment can be made.
    fn pay(&mut self, now: Nanos) -> Result<(), Nanos> {
        self.limiter.clock().set(now);
        // governor never grants more than the burst at once, so a larger debt is paid in several parts.
        while let Some(part) = NonZeroU32::new(self.owed.min(self.burst.get())) {
            match self.limiter.check_n(part) {
                Ok(Ok(())) => self.owed -= part.get(),
                Ok(Err(not_until)) => return Err(NotUntil::earliest_possible(&not_until)),
                // Cannot happen, as a part is never over the burst; a debt that could never be paid would end the
                // session, so it is let go.
                Err(_) => self.owed = 0,
            }
        }
        Ok(())
    }
}

impl SetClock {
    fn set(&self, now: Nanos) {
        self.0.store(now.as_u64(), Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(stanzas_per_second: u32, stanza_burst: u32, kib_per_second: u32, kib_burst: u32) -> Option<Rate> {
        let count = |value| NonZeroU32::new(value).expect("not zero");
        Some(Rate {
            stanzas_per_second: count(stanzas_per_second),
            stanza_burst: count(stanza_burst),
            kib_per_second: count(kib_per_second),
            kib_burst: count(kib_burst),
        })
    }

    /// Lets stanzas pass at `now` until the limiter refuses; says how many passed.
    fn pass(limiter: &mut RateLimiter, bytes: usize, now: Instant, at_most: usize) -> usize {
        for passed in 0..at_most {
            match limiter.admit(now) {
                Ok(admitted) => limiter.charge(admitted, Cost::Stanza(bytes), now),
                Err(_) => return passed,
            }
        }
        at_most
    }

    #[test]
    fn without_a_rate_everything_is_admitted() {
        let now = Instant::now();
        let mut limiter = RateLimiter::new(None, now);
        assert_eq!(pass(&mut limiter, usize::MAX, now, 10_000), 10_000);
    }

    #[test]
    fn a_burst_passes_and_one_more_goes_into_debt() {
        let now = Instant::now();
        let mut limiter = RateLimiter::new(rate(10, 5, 1_000_000, 1_000_000), now);
        assert_eq!(pass(&mut limiter, 100, now, 100), 6);
    }

    #[test]
    fn the_time_to_try_again_is_when_the_debt_is_paid() {
        let now = Instant::now();
        let mut limiter = RateLimiter::new(rate(10, 5, 1_000_000, 1_000_000), now);
        pass(&mut limiter, 100, now, 100);
        let ready = limiter.admit(now).expect_err("in debt");
        assert_eq!(ready, now + Duration::from_millis(100));
        assert!(limiter.admit(ready - Duration::from_nanos(1)).is_err());
        assert!(limiter.admit(ready).is_ok());
    }

    #[test]
    fn over_a_long_time_the_rate_is_kept() {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(rate(10, 5, 1_000_000, 1_000_000), start);
        let (mut now, mut passed) = (start, 0);
        while now < start + Duration::from_secs(100) {
            passed += pass(&mut limiter, 100, now, usize::MAX);
            now = limiter.admit(now).expect_err("in debt");
        }
        // The burst, the one in debt, and ten in each second.
        assert_eq!(passed, 5 + 1 + 10 * 100 - 1);
    }

    #[test]
    fn bytes_are_paid_at_their_rate() {
        let now = Instant::now();
        let mut limiter = RateLimiter::new(rate(1_000_000, 1_000_000, 64, 256), now);
        // The burst of 256 KiB is used up; the next 128 KiB take two seconds.
        assert_eq!(pass(&mut limiter, 128 * 1024, now, 100), 3);
        assert_eq!(limiter.admit(now).expect_err("in debt"), now + Duration::from_secs(2));
    }

    #[test]
    fn bytes_below_a_kib_are_carried_over() {
        let now = Instant::now();
        let mut limiter = RateLimiter::new(rate(1_000_000, 1_000_000, 1, 1), now);
        // 1,023 + 1 fill the burst of one KiB, 1,024 more are owed.
        assert_eq!(pass(&mut limiter, 1023, now, 1), 1);
        assert_eq!(pass(&mut limiter, 1, now, 1), 1);
        assert_eq!(pass(&mut limiter, 512, now, 100), 2);
        assert_eq!(limiter.admit(now).expect_err("in debt"), now + Duration::from_secs(1));
    }

    #[test]
    fn what_is_larger_than_the_burst_passes_and_is_paid_in_parts() {
        let now = Instant::now();
        let mut limiter = RateLimiter::new(rate(1_000_000, 1_000_000, 1, 2), now);
        assert_eq!(pass(&mut limiter, 7 * 1024, now, 1), 1);
        let mut ready = now;
        while let Err(next) = limiter.admit(ready) {
            assert!(next > ready);
            ready = next;
        }
        assert_eq!(ready, now + Duration::from_secs(5));
    }

    #[test]
    fn a_pause_fills_the_bucket_to_the_burst_and_no_further() {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(rate(10, 5, 1_000_000, 1_000_000), start);
        pass(&mut limiter, 1, start, 100);
        let later = start + Duration::from_secs(3600);
        // The one in debt is paid out of the five; after the other four one more goes into debt.
        assert_eq!(pass(&mut limiter, 1, later, 100), 5);
    }

    #[test]
    fn the_largest_rates_and_frames_do_not_overflow() {
        let start = Instant::now();
        for per_second in [1, u32::MAX] {
            let mut limiter = RateLimiter::new(rate(per_second, u32::MAX, per_second, u32::MAX), start);
            let far = start + Duration::from_secs(100 * 365 * 86_400);
            for now in [start, far] {
                pass(&mut limiter, usize::MAX, now, 3);
                assert!(limiter.admit(now).map_or_else(|ready| ready > now, |_| true));
            }
        }
    }

    #[test]
    fn a_session_pays_little_memory_for_its_buckets() {
        assert!(size_of::<RateLimiter>() <= 160, "{}", size_of::<RateLimiter>());
    }
}
