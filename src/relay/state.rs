//! What a relay remembers of its session, and what follows from it: whom to read, what to wait for.

use std::sync::Arc;
use std::time::Instant;

use crate::content_types::Recipient;
use crate::limit::{Limits, RateLimiter};

use super::ending::Course;
use super::outbox::Outbox;
use super::quotas::{Quotas, Throttle};
use super::{
    Counters, Failed, Failure, Host, Hosts, Learn, Opening, Outcome, PassedStanza, Phase, Share, Side, Sides,
};

/// A side is not read while this much waits for the other one. Together with the largest frame, which is passed on
/// whole, it bounds an outbox.
pub(super) const HIGH_WATER: usize = 64 * 1024;

/// The same while the gatekeeper is being connected to. A client is read meanwhile so that its end is seen behind what it
/// has sent ahead: it is not to hold a turn to connect for nobody.
const READ_AHEAD: usize = 4 * 1024;

/// Everything but the decoders.
pub(super) struct State {
    pub(super) hosts: Hosts,
    pub(super) host: Option<Arc<Host>>,
    pub(super) limits: Arc<Limits>,
    pub(super) outboxes: Sides<Outbox>,
    pub(super) legs: Sides<Leg>,
    pub(super) phase: Phase,
    pub(super) course: Course,
    pub(super) cause: Option<Outcome>,
    pub(super) failure: Option<Failed>,
    /// The client has asked for a resource or a resumption, and may send ahead of the answer.
    pub(super) asked: bool,
    pub(super) compression_refused: bool,
    /// The gatekeeper keeps the session for a while when its connection is cut (XEP-0198, 5).
    pub(super) resumable: bool,
    pub(super) elements_before_authentication: u32,
    /// The authentication at hand is by a token of FAST (XEP-0484).
    pub(super) shows_token: bool,
    pub(super) limiters: Sides<RateLimiter>,
    pub(super) throttled: Sides<Option<Throttle>>,
    pub(super) quotas: Quotas,
    pub(super) share: Share,
    pub(super) stream_id: u128,
    pub(super) learn: Learn,
    /// What was learnt of stanzas and not taken yet.
    pub(super) passed: Vec<PassedStanza>,
    pub(super) account: Option<Box<str>>,
    pub(super) counters: Counters,
    /// The client as its host's content types see it; `None` if the host has none.
    pub(super) recipient: Option<Box<Recipient>>,
    /// The host that the client has named before TLS: it can name no other one now.
    pub(super) named: Option<Box<str>>,
    /// Bytes of an element that the gatekeeper takes for now, if it has said so (XEP-0478).
    pub(super) gatekeeper_takes: Option<usize>,
    /// What the gatekeeper is told of the client's connection, as it is inserted.
    pub(super) signals: Option<Box<[u8]>>,
    server_name: Option<Box<str>>,
    connect_wanted: bool,
    accepted: Instant,
    began: Instant,
    pub(super) last_input: Instant,
}

/// What has happened on one side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leg {
    pub(super) connected: bool,
    /// A stream header was sent to this side in this epoch.
    pub(super) greeted: bool,
    /// This side has closed its stream.
    pub(super) closed: bool,
    /// The stream towards this side was closed.
    pub(super) told: bool,
    /// Nothing more can be read from it.
    pub(super) ended: bool,
    /// Nothing more can be written to it.
    pub(super) shut: bool,
}

impl Leg {
    fn is_over(self) -> bool {
        !self.connected || (self.ended && self.shut)
    }
}

impl State {
    pub(super) fn new(opening: Opening, now: Instant) -> Self {
        State {
            hosts: opening.hosts,
            host: None,
            limits: opening.limits,
            outboxes: Sides::default(),
            legs: Sides { downstream: Leg { connected: true, ..Leg::default() }, upstream: Leg::default() },
            phase: Phase::Header,
            course: Course::Open,
            cause: None,
            failure: None,
            compression_refused: false,
            asked: false,
            resumable: false,
            elements_before_authentication: 0,
            shows_token: false,
            limiters: Sides {
                downstream: RateLimiter::new(None, now),
                upstream: RateLimiter::new(None, now),
            },
            throttled: Sides::default(),
            quotas: Quotas::new(opening.address, opening.accounts),
            share: Share::new(opening.budget),
            stream_id: opening.stream_id,
            learn: opening.learn,
            passed: Vec::new(),
            account: None,
            counters: Counters::default(),
            recipient: None,
            named: opening.named,
            gatekeeper_takes: None,
            signals: None,
            server_name: opening.server_name,
            connect_wanted: false,
            accepted: opening.accepted,
            began: now,
            last_input: now,
        }
    }

    /// Whether what is read is still passed on.
    pub(super) fn relays(&self) -> bool {
        matches!(self.course, Course::Open | Course::Closing { .. })
    }

    pub(super) fn is_watched(&self, side: Side) -> bool {
        self.legs[side].connected && !self.legs[side].ended && self.course != Course::Over
    }

    pub(super) fn wants_read(&self, side: Side) -> bool {
        if !self.is_watched(side) {
            return false;
        }
        match self.course {
            Course::Over => false,
            // What still comes is thrown away, so that closing the socket does not reset what was just sent.
            Course::Ending { .. } => true,
            Course::Open | Course::Closing { .. } => {
                // Before the gatekeeper is asked for, nobody can say what it is to be told in the client's requests.
                let is_awaited = side == Side::Upstream || !self.connect_wanted;
                is_awaited
                    && self.throttled[side].is_none()
                    && !self.is_ahead_of_account(side)
                    && self.has_room_for_more(side.other())
            }
        }
    }

