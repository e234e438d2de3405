//! The metrics at one moment, for pages that show some of them.

use std::collections::BTreeMap;

use prometheus::proto::{Metric, MetricFamily, MetricType};

/// Counters and gauges by name, each with the values of its labels.
#[derive(Clone, Debug, Default)]
pub struct Snapshot(BTreeMap<String, Vec<Count>>);

/// One counter or gauge.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// By label: words from closed lists, and configured names.
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Count {
    /// The value of a label; nothing if there is no such label.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl Snapshot {
    pub(super) fn of(families: &[MetricFamily]) -> Self {
        let counts = |family: &MetricFamily| {
            let kind = family.get_field_type();
            family.get_metric().iter().filter_map(|metric| count(kind, metric)).collect()
        };
        Self(families.iter().map(|family| (family.name().to_owned(), counts(family))).collect())
    }

    /// Those of one metric that are not zero.
    pub fn of_metric(&self, name: &str) -> impl Iterator<Item = &Count> {
        self.0.get(name).into_iter().flatten().filter(|count| count.value != 0.0)
    }

    /// The sum over all labels.
    pub fn sum(&self, name: &str) -> f64 {
        self.of_metric(name).map(|count| count.value).sum()
    }
}

fn count(kind: MetricType, metric: &Metric) -> Option<Count> {
    let value = match kind {
        MetricType::COUNTER => metric.get_counter().get_value(),
        MetricType::GAUGE => metric.get_gauge().get_value(),
        _ => return None,
    };
    let labels = metric.get_label().iter();
    let labels = labels.map(|label| (label.name().to_owned(), label.value().to_owned())).collect();
    Some(Count { labels, value })
}
