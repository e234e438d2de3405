//! That connections cannot be accepted is told once in a while: it may fail, succeed and fail again many times a second.

use std::io;
use std::time::{Duration, Instant};

use super::Diagnostic;

/// What was told is true for so long.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// The failures of one listener.
#[derive(Debug, Default)]
pub struct AcceptFailures {
    told: Option<Instant>,
}

impl AcceptFailures {
    pub fn report(&mut self, error: &io::Error) {
        if self.is_news(Instant::now()) {
            Diagnostic::AcceptFailed { errno: error.raw_os_error() }.report();
        }
    }

    fn is_news(&mut self, now: Instant) -> bool {
        let is_news = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_FOR);
        if is_news {
            self.told = Some(now);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_is_told_once_a_minute() {
        let (start, mut failures) = (Instant::now(), AcceptFailures::default());
        let told =
            (0..1800).filter(|tenth| failures.is_news(start + Duration::from_millis(100) * *tenth)).count();
        assert_eq!(told, 3);
    }
}