    /// Whether the client has to wait until the gatekeeper has said whose it is: its account's limits hold from there.
    fn is_ahead_of_account(&self, side: Side) -> bool {
        side == Side::Downstream
            && self.phase == Phase::Unbound
            && self.limiters.downstream.is_ahead_of_account()
    }

    /// When memory is short, only what can leave at once is read.
    fn has_room_for_more(&self, side: Side) -> bool {
        let most = if self.legs[side].connected { HIGH_WATER } else { READ_AHEAD };
        let waiting = self.outboxes[side].len();
        waiting == 0 || (waiting < most && !self.share.is_short())
    }

    /// Bytes that wait to be written.
    pub(super) fn queued(&self) -> usize {
        self.outboxes.downstream.len() + self.outboxes.upstream.len()
    }

    pub(super) fn note_input(&mut self, side: Side, bytes: usize, now: Instant) {
        if bytes > 0 {
            self.counters.bytes[side] += bytes as u64;
            self.last_input = now;
        }
    }

    pub(super) fn is_connected(&self, side: Side) -> bool {
        self.legs[side].connected && !self.legs[side].shut
    }

    pub(super) fn is_resumable(&self) -> bool {
        self.resumable && self.phase == Phase::Bound
    }

    /// From now on everything is held to the host's limits. `language` is that of the client's stream.
    pub(super) fn adopt(&mut self, host: Arc<Host>, language: Option<&str>, now: Instant) {
        self.limits = Arc::clone(&host.limits);
        self.limiters.downstream = RateLimiter::new(host.limits.client_rate, now);
        self.limiters.upstream = RateLimiter::new(host.limits.gatekeeper_rate, now);
        let server_name = self.server_name.as_deref();
        self.recipient = host.content_types.as_ref().map(|rules| {
            let mut recipient = Recipient::new(Arc::clone(rules), &host.name, server_name);
            recipient.opens_stream(language);
            Box::new(recipient)
        });
        self.host = Some(host);
        self.phase = Phase::Authentication;
        self.connect_wanted = true;
    }

    pub(super) fn take_connect(&mut self) -> Option<Arc<Host>> {
        if self.course != Course::Open || !std::mem::take(&mut self.connect_wanted) {
            return None;
        }
        self.host.clone()
    }

    /// Whether a connection to the gatekeeper is still wanted.
    pub(super) fn awaits_connection(&self) -> bool {
        self.host.is_some() && !self.legs.upstream.connected && self.relays()
    }

    /// The client may have closed its stream before.
    pub(super) fn connected(&mut self, now: Instant) {
        if self.awaits_connection() {
            self.legs.upstream.connected = true;
            if self.legs.downstream.closed {
                self.await_closing(now);
            }
        }
    }

    pub(super) fn shut(&mut self, side: Side) {
        self.legs[side].shut = true;
        self.finish_if_over();
    }

    pub(super) fn finish_if_over(&mut self) {
        let over = Side::BOTH.into_iter().all(|side| self.legs[side].is_over());
        if matches!(self.course, Course::Ending { .. }) && over {
            self.course = Course::Over;
        }
    }

    pub(super) fn wants_shutdown(&self, side: Side) -> bool {
        matches!(self.course, Course::Ending { .. })
            && self.is_connected(side)
            && self.outboxes[side].is_settled()
    }

    pub(super) fn outcome(&self) -> Option<Outcome> {
        if self.course == Course::Over { self.cause } else { None }
    }

    /// The next moment at which something would have to happen by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let stalls = Side::BOTH.into_iter().filter_map(|side| self.stall_deadline(side));
        let course = match self.course {
            Course::Open => Some(self.phase_deadline().0),
            Course::Closing { until } | Course::Ending { until } => Some(until),
            Course::Over => None,
        };
        stalls.chain(course).chain(self.throttle_deadlines()).min()
    }

    /// When the phase has lasted too long, and what that means.
    fn phase_deadline(&self) -> (Instant, Failure) {
        let timeouts = &self.limits.timeouts;
        let authentication = (self.accepted + timeouts.authentication, Failure::AuthenticationTimeout);
        match self.phase {
            Phase::Header => {
                let header = (self.began + timeouts.header, Failure::HeaderTimeout);
                if header.0 <= authentication.0 { header } else { authentication }
            }
            Phase::Authentication | Phase::Sasl2 | Phase::Restart => authentication,
            // A client that never asks for a resource would belong to no account for as long as it likes.
            Phase::Unbound => authentication,
            Phase::Bound => (self.heard() + timeouts.idle, Failure::Idle),
        }
    }

    fn stall_deadline(&self, side: Side) -> Option<Instant> {
        let since = self.outboxes[side].waiting_since()?;
        (self.relays() && self.is_connected(side)).then(|| since + self.limits.timeouts.write_stall)
    }

    /// What has expired by `now`: the side to blame, and the failure.
    pub(super) fn expire(&mut self, tags: &Sides<Option<String>>, now: Instant) -> Option<(Side, Failure)> {
        self.end_throttles(now);
        match self.course {
            Course::Over => return None,
            Course::Ending { until } if until <= now => {
                self.course = Course::Over;
                return None;
            }
            Course::Closing { until } if until <= now => {
                self.give_up_closing(tags, now);
                return None;
            }
            Course::Ending { .. } => return None,
            Course::Open | Course::Closing { .. } => {}
        }
        let stalled = |side: &Side| self.stall_deadline(*side).is_some_and(|until| until <= now);
        if let Some(side) = Side::BOTH.into_iter().find(stalled) {
            return Some((side, Failure::WriteStall));
        }
        let (until, failure) = self.phase_deadline();
        (self.course == Course::Open && until <= now).then_some((Side::Downstream, failure))
    }
}
