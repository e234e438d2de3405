//! The hosts that have metrics: from when a configuration serves them until none does and their last session has ended.

use std::collections::{BTreeMap, HashMap};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};

use super::families::SessionFamilies;
use super::session::HostMetrics;

/// All of them. A host's metrics end with the last who holds them, so that hosts that come and go leave nothing behind.
pub(super) struct Hosts {
    families: SessionFamilies,
    known: Mutex<BTreeMap<String, Weak<HostMetrics>>>,
}

impl Hosts {
    pub fn new(families: SessionFamilies) -> Self {
        Self { families, known: Mutex::default() }
    }

    /// The metrics of a host: those that it has, or new ones, which begin at zero.
    pub fn of(self: &Arc<Self>, name: &str) -> Arc<HostMetrics> {
        let mut known = self.known();
        if let Some(host) = known.get(name).and_then(Weak::upgrade) {
            return host;
        }
        let host = Arc::new(HostMetrics::resolve(Arc::clone(self), &self.families, name));
        known.insert(name.to_owned(), Arc::downgrade(&host));
        host
    }

    pub fn all(&self) -> Vec<Arc<HostMetrics>> {
        // What is dropped here last is dropped by the caller: it takes the lock.
        self.known().values().filter_map(Weak::upgrade).collect()
    }

    /// Nobody holds these any more. If the host has others meanwhile, which go on where these stopped, the labels stay.
    pub fn forget(&self, host: &HostMetrics) {
        let mut known = self.known();
        let is_it = |other: &Weak<HostMetrics>| ptr::eq(Weak::as_ptr(other), host);
        if known.get(&host.name).is_some_and(is_it) {
            known.remove(&host.name);
            self.remove_labels(&host.name);
        }
    }

    fn remove_labels(&self, host: &str) {
        let families = &self.families;
        remove(&families.open, host);
        remove(&families.ended, host);
        remove(&families.duration, host);
        remove(&families.connects.tried, host);
        remove(&families.connects.duration, host);
        remove(&families.bytes, host);
        remove(&families.stanzas, host);
        remove(&families.edited, host);
        remove(&families.edits_skipped, host);
        remove(&families.throttled, host);
        remove(&families.content.advertised, host);
        remove(&families.content.received, host);
        remove(&families.content.unadvertised, host);
        remove(&families.content.replaced, host);
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Weak<HostMetrics>>> {
        // A panic leaves an entry in it or not, and nothing half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes all of a host's label sets out of a metric.
fn remove<B: MetricVecBuilder>(metric: &MetricVec<B>, host: &str) {
    for family in metric.collect() {
        for sample in family.get_metric() {
            let labels = sample.get_label().iter().map(|label| (label.name(), label.value()));
            let labels: HashMap<&str, &str> = labels.collect();
            if labels.get("host") == Some(&host) {
                // It is there, as it was just collected, and only this takes it out.
                let _ = metric.remove(&labels);
            }
        }
    }
}
