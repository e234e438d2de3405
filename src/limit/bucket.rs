//! One bucket: governor's limiter with a clock that is set from the caller's time, and debts. It is drawn on before or
//! after the fact, by as many as share it, without a lock.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{NotUntil, Quota};

/// How much may pass in the course of time.
///
/// governor takes no more than there is. So what passes is charged, and owed as long as it cannot be paid. Debts are paid in
/// the order in which they were charged: of those who share a bucket, nobody who owes little overtakes one who owes much.
///
/// Times are since a moment that the owner chooses. They need not come in order.
pub(super) struct Bucket {
    limiter: governor::RateLimiter<NotKeyed, Memory, Memory, NoOpMiddleware<Nanos>>,
    burst: NonZeroU32,
    /// In which one unit comes back, in nanoseconds.
    interval: u64,
}

/// How much of all that is ever charged to a bucket has to be paid until a debt is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Due(u64);

/// What a limiter remembers, the clock that it sees, and what it does not know: debts. It keeps its state to itself, but shows its clock: as both are
/// here, the state can be looked at.
#[derive(Clone, Default)]
struct Memory(Arc<Remembered>);

#[derive(Default)]
struct Remembered {
    state: InMemoryState,
    /// In nanoseconds.
    now: AtomicU64,
    /// Units that were ever charged.
    charged: AtomicU64,
    /// Those of them that are paid, from the first on.
    paid: AtomicU64,
}

impl Bucket {
    /// Starts full.
    pub fn new(quota: Quota) -> Self {
        // So that nothing of what governor adds up to a burst leaves 64 bits. It is as good as no limit.
        const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);
        let interval = nanoseconds(quota.replenish_interval()).max(1);
        let most = u32::try_from(nanoseconds(LONGEST) / interval).unwrap_or(u32::MAX);
        let burst = quota.burst_size().min(NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN));
        let memory = Memory::default();
        let limiter = governor::RateLimiter::new(quota.allow_burst(burst), memory.clone(), memory);
        Self { limiter, burst, interval }
    }

    /// One for another quota, of which as much is used as of this one, or all of it; what is owed here is owed there, up to a
    /// burst. Its times count from the same moment.
    pub fn under(&self, quota: Quota, now: Nanos) -> Self {
        // What time has paid is known once somebody asks.
        let _ = self.pay(Due(self.charged()), now);
        let other = Self::new(quota);
        let used = self.refilled().as_u64().saturating_sub(now.as_u64()).div_ceil(self.interval);
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        other.charge(used.min(other.burst.get()), now);
        other.charge_within_burst(u32::try_from(self.owed()).unwrap_or(u32::MAX), now);
        other
    }

    /// Takes one unit if it is there.
    pub fn take(&self, now: Nanos) -> bool {
        self.limiter.clock().set(now);
        self.limiter.check().is_ok()
    }

    /// Takes so many units, behind all that is owed. What is not there is owed.
    pub fn charge(&self, units: u32, now: Nanos) -> Due {
        let due = self.charge_later(units);
        let before = Due(due.0.saturating_sub(units.into()));
        // What cannot be paid now is paid before the next, so the time until then is not needed here.
        if self.pay(before, now).is_ok() {
            self.limiter.clock().set(now);
            let _ = self.pay(due, now);
        }
        due
    }

    /// The same, but all that is owed is no more than a burst: nobody waits for longer than that takes.
    pub fn charge_within_burst(&self, units: u32, now: Nanos) {
        // So much of what is owed may be paid by now.
        let _ = self.pay(Due(self.charged().min(self.paid().saturating_add(units.into()))), now);
        let room = u64::from(self.burst.get()).saturating_sub(self.owed());
        self.charge(units.min(u32::try_from(room).unwrap_or(u32::MAX)), now);
    }

    /// Has so many units owed, behind all that is owed already.
    pub fn charge_later(&self, units: u32) -> Due {
        let units = u64::from(units);
        Due(self.limiter.clock().0.charged.fetch_add(units, Ordering::Relaxed).saturating_add(units))
    }

    /// Whether a debt is known to be paid, be it by others.
    pub fn is_paid(&self, due: Due) -> bool {
        due.0 <= self.paid()
    }

    /// Pays a debt and all that is due before it, or says when that can be done.
    ///
    /// governor never grants more than the burst at once, so a larger debt is paid in several parts. Each is paid as of when
    /// it could be: who comes back after a pause has the same as if it had paid meanwhile. If two pay the same at one time,
    /// it is the next debt that has been paid, too.
    pub fn pay(&self, due: Due, now: Nanos) -> Result<(), Nanos> {
        loop {
            let owed = due.0.saturating_sub(self.paid());
            let part = self.burst.get().min(u32::try_from(owed).unwrap_or(u32::MAX));
            let Some(part) = NonZeroU32::new(part) else { return Ok(()) };
            let units = u64::from(part.get());
            match self.limiter.check_n(part) {
                Ok(Err(not_until)) => {
                    let ready = NotUntil::earliest_possible(&not_until);
                    if ready > now {
                        return Err(self.later(ready, owed - units));
                    }
                    self.limiter.clock().set(ready);
                }
                // An error cannot happen, as a part is never over the burst; a debt that could never be paid would end
                // the session, so it is let go.
                Ok(Ok(())) | Err(_) => {
                    self.limiter.clock().0.paid.fetch_add(units, Ordering::Relaxed);
                }
            }
        }
    }

    fn owed(&self) -> u64 {
        self.charged().saturating_sub(self.paid())
    }

    fn charged(&self) -> u64 {
        self.limiter.clock().0.charged.load(Ordering::Relaxed)
    }

    fn paid(&self) -> u64 {
        self.limiter.clock().0.paid.load(Ordering::Relaxed)
    }

    /// When it is full again, with what is owed: a new one would be the same from then on.
    pub fn full(&self) -> Nanos {
        match self.owed() {
            0 => self.refilled(),
            owed => self.later(self.refilled().max(self.limiter.clock().now()), owed),
        }
    }

    /// When all is there again that was taken.
    fn refilled(&self) -> Nanos {
        // Refused, so nothing is replaced.
        let looked_at = self.limiter.clock().measure_and_replace(&NotKeyed::NonKey, |refilled| {
            Err::<((), Nanos), _>(refilled.unwrap_or_default())
        });
        looked_at.err().unwrap_or_default()
    }

    fn later(&self, time: Nanos, units: u64) -> Nanos {
        Nanos::new(time.as_u64().saturating_add(self.interval.saturating_mul(units)))
    }
}

