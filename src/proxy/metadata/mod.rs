//! The metadata policy at work: what is in force, and which sink gets what of an event.
//!
//! Everything that is written down of connections and sessions passes [`Metadata::observe`], and what the gatekeeper is
//! told of a connection [`Metadata::tell_gatekeeper`].

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
    self, Access, Audit, Diagnostics, Disclosed, DisclosurePolicy, Event, Field, Gatekeeper, Interest,
    Observation,
};
use crate::relay::Learn;
use crate::telemetry::metrics::EventMetrics;
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
    changing: Mutex<()>,
    access_log: AccessLog,
    audit_log: Option<AuditLog>,
    metrics: Metrics,
}

/// All that one event is judged by.
struct InForce {
    /// As they were loaded.
    policies: Policies,
    /// Since when they are in force.
    since: SystemTime,
    /// The metadata policy without the exceptions that are over.
    open: Arc<DisclosurePolicy>,
    /// Of both policies.
    interest: Interest,
    learn: Learn,
    /// What the sink `metrics` counts. Another policy's counters may have coarser labels.
    events: Arc<EventMetrics>,
    /// `None` if there is no memory for keys: nothing is disclosed then.
    period: Option<Arc<Period>>,
}

impl Metadata {
    /// Takes note of an event, of which `describe` tells everything, and writes down what the policy allows.
    pub(super) fn observe<'a>(&self, event: Event, describe: impl FnOnce(&mut Observation<'a>)) {
        let now = SystemTime::now();
        let in_force = self.in_force.load();
        let Some(mut observation) = in_force.interest.observe(event, now) else { return };
        let Some(period) = in_force.period.as_ref().filter(|period| !period.is_long_over(now)) else {
            return;
        };
        describe(&mut observation);
        let (policy, keys) = (&in_force.open, &period.keys);
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
            in_force.events.count(&labels);
        }
        if let Some(shadow) = &in_force.policies.shadow {
            shadow.rehearse(&observation, |sink, field| self.metrics.shadow_disclosed(sink, event, field));
        }
    }

    /// What the gatekeeper may be told of a connection, of which `describe` tells everything. It is asked when the
    /// gatekeeper is connected to, and goes nowhere else: the other sinks were told of the connection by
    /// [`observe`](Self::observe).
    pub(super) fn tell_gatekeeper<'a>(
        &self,
        describe: impl FnOnce(&mut Observation<'a>),
    ) -> Option<Disclosed<Gatekeeper>> {
        let now = SystemTime::now();
        let in_force = self.in_force.load();
        let mut observation = in_force.interest.observe(Event::Connection, now)?;
        let period = in_force.period.as_ref().filter(|period| !period.is_long_over(now))?;
        describe(&mut observation);
        in_force.open.disclose::<Gatekeeper>(&observation, &period.keys)
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
                    reason: disclosure::visible(&exception.reason),
                    ends_in: left.as_secs(),
                })
            });
            exceptions.extend(open);
        }
        MetadataStatus {
            policy: metadata.digest.to_string(),
            since: super::status::moment(in_force.since),
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
    fn new(
        policies: Policies,
        period: Option<Arc<Period>>,
        events: Arc<EventMetrics>,
        now: SystemTime,
    ) -> Self {
        let open = Arc::clone(&policies.metadata);
        let (interest, learn) = Default::default();
        Self { policies, since: now, open, interest, learn, events, period }.at(now)
    }

    fn is_in(&self, period: &Arc<Period>) -> bool {
        self.period.as_ref().is_some_and(|current| Arc::ptr_eq(current, period))
    }

    /// The same policies in another period.
    fn later(&self, period: Option<Arc<Period>>, now: SystemTime) -> Self {
        let Self { policies, since, open, interest, learn, events, .. } = self;
        let (policies, open, events) = (policies.clone(), Arc::clone(open), Arc::clone(events));
        Self { policies, since: *since, open, interest: *interest, learn: *learn, events, period }.at(now)
    }

    /// Takes out what is over, and knows what may be seen of the rest.
    fn at(mut self, now: SystemTime) -> Self {
        if self.open.ended_exceptions(now).next().is_some() {
            Arc::make_mut(&mut self.open).end_exceptions(now);
            // The labels that an exception opened end with it.
            if let Ok(events) = EventMetrics::new(&self.open) {
                self.events = Arc::new(events);
            }
        }
        let shadow = self.policies.shadow.as_ref().map(|shadow| shadow.interest(now)).unwrap_or_default();
        let interest = self.open.interest(now) | shadow;
        let anywhere = |field| Event::ALL.into_iter().any(|event| interest.wants(event, field));
        self.interest = interest;
        self.learn = Learn {
            account: anywhere(Field::Account) || anywhere(Field::Resource),
            stanzas: interest.wants_any(Event::Stanza),
            stanza_type: interest.wants(Event::Stanza, Field::StanzaType),
            stanza_id: interest.wants(Event::Stanza, Field::StanzaId),
            from: interest.wants(Event::Stanza, Field::From),
            to: interest.wants(Event::Stanza, Field::To),
        };
        self
    }
}
