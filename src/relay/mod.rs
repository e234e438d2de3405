//! The state machine of a session, without any input or output of its own.
//!
//! A [`Relay`] stands between two streams. Whoever drives it hands it what was read, writes what it has to say, and
//! tells it the time. The calling order is on the type.

mod budget;
mod counters;
mod editing;
mod ending;
mod failure;
mod host;
mod learnt;
mod outbox;
mod passing;
mod phase;
mod quotas;
mod side;
mod signals;
mod state;
#[cfg(test)]
mod tests;

pub use crate::content_types::ContentCounts;
pub use budget::Budget;
pub use counters::{Counters, EditKind};
pub use ending::{Failed, Outcome};
pub use failure::Failure;
pub use host::{Host, Hosts, find as find_host};
pub use learnt::{Learn, PassedStanza};
pub use phase::Phase;
pub use side::{Side, Sides};

use std::sync::Arc;
use std::time::Instant;

use crate::framing::{Decoded, FrameDecoder, FrameKind, Vocabulary};
use crate::limit::{Accounts, AddressPermit, Limits, Slowed};

use budget::Share;
use passing::After;
use state::State;

/// One session: a client's stream, the gatekeeper's, and all state between them.
///
/// The driver calls, each time something has happened:
///
/// 1. [`handle_timeout`](Self::handle_timeout) if [`poll_timeout`](Self::poll_timeout)'s time has come;
/// 2. [`poll_connect`](Self::poll_connect), and later [`handle_connected`](Self::handle_connected) or
///    [`handle_connect_failed`](Self::handle_connect_failed) with what came of it;
/// 3. [`handle_input`](Self::handle_input) for each side that [`wants_read`](Self::wants_read), and for each side that
///    [`is_watched`](Self::is_watched), [`handle_end`](Self::handle_end) or [`handle_broken`](Self::handle_broken) once
///    its connection has ended, whether it is read or not;
/// 4. [`poll_transmit`](Self::poll_transmit) for each side, [`handle_sent`](Self::handle_sent) with what was taken, and
///    where it [`wants_flush`](Self::wants_flush), [`handle_flushed`](Self::handle_flushed) when it has left the
///    connection;
/// 5. [`wants_shutdown`](Self::wants_shutdown) for each side, and [`handle_shut`](Self::handle_shut) when it is done;
///
/// until [`poll_outcome`](Self::poll_outcome) says that it is over.
pub struct Relay {
    /// What comes from each side. Apart from the rest, because a frame borrows from its decoder while it is judged.
    decoders: Sides<FrameDecoder>,
    state: State,
}

/// What a relay is made from.
pub struct Opening {
    /// The hosts that the client may name.
    pub hosts: Hosts,
    pub vocabulary: Arc<Vocabulary>,
    /// What holds until the client has named its host.
    pub limits: Arc<Limits>,
    /// The host that the client has named before TLS, if it came by STARTTLS: it can name no other one now.
    pub named: Option<Box<str>>,
    /// The TLS server name that the client asked for, in lower case.
    pub server_name: Option<Box<str>>,
    pub budget: Arc<Budget>,
    /// The client's address may have this connection.
    pub address: AddressPermit,
    /// The accounts of all sessions.
    pub accounts: Arc<Accounts>,
    /// The id in a stream header of our own: random.
    pub stream_id: u128,
    /// What is to be learnt until [`Relay::learn`] says otherwise.
    pub learn: Learn,
    /// When the connection was accepted: the time to authenticate runs from there.
    pub accepted: Instant,
}

/// What became of a piece of input.
enum Step {
    /// So many bytes were taken.
    Taken(usize),
    /// The side's rate is used up for a while.
    Wait(Slowed),
}

impl Relay {
    pub fn new(opening: Opening, now: Instant) -> Self {
        let decoder = |limits| FrameDecoder::new(Arc::clone(&opening.vocabulary), limits);
        Relay {
            decoders: Sides {
                downstream: decoder(opening.limits.before_authentication),
                upstream: decoder(opening.limits.from_gatekeeper),
            },
            state: State::new(opening, now),
        }
    }

