use std::time::Instant;

use super::Rate;

/// Leave for one frame to pass. Only [`RateLimiter::admit`] makes one.
#[must_use]
pub struct Admitted(());

/// One session's buckets (governor's, with a clock that is set).
///
/// A frame is charged after it passed: it is never held up itself, the next one waits until its cost is paid back.
pub struct RateLimiter {}

impl RateLimiter {
    /// `None`: everything is admitted.
    pub fn new(_rate: Option<Rate>, _now: Instant) -> Self {
        todo!()
    }

    /// Leave for the next frame, or the time to try again.
    pub fn admit(&mut self, _now: Instant) -> Result<Admitted, Instant> {
        todo!()
    }

    /// Charges a stanza of `bytes`. Acknowledgements (XEP-0198) are not charged as stanzas: the caller leaves them out.
    pub fn charge(&mut self, _admitted: Admitted, _bytes: usize, _now: Instant) {
        todo!()
    }
}
