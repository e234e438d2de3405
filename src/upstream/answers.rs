//! What is known of one name: pure, `now` is an argument.
//!
//! An answer holds for its TTL. After that it is asked for again, and what was known goes on being used for a day while
//! nobody answers (RFC 8767), so that a dead DNS server stops nobody who can be reached.

use std::time::{Duration, Instant};

/// How long an answer holds at least and at most, whatever its TTL says. At least: a TTL of zero would mean a question
/// for every connection.
const HOLDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

/// How long an answer is used beyond its TTL while nobody gives another (RFC 8767, 5).
const STALE: Duration = Duration::from_secs(86_400);

/// How long nobody is asked again after a failure: with an answer to fall back on (RFC 8767, 5), and without.
const PAUSE_WITH_ANSWER: Duration = Duration::from_secs(30);
const PAUSE_WITHOUT: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolutionError {
    #[error("DNS has no such record")]
    NoRecords,
    #[error("no name server answers, or none knows")]
    NoAnswer,
}

/// What is known of one name.
#[derive(Debug)]
pub struct Known<T> {
    answer: Option<Answer<T>>,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Answer<T> {
    value: T,
    until: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    error: ResolutionError,
    /// Nobody is asked again before.
    until: Instant,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Known { answer: None, failure: None }
    }
}

impl<T: Clone> Known<T> {
    /// What holds without asking. `None`: somebody has to be asked.
    pub fn current(&self, now: Instant) -> Option<Result<T, ResolutionError>> {
        if let Some(answer) = self.answer.as_ref().filter(|answer| now < answer.until) {
            return Some(Ok(answer.value.clone()));
        }
        let failure = self.failure.filter(|failure| now < failure.until)?;
        Some(self.stale(now).ok_or(failure.error))
    }

    /// What was known, if it may still be used.
    pub fn stale(&self, now: Instant) -> Option<T> {
        let answer = self.answer.as_ref().filter(|answer| now < answer.until + STALE)?;
        Some(answer.value.clone())
    }

    /// Somebody answered.
    pub fn learn(&mut self, value: T, holds: Duration, now: Instant) {
        let until = now + holds.clamp(HOLDS.0, HOLDS.1);
        *self = Known { answer: Some(Answer { value, until }), failure: None };
    }

    /// Nobody answered, or the answer was that there is none, of either family: then what was known is not used any more.
    pub fn fail(&mut self, error: ResolutionError, now: Instant) {
        if error == ResolutionError::NoRecords {
            self.answer = None;
        }
        let pause = if self.stale(now).is_some() { PAUSE_WITH_ANSWER } else { PAUSE_WITHOUT };
        self.failure = Some(Failure { error, until: now + pause });
    }
}

#[cfg(test)]
mod tests {
    use super::ResolutionError::{NoAnswer, NoRecords};
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn an_answer_holds_for_its_ttl() {
        let now = Instant::now();
        let mut known = Known::default();
        assert_eq!(known.current(now), None);
        known.learn("a", seconds(60), now);
        assert_eq!(known.current(now + seconds(59)), Some(Ok("a")));
        assert_eq!(known.current(now + seconds(60)), None);
        known.learn("b", seconds(60), now + seconds(60));
        assert_eq!(known.current(now + seconds(61)), Some(Ok("b")));
    }

    #[test]
    fn no_ttl_makes_a_question_for_every_connection_or_one_for_ever() {
        let now = Instant::now();
        let mut known = Known::default();
        known.learn("a", Duration::ZERO, now);
        assert_eq!(known.current(now), Some(Ok("a")));
        known.learn("a", Duration::MAX, now);
        assert_eq!(known.current(now + HOLDS.1), None);
    }

    #[test]
    fn while_nobody_answers_what_was_known_is_used_for_a_day() {
        let now = Instant::now();
        let mut known = Known::default();
        known.learn("a", seconds(60), now);
        let over = now + seconds(60);
        known.fail(NoAnswer, over);
        assert_eq!(known.current(over), Some(Ok("a")));
        assert_eq!(known.current(over + PAUSE_WITH_ANSWER), None);
        let last = over + STALE;
        known.fail(NoAnswer, last - seconds(1));
        assert_eq!(known.current(last - seconds(1)), Some(Ok("a")));
        assert_eq!(known.current(last), Some(Err(NoAnswer)));
    }

    #[test]
    fn a_name_that_is_gone_is_not_used_any_more() {
        let now = Instant::now();
        let mut known = Known::default();
        known.learn("a", seconds(60), now);
        known.fail(NoRecords, now + seconds(60));
        assert_eq!(known.current(now + seconds(60)), Some(Err(NoRecords)));
        assert_eq!(known.stale(now), None);
    }

    #[test]
    fn a_failure_is_remembered_for_a_moment() {
        let now = Instant::now();
        let mut known: Known<&str> = Known::default();
        known.fail(NoAnswer, now);
        assert_eq!(known.current(now), Some(Err(NoAnswer)));
        assert_eq!(known.current(now + PAUSE_WITHOUT), None);
    }
}
