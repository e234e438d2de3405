//! What came of a load: whether all did well, how long messages took, and what Vestibule took of the machine for it.

use serde::Serialize;

use super::Step;
use super::latency::{Latency, Meter};
use super::plan::{Account, MESSAGES, Plan};
use super::usage::Usage;

/// What became of it.
#[derive(Debug, Serialize)]
pub struct LoadReport {
    /// Users, each with one session.
    pub sessions: usize,
    /// Sessions that Vestibule held at the same time, by its own count.
    pub held: u64,
    /// Messages that were to be written.
    pub written: usize,
    /// What became of them, for each who was to receive one.
    pub messages: Account,
    /// Sessions that lost their connection in the middle and went on; so many were to.
    pub resumed: usize,
    pub cut: usize,
    pub steps: Vec<StepReport>,
    /// From one client to the other.
    pub latency: Latency,
    pub proxy: ProxyReport,
    /// Connections that Vestibule counted when they had ended.
    pub sessions_counted: u64,
    /// The first failures, in words.
    pub failures: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct StepReport {
    pub step: Step,
    pub seconds: f64,
    pub done: usize,
    pub failed: usize,
}

/// What the process with Vestibule in it took of the machine.
#[derive(Debug, Serialize)]
pub struct ProxyReport {
    /// When it served, and nobody was connected.
    pub before: Usage,
    /// When all were connected and in their groups.
    pub height: Usage,
    /// When all messages had come.
    pub busy: Usage,
    /// When all had left.
    pub after: Usage,
    /// For both handshakes of TLS, authentication, binding, and the first presence.
    pub setup_cpu_us_per_session: f64,
    /// For a message from its sender's client to the gatekeeper, and for one from there to a receiver's client, each with
    /// what stream management adds; and for the sessions that were resumed meanwhile.
    pub cpu_us_per_passage: f64,
    /// Resident, at the height.
    pub memory_kib_per_session: f64,
}

/// What was measured on the way.
pub struct Samples {
    pub plan: Plan,
    pub before: Usage,
    pub connected: Usage,
    pub height: Usage,
    pub busy: Usage,
    pub after: Usage,
    pub held: u64,
    pub resumptions: usize,
    pub messages: Account,
}

impl LoadReport {
    pub(super) fn new(
        sessions: usize,
        samples: Samples,
        meter: &Meter,
        sessions_counted: u64,
        steps: Vec<StepReport>,
        failures: Vec<String>,
    ) -> Self {
        let written = samples.plan.users * MESSAGES;
        Self {
            sessions,
            held: samples.held,
            written,
            messages: samples.messages,
            resumed: samples.resumptions,
            cut: samples.plan.cuts(),
            steps,
            latency: meter.latency(),
            proxy: ProxyReport::new(&samples, written),
            sessions_counted,
            failures,
        }
    }

    /// Whether everybody did everything, every message came once to each who was to have it, all sessions were held at
    /// the same time, and Vestibule counted every one.
    pub fn all_well(&self) -> bool {
        self.failures.is_empty()
            && self.messages.is_clean()
            && self.messages.received > 0
            && self.resumed == self.cut
            && self.held == self.sessions as u64
            && self.sessions_counted == (self.sessions + self.resumed) as u64
    }
}

impl ProxyReport {
    fn new(samples: &Samples, written: usize) -> Self {
        let Samples { plan, before, connected, height, busy, after, messages, .. } = samples;
        Self {
            before: *before,
            height: *height,
            busy: *busy,
            after: *after,
            setup_cpu_us_per_session: connected.cpu_since(before, plan.users),
            cpu_us_per_passage: busy.cpu_since(height, written + messages.received),
            memory_kib_per_session: height.memory_since(before, plan.users),
        }
    }
}
