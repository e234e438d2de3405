//! How a session ends.
//!
//! ```text
//!              one side's closing tag                both tags, or 5 s
//!   Open ---------------------------------> Closing -------------------+
//!     |                                        |                        v
//!     +------- a side is lost, a failure ------+-------------------> Ending ----> Over
//!                                                       all sent and shut, or 1 s
//! ```

use std::time::{Duration, Instant};

use crate::framing::Frame;
use crate::stanza::{StreamError, StreamHeader};

use super::passing::After;
use super::state::State;
use super::{Failure, Phase, Side, Sides};

/// How long the other direction is relayed after one side has closed its stream.
const CLOSING_TIME: Duration = Duration::from_secs(5);

/// How long what is queued may take to leave once nothing more is relayed.
const ENDING_TIME: Duration = Duration::from_secs(1);

/// What is awaited of the session as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// Both streams are open, or on their way to be.
    Open,
    /// One side has closed its stream; the other one's closing tag is awaited.
    Closing { until: Instant },
    /// Nothing is relayed any more. What is queued leaves, then the connections are shut.
    Ending { until: Instant },
    /// Nothing is left to do.
    Over,
}

/// Why a session ended: the first cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The side closed its stream.
    Closed(Side),
    /// The side's connection ended without a closing tag.
    Lost(Side),
    /// Something went wrong that the side is told of.
    Failed(Side, Failure),
    /// The process stopped, and the session was left for the client to resume.
    Cut,
}

/// A failure that ended a session, or cut its closing short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The side that is to blame.
    pub side: Side,
    pub failure: Failure,
    /// Whether the side was sent the stream error: it may be gone, or its stream closed already.
    pub told: bool,
}

impl State {
    /// A closing tag: passed on, and the other direction goes on until its own.
    pub(super) fn pass_closing(&mut self, side: Side, frame: &Frame<'_>, now: Instant) -> After {
        let other = side.other();
        self.legs[side].closed = true;
        self.cause.get_or_insert(Outcome::Closed(side));
        if !self.legs[other].told {
            self.outboxes[other].push(frame.bytes, now);
            self.legs[other].told = true;
        }
        if self.legs[other].closed {
            self.end(now);
        } else if !self.awaits_connection() {
            self.await_closing(now);
        }
        After::Nothing
    }

    /// From here on the other side has its time to close its stream, too.
    pub(super) fn await_closing(&mut self, now: Instant) {
        self.course = Course::Closing { until: now + CLOSING_TIME };
    }

    /// The other side has not closed its stream in time: the one that asked is answered in its place.
    pub(super) fn give_up_closing(&mut self, tags: &Sides<Option<String>>, now: Instant) {
        for side in Side::BOTH {
            self.say_closing(side, tags, now);
        }
        self.end(now);
    }

    /// The side's connection has ended. Without a closing tag it is lost: what is complete is passed on, and the other
    /// side is closed without the tag too, so that the session stays resumable. Where the other side is still being
    /// connected to, nobody is left to answer a closing tag.
    pub(super) fn end_of_input(&mut self, side: Side, tags: &Sides<Option<String>>, now: Instant) {
        self.legs[side].ended = true;
        if !self.relays() {
            self.finish_if_over();
        } else if !self.legs[side].closed || self.awaits_connection() {
            self.lose(side, tags, now);
        }
    }

    /// The side's connection is broken: nothing can be read from it or written to it.
    pub(super) fn broken(&mut self, side: Side, tags: &Sides<Option<String>>, now: Instant) {
        self.legs[side].ended = true;
        self.legs[side].shut = true;
        self.outboxes[side].discard();
        if !self.relays() {
            self.finish_if_over();
        } else if self.legs[side].closed {
            self.end(now);
        } else {
            self.lose(side, tags, now);
        }
    }

    /// A gatekeeper that has not said a word was not reached, whatever it is that answered there: with TLS 1.3 a certificate
    /// of ours that it does not take is refused only once the handshake is over on our side (RFC 8446, 4.4.2.4).
    fn lose(&mut self, side: Side, tags: &Sides<Option<String>>, now: Instant) {
        self.legs[side].shut = true;
        self.outboxes[side].discard();
        if side == Side::Upstream && self.phase < Phase::Restart && !self.legs.downstream.greeted {
            self.fail(Side::Downstream, Failure::ConnectFailed, tags, now);
            return;
        }
        self.cause.get_or_insert(Outcome::Lost(side));
        if self.legs[side.other()].closed {
            self.say_closing(side.other(), tags, now);
        }
        self.end(now);
    }

    /// Ends the session with an error for the side that erred. The other side sees its stream closed, or its connection
    /// cut if the session is worth resuming.
    pub(super) fn fail(&mut self, side: Side, failure: Failure, tags: &Sides<Option<String>>, now: Instant) {
        if !self.relays() {
            return;
        }
        self.cause.get_or_insert(Outcome::Failed(side, failure));
        let told = self.say_error(side, failure.stream_error(), tags, now);
        self.failure = Some(Failed { side, failure, told });
        if !failure.leaves_resumable() {
            self.say_closing(side.other(), tags, now);
        }
        self.end(now);
    }

    /// Ends the session with neither error nor closing tag, for the client to resume it.
    pub(super) fn cut(&mut self, now: Instant) {
        if self.relays() {
            self.cause.get_or_insert(Outcome::Cut);
            self.end(now);
        }
    }

    fn end(&mut self, now: Instant) {
        self.course = Course::Ending { until: now + ENDING_TIME };
        self.give_up_throttles(now);
        self.finish_if_over();
    }

    /// An error needs a stream to stand in: if no header has passed to the side, ours goes first (RFC 6120, 4.9.1.2).
    /// False if the side is not there, or its stream was closed already.
    fn say_error(
        &mut self,
        side: Side,
        error: StreamError,
        tags: &Sides<Option<String>>,
        now: Instant,
    ) -> bool {
        if !self.is_connected(side) || self.legs[side].told {
            return false;
        }
        let mut text = Vec::new();
        let greeted = self.legs[side].greeted;
        if !greeted {
            self.own_header(side).write(&mut text);
        }
        error.write(&mut text);
        match &tags[side] {
            Some(tag) if greeted => text.extend_from_slice(tag.as_bytes()),
            _ => text.extend_from_slice(b"</stream:stream>"),
        }
        self.outboxes[side].push(&text, now);
        self.legs[side].told = true;
        true
    }

    /// The header of a stream that we open ourselves: as the server towards a client, as a client towards the gatekeeper.
    fn own_header(&self, side: Side) -> StreamHeader {
        let host = self.host.as_ref().map(|host| host.name.as_str());
        match (side, host) {
            (Side::Upstream, Some(host)) => StreamHeader::initiating(host),
            _ => StreamHeader::responding(&format!("{:032x}", self.stream_id), host),
        }
    }

    fn say_closing(&mut self, side: Side, tags: &Sides<Option<String>>, now: Instant) {
        let leg = self.legs[side];
        if let Some(tag) = &tags[side]
            && self.is_connected(side)
            && leg.greeted
            && !leg.told
        {
            self.outboxes[side].push(tag.as_bytes(), now);
            self.legs[side].told = true;
        }
    }
}