impl Memory {
    /// It never goes back: who shares a bucket may come with a time that is a little older.
    fn set(&self, now: Nanos) {
        self.0.now.fetch_max(now.as_u64(), Ordering::Relaxed);
    }
}

impl Clock for Memory {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.now.load(Ordering::Relaxed))
    }
}

impl StateStore for Memory {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.state.measure_and_replace(key, decide)
    }
}

/// As many as fit: 584 years.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn count(value: u32) -> NonZeroU32 {
        NonZeroU32::new(value).expect("not zero")
    }

    fn bucket(per_second: u32, burst: u32) -> Bucket {
        Bucket::new(Quota::per_second(count(per_second)).allow_burst(count(burst)))
    }

    fn at(nanoseconds: u64) -> Nanos {
        Nanos::new(nanoseconds)
    }

    #[test]
    fn as_many_as_the_burst_can_be_taken_at_once_and_then_one_at_a_time() {
        let bucket = bucket(10, 5);
        let taken = (0..100).filter(|_| bucket.take(at(SECOND))).count();
        assert_eq!(taken, 5);
        assert!(!bucket.take(at(SECOND + SECOND / 10 - 1)));
        assert!(bucket.take(at(SECOND + SECOND / 10)));
        assert!(!bucket.take(at(SECOND + SECOND / 10)));
    }

    #[test]
    fn what_is_refused_is_not_charged() {
        let bucket = bucket(1, 1);
        assert!(bucket.take(at(0)));
        let full = bucket.full();
        assert!((0..1000).all(|_| !bucket.take(at(0))));
        assert_eq!(bucket.full(), full);
    }

    #[test]
    fn debt_is_paid_at_the_rate() {
        let bucket = bucket(10, 5);
        let due = bucket.charge(25, at(0));
        assert_eq!(bucket.full(), at(5 * SECOND / 2));
        assert_eq!(bucket.pay(due, at(0)), Err(at(2 * SECOND)));
        assert_eq!(bucket.pay(due, at(2 * SECOND)), Ok(()));
        assert_eq!((bucket.owed(), bucket.full()), (0, at(5 * SECOND / 2)));
    }

    #[test]
    fn debts_are_paid_in_the_order_in_which_they_were_charged() {
        let bucket = bucket(10, 5);
        let large = bucket.charge(25, at(0));
        let mut small = bucket.charge(1, at(0));
        // However often who owes little asks and draws again, the large debt is paid as if nobody else were there.
        for tenth in 0..20 {
            let now = at(tenth * SECOND / 10);
            assert_eq!(bucket.pay(large, now), Err(at(2 * SECOND)));
            assert_eq!(bucket.pay(small, now), Err(at(2 * SECOND + SECOND / 10)));
        }
        assert_eq!(bucket.pay(small, at(2 * SECOND)), Err(at(2 * SECOND + SECOND / 10)));
        assert!(bucket.is_paid(large));
        small = bucket.charge(1, at(2 * SECOND));
        assert_eq!(bucket.pay(small, at(2 * SECOND)), Err(at(2 * SECOND + SECOND / 5)));
    }

    #[test]
    fn what_nobody_is_there_to_pay_is_paid_by_who_comes_behind_it() {
        let bucket = bucket(10, 5);
        bucket.charge(5, at(0));
        bucket.charge_later(10);
        assert_eq!(bucket.full(), at(3 * SECOND / 2));
        let due = bucket.charge_later(0);
        assert_eq!(bucket.pay(due, at(0)), Err(at(SECOND)));
        assert_eq!(bucket.pay(due, at(SECOND)), Ok(()));
    }

    #[test]
    fn what_is_charged_within_a_burst_leaves_no_more_than_a_burst_owed() {
        let bucket = bucket(10, 5);
        (0..100).for_each(|_| bucket.charge_within_burst(1, at(0)));
        assert_eq!(bucket.owed(), 5);
        bucket.charge_within_burst(1, at(SECOND / 10));
        assert_eq!(bucket.owed(), 5);
        assert_eq!(bucket.pay(bucket.charge_later(0), at(0)), Err(at(6 * SECOND / 10)));
    }

    #[test]
    fn what_time_has_paid_is_not_owed_under_another_quota() {
        let bucket = bucket(10, 5);
        bucket.charge(25, at(0));
        let other = bucket.under(Quota::per_second(count(10)).allow_burst(count(100)), at(SECOND));
        assert_eq!((other.full(), bucket.full()), (at(5 * SECOND / 2), at(5 * SECOND / 2)));
    }

    #[test]
    fn many_threads_take_no_more_than_one_would() {
        let bucket = bucket(1, 1000);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..1000).filter(|_| bucket.take(at(0))).count())).collect();
            threads.into_iter().map(|thread| thread.join().expect("it ends")).sum()
        });
        assert_eq!(taken, 1000);
    }

    #[test]
    fn who_share_it_are_ahead_by_one_each_at_most() {
        let bucket = bucket(1, 1000);
        let pass_as_many_as_may = || {
            let (mut passed, mut due) = (0, Due::default());
            while bucket.pay(due, at(0)).is_ok() {
                due = bucket.charge(1, at(0));
                passed += 1;
            }
            passed
        };
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(pass_as_many_as_may)).collect();
            threads.into_iter().map(|thread| thread.join().expect("it ends")).sum()
        });
        assert!((1000..=1004).contains(&passed), "{passed}");
    }

    #[test]
    fn the_clock_of_who_shares_it_never_goes_back() {
        let bucket = bucket(10, 1);
        assert!(bucket.take(at(SECOND)));
        let due = bucket.charge(1, at(SECOND - 1));
        assert_eq!(bucket.pay(due, at(SECOND - 1)), Err(at(SECOND + SECOND / 10)));
    }

    #[test]
    fn a_burst_of_centuries_does_not_overflow() {
        let bucket = Bucket::new(Quota::per_minute(NonZeroU32::MIN).allow_burst(NonZeroU32::MAX));
        let far = at(nanoseconds(Duration::from_secs(100 * 365 * 86_400)));
        for now in [at(0), far] {
            let due = bucket.charge(u32::MAX, now);
            assert!(bucket.pay(due, now).expect_err("in debt") > now);
            assert!(bucket.full() > now);
        }
    }
}
