//! The times in which pseudonyms can be linked: each has a secret of its own, which is destroyed at its end.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::disclosure::{DisclosurePolicy, PseudonymKeys};
use crate::process::{LockedKeys, SecretError};

/// How late the end of a period may be noticed.
const GRACE: Duration = Duration::from_secs(5);

/// A time in which pseudonyms can be linked.
pub(super) struct Period {
    pub(super) keys: PseudonymKeys,
    length: Duration,
    /// Both ends are looked at: the clock can be set back.
    ends: SystemTime,
    ends_at_latest: Instant,
}

impl Period {
    /// A period for `policy`. It ends with the next whole multiple of its length since 1970, so that it ends with the day, for
    /// instance.
    pub(super) fn begin(policy: &DisclosurePolicy, now: SystemTime) -> Result<Self, SecretError> {
        let length = policy.pseudonym_period;
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let begun = Duration::from_secs(since_epoch.as_secs() % length.as_secs().max(1));
        let left = length.saturating_sub(begun);
        let mut keys = PseudonymKeys::new(LockedKeys::random()?);
        keys.prepare(policy);
        Ok(Self { keys, length, ends: now + left, ends_at_latest: Instant::now() + left })
    }

    /// Whether it should end now, for a policy whose periods have this length.
    pub(super) fn is_over(&self, length: Duration, now: SystemTime) -> bool {
        length != self.length || now >= self.ends || Instant::now() >= self.ends_at_latest
    }

    /// Whether it has not been ended in time: its keys make no pseudonyms any more.
    pub(super) fn is_long_over(&self, now: SystemTime) -> bool {
        let overdue = |after: Option<Duration>| after.is_some_and(|after| after > GRACE);
        overdue(now.duration_since(self.ends).ok())
            || overdue(Instant::now().checked_duration_since(self.ends_at_latest))
    }

    /// How long it still lasts.
    pub(super) fn left(&self, now: SystemTime) -> Duration {
        let by_the_clock = self.ends.duration_since(now).unwrap_or_default();
        by_the_clock.min(self.ends_at_latest.saturating_duration_since(Instant::now()))
    }
}
