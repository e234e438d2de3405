//! What was advertised, received and replaced of content, for one host; and whether the gatekeeper drifts from what it
//! was told.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::IntCounter;
use serde::Serialize;

use super::families::ContentFamilies;
use super::labels::{Label, Replacement};
use crate::content_types::{Carrier, ContentClass, ContentCounts, Conversation};

/// So many contents of a class that was not advertised are no accident: a gatekeeper may have sent some before it was
/// told.
const DRIFT: u32 = 10;
/// For a class of a host, one diagnostic in this time.
const QUIET: Duration = Duration::from_secs(600);

/// Handles in the order of [`ContentClass::ALL`], for each of [`Conversation::ALL`].
type Handles = Vec<Vec<IntCounter>>;

/// The resolved handles of one host.
pub(super) struct ContentMetrics {
    /// In the order of [`ContentClass::ALL`], for each of [`Carrier::ALL`].
    advertised: Vec<Vec<IntCounter>>,
    received: Handles,
    unadvertised: Handles,
    replaced: Handles,
    withheld: Handles,
    drift: Mutex<[Drift; ContentClass::ALL.len()]>,
}

/// How far the gatekeeper has drifted in one class.
#[derive(Clone, Copy, Debug, Default)]
struct Drift {
    /// Contents since it was told.
    contents: u32,
    told: Option<Instant>,
}

/// One host's content as it stands in the admin server's status. A class that nothing is known of is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClassStatus {
    /// Advertisements that named the class, by carrier.
    pub advertised: BTreeMap<&'static str, u64>,
    pub received: u64,
    pub unadvertised: u64,
    /// By what took the content's place.
    pub replaced: BTreeMap<&'static str, u64>,
}

impl ContentMetrics {
    pub fn resolve(families: &ContentFamilies, host: &str) -> Self {
        let by_kind = |family: &prometheus::IntCounterVec| -> Handles {
            let of = |kind: Conversation, class: ContentClass| [host, class.name(), kind.name()];
            let by_class =
                |kind| ContentClass::ALL.map(|class| family.with_label_values(&of(kind, class))).to_vec();
            Conversation::ALL.map(by_class).to_vec()
        };
        let advertised = |carrier: Carrier| {
            let of = |class: ContentClass| [host, class.name(), carrier.name()];
            ContentClass::ALL.map(|class| families.advertised.with_label_values(&of(class))).to_vec()
        };
        let replaced = |by: Replacement| -> Handles {
            let of = |kind: Conversation, class: ContentClass| [host, class.name(), kind.name(), by.name()];
            let by_class = |kind| {
                ContentClass::ALL.map(|class| families.replaced.with_label_values(&of(kind, class))).to_vec()
            };
            Conversation::ALL.map(by_class).to_vec()
        };
        Self {
            advertised: Carrier::ALL.map(advertised).to_vec(),
            received: by_kind(&families.received),
            unadvertised: by_kind(&families.unadvertised),
            replaced: replaced(Replacement::Fallback),
            withheld: replaced(Replacement::Withhold),
            drift: Mutex::default(),
        }
    }

    /// Adds what a session counted.
    pub fn add(&self, counts: &ContentCounts) {
        add_all(&self.advertised, &counts.advertised);
        add_all(&self.received, &counts.received);
        add_all(&self.unadvertised, &counts.unadvertised);
        add_all(&self.replaced, &counts.replaced);
        add_all(&self.withheld, &counts.withheld);
    }

    /// The classes of which the gatekeeper keeps sending content that was not advertised, each with how much came since
    /// it was told last. Each is told once in ten minutes at most.
    pub fn drifts(&self, counts: &ContentCounts, now: Instant) -> Vec<(ContentClass, u32)> {
        if counts.unadvertised.iter().flatten().all(|count| *count == 0) {
            return Vec::new();
        }
        let [one_to_one, group] = &counts.unadvertised;
        let unadvertised = one_to_one.iter().zip(group).map(|(one, other)| one.saturating_add(*other));
        let mut drift = self.drift.lock().unwrap_or_else(PoisonError::into_inner);
        let classes = ContentClass::ALL.into_iter().zip(drift.iter_mut()).zip(unadvertised);
        classes.filter_map(|((class, drift), count)| Some((class, drift.note(count, now)?))).collect()
    }

    pub fn status(&self) -> BTreeMap<&'static str, ClassStatus> {
        let of_class = |class: ContentClass| {
            let value = |handles: &[IntCounter]| handles.get(class.index()).map_or(0, IntCounter::get);
            let sum = |handles: &Handles| handles.iter().map(|handles| value(handles)).sum();
            let carriers = Carrier::ALL.into_iter().zip(&self.advertised);
            let replaced = [(Replacement::Fallback, &self.replaced), (Replacement::Withhold, &self.withheld)];
            let status = ClassStatus {
                advertised: carriers.map(|(carrier, handles)| (carrier.name(), value(handles))).collect(),
                received: sum(&self.received),
                unadvertised: sum(&self.unadvertised),
                replaced: replaced.map(|(by, handles)| (by.name(), sum(handles))).into(),
            };
            (class.name(), status)
        };
        let is_known = |status: &ClassStatus| {
            status.received > 0 || status.advertised.values().any(|advertised| *advertised > 0)
        };
        ContentClass::ALL.map(of_class).into_iter().filter(|(_, status)| is_known(status)).collect()
    }
}

impl Drift {
    /// How much is to be told, if it is to be told now.
    fn note(&mut self, count: u32, now: Instant) -> Option<u32> {
        self.contents = self.contents.saturating_add(count);
        let is_quiet = self.told.is_some_and(|told| now.saturating_duration_since(told) < QUIET);
        if count == 0 || is_quiet || self.contents < DRIFT {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.contents))
    }
}

fn add_all<const N: usize>(handles: &[Vec<IntCounter>], counts: &[[u32; N]]) {
    let pairs = handles.iter().zip(counts).flat_map(|(handles, counts)| handles.iter().zip(counts));
    for (handle, count) in pairs.filter(|(_, count)| **count > 0) {
        handle.inc_by((*count).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_told_when_it_is_no_accident_and_then_seldom() {
        let mut drift = Drift::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(drift.note(DRIFT - 1, after(0)), None);
        assert_eq!(drift.note(0, after(1)), None);
        assert_eq!(drift.note(1, after(2)), Some(DRIFT));
        assert_eq!(drift.note(1000, after(3)), None);
        assert_eq!(drift.note(5, after(601)), None);
        assert_eq!(drift.note(1, after(602)), Some(1006));
        assert_eq!(drift.note(DRIFT - 1, after(5000)), None);
    }
}
