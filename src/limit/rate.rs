//! How fast a session may send, and all sessions of an account together: governor's buckets for stanzas and for bytes.

use std::time::{Duration, Instant};

use governor::Quota;
use governor::nanos::Nanos;
use schemars::JsonSchema;
use serde::Deserialize;

use super::bucket::{Bucket, Due, nanoseconds};
use super::store::Refills;
use super::{AccountPermit, Rate};

/// What may pass before it is known whose it is: by then whoever sends it may be gone, and it is charged to nobody. It has
/// room for what clients send with their request for a resource.
const AHEAD: (u32, usize) = (16, 16 * 1024);

/// Leave for one frame to pass. Only the limiter makes one.
#[derive(Debug)]
#[must_use]
pub struct Admitted(());

/// What a piece of the stream costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// A stanza of so many bytes.
    Stanza(usize),
    /// So many bytes that are no stanza: acknowledgements (XEP-0198), which are sent as often as they are asked for, and
    /// white space.
    Bytes(usize),
}

/// What holds a side up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RateLimit {
    /// The stanzas of one session.
    SessionStanzas,
    /// The bytes of one session.
    SessionBytes,
    /// The stanzas of all sessions of one account.
    AccountStanzas,
    /// The bytes of all sessions of one account.
    AccountBytes,
}

impl Cost {
    /// Stanzas and bytes.
    fn units(self) -> (u32, usize) {
        match self {
            Cost::Stanza(bytes) => (1, bytes),
            Cost::Bytes(bytes) => (0, bytes),
        }
    }
}

impl RateLimit {
    pub const ALL: [Self; 4] =
        [Self::SessionStanzas, Self::SessionBytes, Self::AccountStanzas, Self::AccountBytes];

    /// The word in policies and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionStanzas => "session-stanzas",
            Self::SessionBytes => "session-bytes",
            Self::AccountStanzas => "account-stanzas",
            Self::AccountBytes => "account-bytes",
        }
    }
}

/// The next frame has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slowed {
    /// When to ask again.
    pub until: Instant,
    /// The limit that takes the longest.
    pub by: RateLimit,
}

/// The buckets of one session, or those that all sessions of one account share.
pub struct Buckets {
    /// What their times count from.
    start: Instant,
    stanzas: Bucket,
    /// Bytes are counted by the KiB, as governor's interval for one unit is whole nanoseconds, which is too coarse for
    /// single bytes.
    kib: Bucket,
}

/// What has to be paid to some buckets before a session's next frame.
#[derive(Debug, Default)]
struct Debts {
    stanzas: Due,
    kib: Due,
    /// Bytes that do not fill a KiB yet.
    remainder: u16,
}

/// The account of a session, and what the session owes to its buckets. When a session ends, that stays charged: who
/// reconnects comes behind it.
struct Share {
    account: AccountPermit,
    debts: Debts,
}

/// How far it is known whose session it is.
enum Membership {
    /// Nobody is named yet, and perhaps nobody will be. So many stanzas and bytes that pass meanwhile will be charged.
    Awaited {
        stanzas: u32,
        bytes: usize,
    },
    Known(Share),
}

/// What the frames of one side of a session are charged to.
///
/// A frame is charged after it passed: it is never held up itself, the next one waits until its cost is paid back. So a
/// frame of any size gets through, and what is asked before each frame is whether anything is owed.
///
/// To its account, too, each session owes what it has passed itself, and its next frame waits until that is paid, and all
/// that the account's other sessions have passed before. So a session that sends rarely does not wait for one that floods,
/// and one that has passed a large frame waits no longer than the account's rate takes. All sessions of an account together
/// can be ahead of the rate by at most one frame for each of them, of which there are no more than
/// [`AccountLimits::sessions`](super::AccountLimits::sessions), but for those that were resumed, and for the little that
/// passes before it is known whose it is.
pub struct RateLimiter {
    /// `None`: everything is admitted.
    session: Option<(Buckets, Debts)>,
    account: Membership,
}

impl RateLimiter {
    /// Buckets start full. `None`: everything is admitted.
    pub fn new(rate: Option<Rate>, now: Instant) -> Self {
        Self {
            session: rate.map(|rate| (Buckets::new(rate, now), Debts::default())),
            account: Membership::AWAITED,
        }
    }

    /// The client is authenticated: what it passes from here on will be its account's.
    pub fn await_account(&mut self) {
        self.account = Membership::AWAITED;
    }

