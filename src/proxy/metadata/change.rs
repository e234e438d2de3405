//! How what is in force changes: at the start, by a reload, and by itself, when a period or an exception ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;

use crate::disclosure::{self, DisclosurePolicy, Unannounced};
use crate::process::SecretError;
use crate::telemetry::metrics::MetricsError;
use crate::telemetry::{AccessLog, Diagnostic, Metrics};

use super::period::Period;
use super::{InForce, Metadata, Policies};

/// The longest between two looks at the clock, which may have been set.
const LOOK: Duration = Duration::from_secs(30);

/// Why a metadata policy cannot take effect.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Unannounced(#[from] Unannounced),
}

impl Metadata {
    /// What is in force when the process starts.
    pub(in crate::proxy) fn start(
        policies: Policies,
        access_log: AccessLog,
        metrics: Metrics,
    ) -> Result<Self, PolicyError> {
        let now = SystemTime::now();
        let period = Arc::new(Period::begin(policies.metadata.pseudonym_period, now)?);
        metrics.follow(&policies.metadata)?;
        let in_force = ArcSwap::from_pointee(InForce::new(policies, period, now));
        Ok(Self { in_force, changing: Mutex::default(), access_log, metrics })
    }

    /// From here on these policies are in force; or, if that cannot be, nothing has changed.
    pub(in crate::proxy) fn replace(&self, policies: Policies) -> Result<(), PolicyError> {
        let _changing = self.lock();
        let now = SystemTime::now();
        let before = self.in_force.load().policies.metadata.statement();
        disclosure::may_replace(&before, &policies.metadata)?;
        let period = self.period(&policies.metadata, now)?;
        self.metrics.follow(&policies.metadata)?;
        self.in_force.store(Arc::new(InForce::new(policies, period, now)));
        Ok(())
    }

    /// Ends what is over: periods with their keys, and exceptions. Returns how long nothing can end then.
    pub(in crate::proxy) fn keep_up(&self) -> Duration {
        let _changing = self.lock();
        let now = SystemTime::now();
        let before = self.in_force.load_full();
        let policies = before.policies.clone();
        let after = match self.period(&policies.metadata, now) {
            Ok(period) => InForce::new(policies, period, now),
            // The old keys have had their time: without new ones nothing is disclosed any more.
            Err(_) => {
                Diagnostic::KeysLost.report();
                let nothing = Policies { metadata: Arc::default(), shadow: None };
                InForce::new(nothing, Arc::clone(&before.period), now)
            }
        };
        let next_end = after.policies.metadata.next_end(now);
        let exception = next_end.and_then(|end| end.duration_since(now).ok()).unwrap_or(LOOK);
        let left = after.period.left(now).min(exception).min(LOOK);
        self.in_force.store(Arc::new(after));
        left
    }

    /// The current period, or a new one if that is over.
    fn period(&self, policy: &DisclosurePolicy, now: SystemTime) -> Result<Arc<Period>, SecretError> {
        let current = Arc::clone(&self.in_force.load().period);
        if !current.is_over(policy.pseudonym_period, now) {
            return Ok(current);
        }
        Ok(Arc::new(Period::begin(policy.pseudonym_period, now)?))
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
