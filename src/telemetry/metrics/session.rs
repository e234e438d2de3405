//! The metrics of one session: plain integers while it runs, added to the host's metrics once per turn.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{Counter, Histogram, IntCounter, IntGauge};

use super::families::SessionFamilies;
use super::labels::{ConnectResult, EditKind, EndReason, Label, Side};

/// What a session did, as plain numbers.
///
/// A session counts a turn in one of these, gives it to [`SessionMetrics::add`] and adds it to a second one, its total,
/// which the access log is told at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionCounters {
    bytes: [u64; Side::ALL.len()],
    stanzas: [u64; Side::ALL.len()],
    edited: [u64; EditKind::ALL.len()],
    edits_skipped: u64,
    throttled: Duration,
}

impl SessionCounters {
    /// Bytes were received from a side, inside TLS.
    pub fn count_bytes(&mut self, from: Side, bytes: u64) {
        self.bytes[from.index()] += bytes;
    }

    /// A stanza from a side was relayed.
    pub fn count_stanza(&mut self, from: Side) {
        self.stanzas[from.index()] += 1;
    }

    pub fn count_edit(&mut self, kind: EditKind) {
        self.edited[kind.index()] += 1;
    }

    /// An edit would have made a frame too large for its receiver.
    pub fn count_skipped_edit(&mut self) {
        self.edits_skipped += 1;
    }

    /// The client was not read for this long because it was over its rate.
    pub fn count_throttled(&mut self, time: Duration) {
        self.throttled += time;
    }

    pub fn bytes(&self, from: Side) -> u64 {
        self.bytes[from.index()]
    }

    pub fn stanzas(&self, from: Side) -> u64 {
        self.stanzas[from.index()]
    }

    /// Edits of every kind.
    pub fn edits(&self) -> u64 {
        self.edited.iter().sum()
    }
}

impl AddAssign<&SessionCounters> for SessionCounters {
    fn add_assign(&mut self, other: &SessionCounters) {
        add_each(&mut self.bytes, &other.bytes);
        add_each(&mut self.stanzas, &other.stanzas);
        add_each(&mut self.edited, &other.edited);
        self.edits_skipped += other.edits_skipped;
        self.throttled += other.throttled;
    }
}

/// The metrics of one open session: it counts as open until this is ended or dropped.
///
/// All handles are resolved: nothing is looked up while the session runs.
pub struct SessionMetrics {
    host: Arc<HostMetrics>,
    reason: EndReason,
}

impl SessionMetrics {
    pub(super) fn start(host: Arc<HostMetrics>) -> Self {
        host.open.inc();
        Self { host, reason: EndReason::Aborted }
    }

    /// Adds what happened since the last call.
    pub fn add(&self, delta: &SessionCounters) {
        add_all(&self.host.bytes, &delta.bytes);
        add_all(&self.host.stanzas, &delta.stanzas);
        add_all(&self.host.edited, &delta.edited);
        add(&self.host.edits_skipped, delta.edits_skipped);
        if !delta.throttled.is_zero() {
            self.host.throttled.inc_by(delta.throttled.as_secs_f64());
        }
    }

    /// An attempt to connect to the gatekeeper was made; `duration` is all of it, with name resolution, TCP and TLS.
    pub fn upstream_connect(&self, result: ConnectResult, duration: Duration) {
        add_one(&self.host.upstream_connects, result.index());
        if result == ConnectResult::Completed {
            self.host.upstream_connect_duration.observe(duration.as_secs_f64());
        }
    }

    /// The session ended. One that is dropped without this was [`EndReason::Aborted`].
    pub fn end(mut self, reason: EndReason) {
        self.reason = reason;
    }
}

impl Drop for SessionMetrics {
    fn drop(&mut self) {
        self.host.open.dec();
        add_one(&self.host.ended, self.reason.index());
    }
}

/// The resolved handles of one host. The lists are in the order of their labels' words.
pub(super) struct HostMetrics {
    open: IntGauge,
    ended: Vec<IntCounter>,
    upstream_connects: Vec<IntCounter>,
    upstream_connect_duration: Histogram,
    bytes: Vec<IntCounter>,
    stanzas: Vec<IntCounter>,
    edited: Vec<IntCounter>,
    edits_skipped: IntCounter,
    throttled: Counter,
}

impl HostMetrics {
    pub fn resolve(families: &SessionFamilies, host: &str) -> Self {
        let of_side = |family: &prometheus::IntCounterVec| {
            Side::ALL.iter().map(|side| family.with_label_values(&[host, side.direction()])).collect()
        };
        Self {
            open: families.open.with_label_values(&[host]),
            ended: resolve::<EndReason>(&families.ended, host),
            upstream_connects: resolve::<ConnectResult>(&families.upstream_connects, host),
            upstream_connect_duration: families.upstream_connect_duration.with_label_values(&[host]),
            bytes: of_side(&families.bytes),
            stanzas: of_side(&families.stanzas),
            edited: resolve::<EditKind>(&families.edited, host),
            edits_skipped: families.edits_skipped.with_label_values(&[host]),
            throttled: families.throttled.with_label_values(&[host]),
        }
    }
}

/// The handles of one host for every word of a label.
fn resolve<L: Label>(family: &prometheus::IntCounterVec, host: &str) -> Vec<IntCounter> {
    L::ALL.iter().map(|word| family.with_label_values(&[host, word.name()])).collect()
}

fn add_each(totals: &mut [u64], amounts: &[u64]) {
    for (total, amount) in totals.iter_mut().zip(amounts) {
        *total += amount;
    }
}

fn add_all(counters: &[IntCounter], amounts: &[u64]) {
    for (counter, amount) in counters.iter().zip(amounts) {
        add(counter, *amount);
    }
}

/// Most amounts of a turn are zero, and an atomic addition costs more than looking.
fn add(counter: &IntCounter, amount: u64) {
    if amount != 0 {
        counter.inc_by(amount);
    }
}

fn add_one(counters: &[IntCounter], index: usize) {
    if let Some(counter) = counters.get(index) {
        counter.inc();
    }
}
