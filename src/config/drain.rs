//! How the process ends: the times, within bounds, so that one that was told to end does.

use std::time::Duration;

use super::ConfigError;
use super::document::DrainDocument;
use super::files::Files;
use crate::policy::{Located, Period};

const LONGEST_DELAY: Duration = Duration::from_secs(600);
const LONGEST_SPREAD: Duration = Duration::from_secs(3600);

/// How the sessions end when the process is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// From the moment that the process is no longer ready until it takes no more clients.
    pub delay: Duration,
    /// From then on until the last session is told to end.
    pub spread: Duration,
}

pub(super) fn drain(files: &mut Files, document: &DrainDocument) -> Drain {
    let mut bounded = |period: &Located<Period>, longest: Duration| {
        if period.value.duration() > longest {
            files.problem(period.at, &ConfigError::LongDrain { most: longest.as_secs() });
        }
        period.value.duration()
    };
    Drain {
        delay: bounded(&document.delay, LONGEST_DELAY),
        spread: bounded(&document.spread, LONGEST_SPREAD),
    }
}
