//! How many events of a kind are taken note of: who causes them must not fill a log by it.

use std::num::NonZeroU32;
use std::time::Instant;

use governor::Quota;
use governor::nanos::Nanos;

use super::bucket::{Bucket, nanoseconds};

/// So many events at once, and so many in each second. Further ones are not taken note of.
pub struct EventLimit {
    start: Instant,
    bucket: Bucket,
}

impl EventLimit {
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32, now: Instant) -> Self {
        Self { start: now, bucket: Bucket::new(Quota::per_second(per_second).allow_burst(burst)) }
    }

    /// Whether one more is taken note of.
    pub fn admits(&self, now: Instant) -> bool {
        self.bucket.take(Nanos::new(nanoseconds(now.saturating_duration_since(self.start))))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn of_a_flood_of_events_few_are_taken_note_of() {
        let count = |value| NonZeroU32::new(value).expect("not zero");
        let start = Instant::now();
        let limit = EventLimit::new(count(10), count(100), start);
        let noted = |seconds| {
            let of_second = |event: u64| {
                limit.admits(start + Duration::from_secs(seconds) + Duration::from_micros(500) * event as u32)
            };
            (0..2000).filter(|event| of_second(*event)).count()
        };
        assert_eq!(noted(0), 109);
        assert_eq!(noted(1), 10);
    }
}
