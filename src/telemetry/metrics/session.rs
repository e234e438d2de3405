//! The metrics of one session: plain integers while it runs, added to the host's metrics once per turn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::{Counter, Histogram, IntCounter, IntGauge};

use super::content::ContentMetrics;
use super::families::SessionFamilies;
use super::hosts::Hosts;
use super::labels::{ConnectResult, EndReason, Label, direction};
use crate::content_types::{ContentClass, ContentCounts};
use crate::limit::RateLimit;
use crate::relay::{Counters, EditKind, Side};

/// The metrics of one open session: it counts as open until this is ended or dropped.
///
/// All handles are resolved: nothing is looked up while the session runs.
pub struct SessionMetrics {
    host: Arc<HostMetrics>,
    began: Instant,
    /// What was added already.
    told: Counters,
    reason: EndReason,
}

impl SessionMetrics {
    fn start(host: Arc<HostMetrics>) -> Self {
        host.open.inc();
        Self { host, began: Instant::now(), told: Counters::default(), reason: EndReason::Aborted }
    }

    /// Adds what happened since the last call. `counters` count from the session's beginning.
    pub fn observe(&mut self, counters: &Counters) {
        for (side, handles) in Side::BOTH.into_iter().zip(&self.host.of_side) {
            add(&handles.bytes, counters.bytes[side] - self.told.bytes[side]);
            add(&handles.stanzas, counters.stanzas[side] - self.told.stanzas[side]);
        }
        if counters.edits != self.told.edits {
            for (kind, edited) in EditKind::ALL.into_iter().zip(&self.host.edited) {
                add(edited, counters.edits[kind as usize] - self.told.edits[kind as usize]);
            }
        }
        add(&self.host.edits_skipped, counters.edits_skipped - self.told.edits_skipped);
        if counters.throttled != self.told.throttled {
            self.observe_throttled(counters);
        }
        self.told = *counters;
    }

    fn observe_throttled(&self, counters: &Counters) {
        for (side, handles) in Side::BOTH.into_iter().zip(&self.host.throttled) {
            let (now, told) = (counters.throttled[side], self.told.throttled[side]);
            for ((now, told), seconds) in now.into_iter().zip(told).zip(handles) {
                seconds.inc_by((now - told).as_secs_f64());
            }
        }
    }

    /// Adds what was counted of content. Returns the classes that the gatekeeper keeps sending although they were not
    /// advertised, with how many contents, if it is time to tell.
    pub fn observe_content(&self, counts: &ContentCounts) -> Vec<(ContentClass, u32)> {
        self.host.content.add(counts);
        self.host.content.drifts(counts, Instant::now())
    }

    /// For counting the attempt to connect to the gatekeeper, which goes on beside the session.
    pub fn connects(&self) -> ConnectMetrics {
        ConnectMetrics(Arc::clone(&self.host))
    }

    /// The session ended. One that is dropped without this was [`EndReason::Aborted`].
    pub fn end(&mut self, reason: EndReason) {
        self.reason = reason;
    }
}

impl Drop for SessionMetrics {
    fn drop(&mut self) {
        self.host.open.dec();
        add_one(&self.host.ended, self.reason.index());
        self.host.duration.observe(self.began.elapsed().as_secs_f64());
    }
}

/// The metrics of connecting to one host's gatekeeper.
pub struct ConnectMetrics(Arc<HostMetrics>);

impl ConnectMetrics {
    /// An attempt was made; `duration` is all of it: name resolution, waiting for a turn, TCP, STARTTLS and TLS.
    pub fn count(&self, result: ConnectResult, duration: Duration) {
        add_one(&self.0.upstream_connects, result.index());
        if result == ConnectResult::Completed {
            self.0.upstream_connect_duration.observe(duration.as_secs_f64());
        }
    }
}

/// What came from one side.
struct SideMetrics {
    bytes: IntCounter,
    stanzas: IntCounter,
}

/// The metrics of one host, which are shown as long as somebody holds this. The lists are in the order of their labels'
/// words.
pub struct HostMetrics {
    /// As it is configured.
    pub(super) name: String,
    hosts: Arc<Hosts>,
    pub(super) open: IntGauge,
    ended: Vec<IntCounter>,
    duration: Histogram,
    upstream_connects: Vec<IntCounter>,
    upstream_connect_duration: Histogram,
    /// In the order of [`Side::BOTH`].
    of_side: [SideMetrics; 2],
    edited: Vec<IntCounter>,
    edits_skipped: IntCounter,
    /// In the order of [`Side::BOTH`]; those of the gatekeeper end before those of accounts.
    throttled: [Vec<Counter>; 2],
    pub(super) content: ContentMetrics,
}

impl HostMetrics {
    /// A session of the host begins.
    pub fn session(self: &Arc<Self>) -> SessionMetrics {
        SessionMetrics::start(Arc::clone(self))
    }

    pub(super) fn resolve(hosts: Arc<Hosts>, families: &SessionFamilies, host: &str) -> Self {
        let of_side = |side| SideMetrics {
            bytes: families.bytes.with_label_values(&[host, direction(side)]),
            stanzas: families.stanzas.with_label_values(&[host, direction(side)]),
        };
        Self {
            name: host.to_owned(),
            hosts,
            open: families.open.with_label_values(&[host]),
            ended: resolve::<EndReason>(&families.ended, host),
            duration: families.duration.with_label_values(&[host]),
            upstream_connects: resolve::<ConnectResult>(&families.connects.tried, host),
            upstream_connect_duration: families.connects.duration.with_label_values(&[host]),
            of_side: Side::BOTH.map(of_side),
            edited: resolve::<EditKind>(&families.edited, host),
            edits_skipped: families.edits_skipped.with_label_values(&[host]),
            throttled: Side::BOTH.map(|side| {
                let seconds = |limit: &RateLimit| {
                    families.throttled.with_label_values(&[host, direction(side), limit.name()])
                };
                limits_of(side).iter().map(seconds).collect()
            }),
            content: ContentMetrics::resolve(&families.content, host),
        }
    }
}

impl Drop for HostMetrics {
    fn drop(&mut self) {
        self.hosts.forget(self);
    }
}

/// The rates that can hold up a side: a gatekeeper's stanzas are charged to no account.
fn limits_of(side: Side) -> &'static [RateLimit] {
    const OF_SESSION: &[RateLimit] = &[RateLimit::SessionStanzas, RateLimit::SessionBytes];
    match side {
        Side::Downstream => &RateLimit::ALL,
        Side::Upstream => OF_SESSION,
    }
}

/// The handles of one host for every word of a label.
fn resolve<L: Label>(family: &prometheus::IntCounterVec, host: &str) -> Vec<IntCounter> {
    L::ALL.iter().map(|word| family.with_label_values(&[host, word.name()])).collect()
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