    /// From now on the account's buckets are charged, too, behind what is owed to them. What has passed since the account
    /// was awaited is charged first.
    pub fn join(&mut self, account: AccountPermit, now: Instant) {
        let mut debts = account.buckets().all_debts();
        if let Membership::Awaited { stanzas, bytes } = self.account {
            account.buckets().charge(&mut debts, stanzas, bytes, now);
        }
        self.account = Membership::Known(Share { account, debts });
    }

    /// Whether all has passed that may as long as it is not known whose it is.
    pub fn is_ahead_of_account(&self) -> bool {
        matches!(self.account, Membership::Awaited { stanzas, bytes } if stanzas >= AHEAD.0 || bytes >= AHEAD.1)
    }

    /// The account that was joined.
    pub fn account(&self) -> Option<&AccountPermit> {
        match &self.account {
            Membership::Known(share) => Some(&share.account),
            Membership::Awaited { .. } => None,
        }
    }

    /// Leave for the next frame, or the time to try again.
    #[inline]
    pub fn admit(&mut self, now: Instant) -> Result<Admitted, Slowed> {
        let in_session = self.session.as_ref().is_none_or(|(buckets, debts)| buckets.are_paid(debts));
        let in_account = match &self.account {
            Membership::Known(Share { account, debts }) => account.buckets().are_paid(debts),
            Membership::Awaited { .. } => true,
        };
        if in_session && in_account { Ok(Admitted(())) } else { self.pay(now) }
    }

    /// Charges what has passed.
    #[inline]
    pub fn charge(&mut self, _admitted: Admitted, cost: Cost, now: Instant) {
        let (stanzas, bytes) = cost.units();
        if let Some((buckets, debts)) = &mut self.session {
            buckets.charge(debts, stanzas, bytes, now);
        }
        match &mut self.account {
            Membership::Awaited { stanzas: all_stanzas, bytes: all_bytes } => {
                *all_stanzas = all_stanzas.saturating_add(stanzas);
                *all_bytes = all_bytes.saturating_add(bytes);
            }
            Membership::Known(Share { account, debts }) => {
                account.buckets().charge(debts, stanzas, bytes, now);
            }
        }
    }

    /// Pays all debts, or tells the one that takes longest.
    #[cold]
    fn pay(&mut self, now: Instant) -> Result<Admitted, Slowed> {
        let session = self.session.as_ref().map(|(buckets, debts)| buckets.pay(debts, now));
        let account = match &self.account {
            Membership::Known(Share { account, debts }) => Some(account.buckets().pay(debts, now)),
            Membership::Awaited { .. } => None,
        };
        let [stanzas, kib] = session.unwrap_or_default();
        let [account_stanzas, account_kib] = account.unwrap_or_default();
        let all = [stanzas, kib, account_stanzas, account_kib].into_iter().zip(RateLimit::ALL);
        let slowed = all.filter_map(|(until, by)| Some(Slowed { until: until?, by }));
        let longest = slowed.reduce(|longest, next| if next.until > longest.until { next } else { longest });
        longest.map_or(Ok(Admitted(())), Err)
    }
}

impl Buckets {
    /// Full ones.
    pub fn new(rate: Rate, now: Instant) -> Self {
        let (stanzas, kib) = rate.quotas();
        Self { start: now, stanzas: Bucket::new(stanzas), kib: Bucket::new(kib) }
    }

    /// Those of another rate, of which as much is used as of these.
    pub(super) fn under(&self, rate: Rate, now: Instant) -> Self {
        let (stanzas, kib) = rate.quotas();
        let now = self.elapsed(now);
        let (stanzas, kib) = (self.stanzas.under(stanzas, now), self.kib.under(kib, now));
        Self { start: self.start, stanzas, kib }
    }

    fn charge(&self, debts: &mut Debts, stanzas: u32, bytes: usize, now: Instant) {
        let now = self.elapsed(now);
        if stanzas > 0 {
            debts.stanzas = self.stanzas.charge(stanzas, now);
        }
        let kib = debts.fill(bytes);
        if kib > 0 {
            debts.kib = self.kib.charge(kib, now);
        }
    }

    /// Everybody's.
    fn all_debts(&self) -> Debts {
        Debts { stanzas: self.stanzas.charge_later(0), kib: self.kib.charge_later(0), remainder: 0 }
    }

    fn are_paid(&self, debts: &Debts) -> bool {
        self.stanzas.is_paid(debts.stanzas) && self.kib.is_paid(debts.kib)
    }

