//! How what is in force changes: at the start, by a reload, and by itself, when a period or an exception ends. Each change
//! is on record before it takes effect.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;

use crate::disclosure::{self, DisclosurePolicy, Statement, Unannounced};
use crate::process::SecretError;
use crate::telemetry::audit_log::{AuditError, Record};
use crate::telemetry::metrics::{EventMetrics, MetricsError};
use crate::telemetry::{AccessLog, AuditLog, Diagnostic, Metrics};

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
    #[error("the audit log does not take the record of the policy, without which none takes effect")]
    Audit(#[from] AuditError),
}

impl Metadata {
    /// What is in force when the process starts: not more than the last policy on record, unless it says so.
    pub(in crate::proxy) fn start(
        policies: Policies,
        access_log: AccessLog,
        audit_log: Option<AuditLog>,
        metrics: Metrics,
    ) -> Result<Self, PolicyError> {
        let now = SystemTime::now();
        let period = Arc::new(Period::begin(&policies.metadata, now)?);
        let events = Arc::new(EventMetrics::new(&policies.metadata)?);
        if let Some(audit_log) = &audit_log {
            audit_log.record(&Record::Started { version: env!("CARGO_PKG_VERSION") })?;
            put_on_record(audit_log, audit_log.last_policy().as_ref(), &policies.metadata)?;
        }
        let in_force = InForce::new(policies, Some(period), events, now);
        metrics.follow(Arc::clone(&in_force.events));
        let in_force = ArcSwap::from_pointee(in_force);
        Ok(Self { in_force, changing: Mutex::default(), access_log, audit_log, metrics })
    }

    /// From here on these policies are in force; or, if that cannot be, nothing has changed. What lets out something else
    /// begins a period of its own, so that no id or pseudonym joins what two policies let out.
    pub(in crate::proxy) fn replace(&self, policies: Policies) -> Result<(), PolicyError> {
        let _changing = self.lock();
        let now = SystemTime::now();
        let before = self.in_force.load_full();
        let statement = before.policies.metadata.statement();
        let is_the_same = disclosure::compare(&statement, &policies.metadata.statement()).is_empty();
        let period = match self.period(&policies.metadata, now)? {
            current if !is_the_same && before.is_in(&current) => {
                Arc::new(Period::begin(&policies.metadata, now)?)
            }
            period => period,
        };
        let is_unchanged = before.policies.metadata.digest == policies.metadata.digest;
        let events = match is_unchanged {
            // The counters of one policy go on counting.
            true => Arc::clone(&before.events),
            false => Arc::new(EventMetrics::new(&policies.metadata)?),
        };
        match &self.audit_log {
            Some(audit_log) => put_on_record(audit_log, Some(&statement), &policies.metadata)?,
            None => drop(disclosure::may_replace(&statement, &policies.metadata)?),
        }
        let mut after = InForce::new(policies, Some(period), events, now);
        if is_the_same {
            // A clock that was set back opens no exception again.
            after.open = Arc::clone(&before.open);
            after = after.at(now);
        }
        if is_unchanged {
            after.since = before.since;
        }
        self.store(&before, after, now);
        Ok(())
    }

    /// Ends what is over: periods with their keys, and exceptions. Returns how long nothing can end then.
    pub(in crate::proxy) fn keep_up(&self, now: SystemTime) -> Duration {
        let _changing = self.lock();
        let before = self.in_force.load_full();
        let period = self.period(&before.policies.metadata, now).ok();
        // The old keys have had their time: without new ones nothing is disclosed until there are some.
        if period.is_none() && before.period.is_some() {
            Diagnostic::KeysLost.report();
        }
        let after = before.later(period, now);
        let next_end = after.open.next_end(now).and_then(|end| end.duration_since(now).ok());
        let left = after.period.as_ref().map(|period| period.left(now));
        self.store(&before, after, now);
        [left, next_end].into_iter().flatten().fold(LOOK, Duration::min)
    }

    /// What is to be in force takes effect; what ended with it is put on record after that, as it does not wait for it.
    fn store(&self, before: &InForce, after: InForce, now: SystemTime) {
        let is_new_period = after.period.as_ref().is_some_and(|period| !before.is_in(period));
        if !Arc::ptr_eq(&before.events, &after.events) {
            self.metrics.follow(Arc::clone(&after.events));
        }
        self.in_force.store(Arc::new(after));
        self.record_ended_exceptions(&before.open, now);
        if is_new_period {
            self.record(&Record::NewPeriod);
        }
    }

    /// The process ends in order.
    pub(in crate::proxy) fn record_stop(&self) {
        self.record(&Record::Stopped);
    }

    /// The current period, or a new one if that is over or there is none.
    fn period(&self, policy: &DisclosurePolicy, now: SystemTime) -> Result<Arc<Period>, SecretError> {
        match &self.in_force.load().period {
            Some(current) if !current.is_over(policy.pseudonym_period, now) => Ok(Arc::clone(current)),
            _ => Ok(Arc::new(Period::begin(policy, now)?)),
        }
    }

    /// Exceptions end by the clock, whether that is on record or not.
    fn record_ended_exceptions(&self, policy: &DisclosurePolicy, now: SystemTime) {
        for (sink, event, exception) in policy.ended_exceptions(now) {
            let fields: Vec<&str> = exception.actions.keys().map(|field| field.name()).collect();
            self.record(&Record::ExceptionEnded {
                sink: sink.name(),
                event: event.name(),
                fields: &fields,
                reason: &exception.reason,
            });
        }
    }

    /// Puts on record what does not wait for its record.
    fn record(&self, record: &Record<'_>) {
        if let Some(Err(_)) = self.audit_log.as_ref().map(|audit_log| audit_log.record(record)) {
            Diagnostic::NotAudited.report();
        }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Judges a policy by the one before it, and puts on record that it takes effect, or that it does not.
fn put_on_record(
    audit_log: &AuditLog,
    before: Option<&Statement>,
    policy: &DisclosurePolicy,
) -> Result<(), PolicyError> {
    let statement = policy.statement();
    let comparison = before.map(|before| disclosure::may_replace(before, policy)).transpose();
    let replaces = before.map(|before| before.digest.as_str());
    match comparison {
        Ok(comparison) => {
            if before == Some(&statement) {
                return Ok(());
            }
            let widens = comparison.is_some_and(|comparison| comparison.widens());
            audit_log.record(&Record::Policy { statement: &statement, replaces, widens })?;
            Ok(())
        }
        Err(unannounced) => {
            let (digest, replaces) = (&statement.digest, &unannounced.before);
            audit_log.record(&Record::Refused { digest, replaces, reason: "widens" })?;
            Err(unannounced.into())
        }
    }
}
