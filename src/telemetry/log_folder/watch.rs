//! When to look for what has reached its retention.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::Now;
use crate::telemetry::Diagnostic;
use crate::telemetry::metrics::LogName;

/// How soon to try again what could not be deleted.
const RETRY: Duration = Duration::from_secs(60);

pub(in crate::telemetry) struct Watch {
    log: LogName,
    /// At once, as long as it is none.
    wake: Option<Instant>,
    failing: bool,
}

impl Watch {
    pub fn new(log: LogName) -> Self {
        Self { log, wake: None, failing: false }
    }

    /// There is a new segment, which may be due before those that were looked at.
    pub fn look_at_once(&mut self) {
        self.wake = None;
    }

    /// For how long nothing is due; `None` if it is time to look.
    pub fn rest(&self, now: Now) -> Option<Duration> {
        let rest = self.wake?.saturating_duration_since(now.steady);
        (!rest.is_zero()).then_some(rest)
    }

    /// What came of looking: after how long something is due, or why it could not be deleted, which is told when it
    /// begins. Returns when to look again.
    pub fn looked(&mut self, now: Now, outcome: Result<Duration, ErrorKind>) -> Duration {
        if let Err(kind) = outcome
            && !self.failing
        {
            Diagnostic::LogNotDeleted { log: self.log, kind }.report();
        }
        self.failing = outcome.is_err();
        let wait = outcome.unwrap_or(RETRY);
        self.wake = now.steady.checked_add(wait);
        wait
    }
}