    /// Takes bytes that were read from `side`; returns how many. Less than all: the side is not to be read for now, and
    /// the rest is to be handed in again.
    pub fn handle_input(&mut self, side: Side, input: &[u8], now: Instant) -> usize {
        if !self.state.relays() {
            return input.len();
        }
        let mut taken = 0;
        while taken < input.len() && self.state.wants_read(side) {
            match self.step(side, &input[taken..], now) {
                Ok(Step::Taken(count)) => taken += count,
                Ok(Step::Wait(slowed)) => self.state.throttle(side, slowed, now),
                Err((side, failure)) => {
                    self.fail(side, failure, now);
                    taken = input.len();
                    break;
                }
            }
        }
        self.decoders[side].release();
        self.state.note_input(side, taken, now);
        if !self.hold_memory() {
            self.fail(side, Failure::NoMemory, now);
        }
        taken
    }

    /// One frame, or the beginning of one. An error names the side to blame.
    fn step(&mut self, side: Side, input: &[u8], now: Instant) -> Result<Step, (Side, Failure)> {
        let admitted = match self.state.limiters[side].admit(now) {
            Ok(admitted) => admitted,
            Err(slowed) => return Ok(Step::Wait(slowed)),
        };
        let blame = |failure: Failure| (side, failure);
        let decoded = self.decoders[side].decode(input);
        let (count, decoded) = decoded.map_err(|refusal| blame(refusal.into()))?;
        let after = match decoded {
            None => return Ok(Step::Taken(count)),
            Some(Decoded::WhiteSpace(bytes)) => {
                self.state.pass_white_space(side, bytes, admitted, now);
                return Ok(Step::Taken(count));
            }
            Some(Decoded::Frame(frame)) => match frame.kind {
                FrameKind::Header => self.state.pass_header(side, &frame, now).map_err(blame)?,
                FrameKind::Element => self.state.pass_element(side, &frame, admitted, now).map_err(blame)?,
                FrameKind::Closing => self.state.pass_closing(side, &frame, now),
            },
        };
        if !matches!(after, After::Nothing) {
            self.follow(after)?;
        }
        Ok(Step::Taken(count))
    }

    /// What a frame that passed means for the frames to come.
    #[cold]
    fn follow(&mut self, after: After) -> Result<(), (Side, Failure)> {
        match after {
            After::Nothing => {}
            After::ClientOver(failure) => return Err((Side::Downstream, failure)),
            After::Host(limits) => {
                self.decoders.downstream.set_limits(limits.before_authentication);
                self.decoders.upstream.set_limits(limits.from_gatekeeper);
            }
            After::Authenticated(limits) => {
                self.decoders.downstream.set_limits(limits.from_client);
            }
            After::NewEpoch(limits) => {
                self.decoders.downstream.set_limits(limits.from_client);
                for side in Side::BOTH {
                    self.decoders[side].restart().map_err(|refusal| (side, refusal.into()))?;
                }
            }
        }
        Ok(())
    }

    /// Keeps the process's account of buffered bytes. False if there is no room for what this session holds.
    fn hold_memory(&mut self) -> bool {
        let partial = self.decoders.downstream.buffered() + self.decoders.upstream.buffered();
        self.state.share.hold(partial + self.state.queued())
    }

    /// The side's connection has ended: nothing more can be read from it.
    pub fn handle_end(&mut self, side: Side, now: Instant) {
        let tags = self.closing_tags();
        self.state.end_of_input(side, &tags, now);
    }

    /// The side's connection is broken: nothing more can be read from it or written to it.
    pub fn handle_broken(&mut self, side: Side, now: Instant) {
        let tags = self.closing_tags();
        self.state.broken(side, &tags, now);
    }

    /// What the gatekeeper is to be told of the client's connection, as it stands in the client's requests. To be said
    /// when [`poll_connect`](Self::poll_connect) has named the host.
    pub fn signal(&mut self, signals: Option<Box<[u8]>>) {
        self.state.signals = signals;
    }

    /// The gatekeeper is connected.
    pub fn handle_connected(&mut self, now: Instant) {
        self.state.connected(now);
    }

    /// The gatekeeper cannot be reached.
    pub fn handle_connect_failed(&mut self, now: Instant) {
        self.fail(Side::Downstream, Failure::ConnectFailed, now);
    }

    /// `count` of the bytes that [`poll_transmit`](Self::poll_transmit) gave were taken by the side's connection.
    pub fn handle_sent(&mut self, side: Side, count: usize, now: Instant) {
        self.state.outboxes[side].advance(count, now);
        // What is freed is always granted.
        let _ = self.hold_memory();
    }

