//! The metadata policy at work: what is in force, and which sink gets what of an event.
//!
//! Everything that is written down of connections and sessions passes [`Metadata::observe`].

mod change;
mod period;
#[cfg(test)]
mod tests;

pub use change::PolicyError;

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::disclosure::{
    self, Access, Audit, Diagnostics, DisclosurePolicy, Event, Field, Interest, Observation,
};
use crate::relay::Learn;
use crate::telemetry::{AccessLog, AuditLog, Diagnostic, ExceptionStatus, MetadataStatus, Metrics};

use period::Period;

/// The policies of a configuration.
#[derive(Clone)]
pub(super) struct Policies {
    pub(super) metadata: Arc<DisclosurePolicy>,
    /// Tried beside the other one: what it would let out is counted.
    pub(super) shadow: Option<Arc<DisclosurePolicy>>,
}

impl Policies {
    /// Takes them out of a configuration.
    pub(super) fn of(config: &mut Config) -> Self {
        Self {
            metadata: Arc::new(std::mem::take(&mut config.metadata)),
            shadow: config.shadow.take().map(Arc::new),
        }
    }
}

/// What decides about metadata, and where it goes.
pub(super) struct Metadata {
    in_force: ArcSwap<InForce>,
    /// Changes come one after the other.
    /// Changes come one after the other.
    changing: Mutex<()>,
    access_log: AccessLog,
    audit_log: Option<AuditLog>,
    metrics: Metrics,
}

/// All that one event is judged by.
struct InForce {
    /// As they were loaded.
    policies: Policies,
    /// The metadata policy without the exceptions that are over.
    open: Arc<DisclosurePolicy>,
    /// Of both policies.
    interest: Interest,
    learn: Learn,
    period: Arc<Period>,
}

impl Metadata {
    /// Takes note of an event, of which `describe` tells everything, and writes down what the policy allows.
    pub(super) fn observe<'a>(&self, event: Event, describe: impl FnOnce(&mut Observation<'a>)) {
        let in_force = self.in_force.load();
        let Some(mut observation) = in_force.interest.observe(event, SystemTime::now()) else { return };
        describe(&mut observation);
        let (policy, keys) = (&in_force.open, &in_force.period.keys);
        if let Some(line) = policy.disclose::<Access>(&observation, keys) {
            self.access_log.write(line);
        }
        if let Some(audit_log) = &self.audit_log
            && let Some(line) = policy.disclose::<Audit>(&observation, keys)
        {
            audit_log.write(line);
        }
        if let Some(line) = policy.disclose::<Diagnostics>(&observation, keys) {
            Diagnostic::Disclosed(&line).report();
        }
        if let Some(labels) = policy.disclose::<disclosure::Metrics>(&observation, keys) {
            self.metrics.event(&labels);
        }
        if let Some(shadow) = &in_force.policies.shadow {
            shadow.rehearse(&observation, |sink, field| self.metrics.shadow_disclosed(sink, event, field));
        }
    }

    /// What is in force, for the operator.
    pub(super) fn status(&self) -> MetadataStatus {
        let now = SystemTime::now();
        let in_force = self.in_force.load();
        let Policies { metadata, shadow } = &in_force.policies;
        let mut exceptions = Vec::new();
        for (sink, event, rule) in in_force.open.rules() {
            let open = rule.exceptions().iter().filter_map(|exception| {
                let left = exception.until.duration_since(now).ok().filter(|left| !left.is_zero())?;
                Some(ExceptionStatus {
                    sink: sink.name(),
                    event: event.name(),
                    fields: exception.actions.keys().map(|field| field.name()).collect(),
                    reason: exception.reason.clone(),
                    ends_in: left.as_secs(),
                })
            });
            exceptions.extend(open);
        }
        MetadataStatus {
            policy: metadata.digest.to_string(),
            shadow: shadow.as_ref().map(|shadow| shadow.digest.to_string()),
            exceptions,
            audit_head: self.audit_log.as_ref().map(|audit_log| audit_log.head().to_string()),
        }
    }

    /// What sessions may learn of their streams.
    pub(super) fn learn(&self) -> Learn {
        self.in_force.load().learn
    }
}

impl InForce {
    fn new(policies: Policies, period: Arc<Period>, now: SystemTime) -> Self {
        let open = Arc::clone(&policies.metadata);
        Self::of(policies, open, period, now)
    }

    /// The same policies later on, when exceptions and periods may be over.
    fn later(&self, period: Arc<Period>, now: SystemTime) -> Self {
        Self::of(self.policies.clone(), Arc::clone(&self.open), period, now)
    }

    fn of(policies: Policies, mut open: Arc<DisclosurePolicy>, period: Arc<Period>, now: SystemTime) -> Self {
        if open.ended_exceptions(now).next().is_some() {
            Arc::make_mut(&mut open).end_exceptions(now);
        }
        let shadow = policies.shadow.as_ref().map(|shadow| shadow.interest(now)).unwrap_or_default();
        let interest = open.interest(now) | shadow;
        let anywhere = |field| Event::ALL.into_iter().any(|event| interest.wants(event, field));
        let learn = Learn {
            account: anywhere(Field::Account) || anywhere(Field::Resource),
            stanzas: interest.wants_any(Event::Stanza),
            stanza_id: interest.wants(Event::Stanza, Field::StanzaId),
            from: interest.wants(Event::Stanza, Field::From),
            to: interest.wants(Event::Stanza, Field::To),
        };
        Self { policies, open, interest, learn, period }
    }
}