    /// Until when stanzas and KiB have to wait, if they do.
    fn pay(&self, debts: &Debts, now: Instant) -> [Option<Instant>; 2] {
        let now = self.elapsed(now);
        let (stanzas, kib) = (self.stanzas.pay(debts.stanzas, now), self.kib.pay(debts.kib, now));
        [stanzas, kib].map(|paid| paid.err().map(|ready| self.at(ready)))
    }

    /// A session ends. What does not fill a KiB counts as one.
    fn leave(&self, debts: &Debts) {
        self.kib.charge_later(u32::from(debts.remainder > 0));
    }

    fn elapsed(&self, now: Instant) -> Nanos {
        Nanos::new(nanoseconds(now.saturating_duration_since(self.start)))
    }

    fn at(&self, time: Nanos) -> Instant {
        // Further away than a century is as good as never.
        const CENTURY: u64 = 100 * 365 * 86_400 * 1_000_000_000;
        self.start + Duration::from_nanos(time.as_u64().min(2 * CENTURY))
    }
}

impl Rate {
    /// Of stanzas, and of KiB.
    fn quotas(&self) -> (Quota, Quota) {
        let quota = |per_second, burst| Quota::per_second(per_second).allow_burst(burst);
        (quota(self.stanzas_per_second, self.stanza_burst), quota(self.kib_per_second, self.kib_burst))
    }
}

impl Refills for Buckets {
    fn full(&self) -> Instant {
        self.at(self.stanzas.full().max(self.kib.full()))
    }
}

impl Debts {
    /// The KiB that are full with so many more bytes.
    fn fill(&mut self, bytes: usize) -> u32 {
        let bytes = bytes.saturating_add(self.remainder.into());
        self.remainder = (bytes % 1024) as u16;
        u32::try_from(bytes / 1024).unwrap_or(u32::MAX)
    }
}

impl Membership {
    const AWAITED: Self = Self::Awaited { stanzas: 0, bytes: 0 };
}

impl Drop for Share {
    fn drop(&mut self) {
        // Before the permit is given back: an account in debt is remembered for longer.
        self.account.buckets().leave(&self.debts);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

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
        let ready = limiter.admit(now).expect_err("in debt").until;
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
            now = limiter.admit(now).expect_err("in debt").until;
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
        assert_eq!(limiter.admit(now).expect_err("in debt").until, now + Duration::from_secs(2));
    }

    #[test]
    fn bytes_below_a_kib_are_carried_over() {
        let now = Instant::now();
        let mut limiter = RateLimiter::new(rate(1_000_000, 1_000_000, 1, 1), now);
        // 1,023 + 1 fill the burst of one KiB, 1,024 more are owed.
        assert_eq!(pass(&mut limiter, 1023, now, 1), 1);
        assert_eq!(pass(&mut limiter, 1, now, 1), 1);
        assert_eq!(pass(&mut limiter, 512, now, 100), 2);
        assert_eq!(limiter.admit(now).expect_err("in debt").until, now + Duration::from_secs(1));
    }

    #[test]
    fn what_is_larger_than_the_burst_passes_and_is_paid_later() {
        let now = Instant::now();
        let mut limiter = RateLimiter::new(rate(1_000_000, 1_000_000, 1, 2), now);
        assert_eq!(pass(&mut limiter, 7 * 1024, now, 1), 1);
        let slowed = limiter.admit(now).expect_err("in debt");
        assert_eq!((slowed.until, slowed.by), (now + Duration::from_secs(5), RateLimit::SessionBytes));
    }

    #[test]
    fn a_pause_fills_the_bucket_to_the_burst_and_no_further() {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(rate(10, 5, 1_000_000, 1_000_000), start);
        pass(&mut limiter, 1, start, 100);
        let later = start + Duration::from_secs(3600);
        assert_eq!(pass(&mut limiter, 1, later, 100), 6);
    }

    #[test]
    fn the_largest_rates_and_frames_do_not_overflow() {
        let start = Instant::now();
        for per_second in [1, u32::MAX] {
            let mut limiter = RateLimiter::new(rate(per_second, u32::MAX, per_second, u32::MAX), start);
            let far = start + Duration::from_secs(100 * 365 * 86_400);
            for now in [start, far] {
                pass(&mut limiter, usize::MAX, now, 3);
                assert!(limiter.admit(now).map_or_else(|slowed| slowed.until > now, |_| true));
            }
        }
    }

    #[test]
    fn a_session_pays_little_memory_for_its_buckets() {
        assert!(size_of::<RateLimiter>() <= 208, "{}", size_of::<RateLimiter>());
    }
}
