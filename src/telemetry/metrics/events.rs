//! The sink `metrics` of the metadata policy: a counter for each event that a rule lets in, with the rule's fields as
//! its labels. The loader lets only fields in that have few values; what has many all the same is counted together.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry, proto};

use crate::disclosure::{self, Disclosed, DisclosedValue, DisclosurePolicy, Event, Field, Range, SinkName};

use super::MetricsError;

/// Combinations of labels that one event's counter may have; more are counted with each label [`OTHER`].
const MOST_COMBINATIONS: usize = 1_000;

const OTHER: &str = "other";

/// The counters of one policy, and a metric that tells which policy it is.
pub struct EventMetrics {
    /// Apart from everything else: another policy has counters with other labels.
    registry: Registry,
    /// In the order of [`Event::ALL`]; `None` for what no rule lets in.
    counters: [Option<EventCounter>; Event::ALL.len()],
}

struct EventCounter {
    fields: Vec<Field>,
    family: IntCounterVec,
    resolved: Mutex<HashMap<Vec<Cow<'static, str>>, IntCounter>>,
}

impl EventMetrics {
    /// The counters that `policy` asks for, at zero.
    pub fn new(policy: &DisclosurePolicy) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        register(&registry, "vestibule_metadata_policy_info", info(policy)?)?;
        let mut counters = [const { None }; Event::ALL.len()];
        for (event, counter) in Event::ALL.into_iter().zip(&mut counters) {
            let Some(rule) = policy.rule(SinkName::Metrics, event) else { continue };
            let mut fields: Vec<Field> = rule.fields().collect();
            fields.sort();
            fields.dedup();
            *counter = Some(EventCounter::register(&registry, event, fields)?);
        }
        Ok(Self { registry, counters })
    }

    /// An event that the metadata policy lets into the metrics happened.
    pub fn count(&self, disclosed: &Disclosed<disclosure::Metrics>) {
        if let Some(counter) = &self.counters[disclosed.event() as usize] {
            counter.count(disclosed);
        }
    }

    pub(super) fn gather(&self) -> Vec<proto::MetricFamily> {
        self.registry.gather()
    }
}

impl EventCounter {
    fn register(registry: &Registry, event: Event, fields: Vec<Field>) -> Result<Self, MetricsError> {
        const NAME: &str = "vestibule_events_total";
        let failed = |_| MetricsError::Register(NAME);
        let opts = Opts::new(
            format!("vestibule_{}_events_total", event.name()),
            format!("Events of the kind {} that the metadata policy lets into the metrics.", event.name()),
        );
        let labels: Vec<String> = fields.iter().map(|field| field.name().replace('-', "_")).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let family = IntCounterVec::new(opts, &labels).map_err(failed)?;
        register(registry, NAME, family.clone())?;
        Ok(Self { fields, family, resolved: Mutex::default() })
    }

    fn count(&self, disclosed: &Disclosed<disclosure::Metrics>) {
        let mut values: Vec<Cow<'static, str>> = vec![Cow::Borrowed(""); self.fields.len()];
        for (field, value) in disclosed.fields() {
            if let Some(place) = self.fields.iter().position(|known| known == field) {
                values[place] = label(value);
            }
        }
        let mut resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        if resolved.len() >= MOST_COMBINATIONS && !resolved.contains_key(&values) {
            values.fill(Cow::Borrowed(OTHER));
        }
        if let Some(counter) = resolved.get(&values) {
            counter.inc();
        } else if let Ok(counter) = self.family.get_metric_with_label_values(&values) {
            counter.inc();
            resolved.insert(values, counter);
        }
    }
}

/// A value as a label. The loader lets words, configured hosts and ranges in; anything else has no label.
fn label(value: &DisclosedValue) -> Cow<'static, str> {
    match value {
        DisclosedValue::Token(token) => Cow::Borrowed(token),
        DisclosedValue::Text(text) => Cow::Owned(text.clone()),
        DisclosedValue::NumberRange(from, to) => Cow::Owned(Range(*from, *to).to_string()),
        DisclosedValue::SpanRange(from, to) => {
            Cow::Owned(Range(from.as_secs_f64(), to.map(|to| to.as_secs_f64())).to_string())
        }
        _ => Cow::Borrowed(OTHER),
    }
}

/// Always 1; the label tells which policy decides.
fn info(policy: &DisclosurePolicy) -> Result<IntGauge, MetricsError> {
    const NAME: &str = "vestibule_metadata_policy_info";
    let opts = Opts::new(NAME, "Always 1; the label tells which metadata policy is in force.")
        .const_label("digest", policy.digest.to_string());
    let gauge = IntGauge::with_opts(opts).map_err(|_| MetricsError::Register(NAME))?;
    gauge.set(1);
    Ok(gauge)
}

fn register<C: Collector + 'static>(
    registry: &Registry,
    name: &'static str,
    collector: C,
) -> Result<(), MetricsError> {
    registry.register(Box::new(collector)).map_err(|_| MetricsError::Register(name))
}