    /// All that the side's connection took has left it.
    pub fn handle_flushed(&mut self, side: Side) {
        self.state.outboxes[side].flushed();
    }

    /// The side's connection is shut for writing.
    pub fn handle_shut(&mut self, side: Side) {
        self.state.shut(side);
    }

    /// The process stops. A session that can be resumed is cut, so that the client resumes it elsewhere; another one is
    /// told (`system-shutdown`).
    pub fn handle_stop(&mut self, now: Instant) {
        if self.state.is_resumable() {
            self.state.cut(now);
        } else {
            self.fail(Side::Downstream, Failure::Shutdown, now);
        }
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let tags = self.closing_tags();
        if let Some((side, failure)) = self.state.expire(&tags, now) {
            self.fail(side, failure, now);
        }
    }

    /// The host to connect to, once.
    pub fn poll_connect(&mut self) -> Option<Arc<Host>> {
        self.state.take_connect()
    }

    /// Whether the connection that [`poll_connect`](Self::poll_connect) asked for is still wanted.
    pub fn awaits_connection(&self) -> bool {
        self.state.awaits_connection()
    }

    /// What is to be written to the side next.
    pub fn poll_transmit(&self, side: Side) -> Option<&[u8]> {
        let pending = self.state.outboxes[side].pending();
        (self.state.is_connected(side) && !pending.is_empty()).then_some(pending)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called. It moves with what happens; a driver may keep a
    /// timer that fires too early.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.state.deadline()
    }

    /// How the session ended, once nothing is left to do.
    pub fn poll_outcome(&self) -> Option<Outcome> {
        self.state.outcome()
    }

    /// Whether the side's connection can still end: it is to be watched even while it is not read.
    pub fn is_watched(&self, side: Side) -> bool {
        self.state.is_watched(side)
    }

    /// Whether the side's connection holds bytes that it took and that may not have left it.
    pub fn wants_flush(&self, side: Side) -> bool {
        self.state.is_connected(side) && self.state.outboxes[side].wants_flush()
    }

    /// The failure that ended the session, or cut its closing short.
    pub fn failure(&self) -> Option<Failed> {
        self.state.failure
    }

    /// Whether input from the side would be taken.
    pub fn wants_read(&self, side: Side) -> bool {
        self.state.wants_read(side)
    }

    /// Whether the side is to be shut for writing: all that it had to be told has left.
    pub fn wants_shutdown(&self, side: Side) -> bool {
        self.state.wants_shutdown(side)
    }

    pub fn phase(&self) -> Phase {
        self.state.phase
    }

    pub fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// What was counted of content since the last call, if anything was.
    pub fn take_content_counts(&mut self) -> Option<ContentCounts> {
        self.state.recipient.as_mut()?.take_counts()
    }

    /// The host that the client named, once it is known.
    pub fn host(&self) -> Option<&Arc<Host>> {
        self.state.host.as_ref()
    }

    /// The client's full JID, if it was to be learnt and the gatekeeper has bound it.
    pub fn account(&self) -> Option<&str> {
        self.state.account.as_deref()
    }

    /// Says what is to be learnt from here on.
    pub fn learn(&mut self, learn: Learn) {
        self.state.learn = learn;
        if !learn.account {
            self.state.account = None;
        }
    }

    /// The stanzas that were passed on since the last call; `None` if there are none, or they were not to be learnt.
    #[inline]
    pub fn take_passed(&mut self) -> Option<Vec<PassedStanza>> {
        (!self.state.passed.is_empty()).then(|| std::mem::take(&mut self.state.passed))
    }

    /// Bytes held for this session.
    pub fn buffered(&self) -> usize {
        let partial = self.decoders.downstream.buffered() + self.decoders.upstream.buffered();
        partial + self.state.queued()
    }

    fn fail(&mut self, side: Side, failure: Failure, now: Instant) {
        let tags = self.closing_tags();
        self.state.fail(side, failure, &tags, now);
    }

    /// The tag that closes the stream sent to each side: it matches the header that came from the other one.
    fn closing_tags(&self) -> Sides<Option<String>> {
        let tag = |side: Side| {
            let root = self.decoders[side.other()].root_name()?;
            Some(format!("</{root}>"))
        };
        Sides { downstream: tag(Side::Downstream), upstream: tag(Side::Upstream) }
    }
}
