//! The driver: polls both streams and the timer, and hands everything to the relay.
//!
//! It never waits for one thing only. When it returns `Pending`, every thing that is awaited holds its waker: a side that
//! is read, a side that is written, the connection in the making, the timer. Whatever is not awaited then is waited for
//! by way of another: a side that is not read because the other one is full is read when that one takes something.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project::pin_project;
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::time::Sleep;

use crate::relay::{ContentCounts, Counters, Failed, Host, Learn, Outcome, PassedStanza, Relay, Side};

use super::stop::{Registration, Stop};

/// Bytes that one session may read before the others get their turn.
const TURN: usize = 64 * 1024;

/// A connection to a gatekeeper in the making. `None`: it cannot be reached.
pub type Connecting<U> = Pin<Box<dyn Future<Output = Option<U>> + Send>>;

/// What a session needs of its surroundings.
pub trait Surroundings<U> {
    /// What the host's gatekeeper is to be told of the client's connection in the client's requests. Called once, before it
    /// is connected to.
    fn signals(&mut self, host: &Host) -> Option<Box<[u8]>>;

    /// Connects to the host's gatekeeper. Called once, when the client has named a host.
    fn connect(&mut self, host: &Host) -> Connecting<U>;

    /// What may be learnt of the session, asked at the beginning of every turn.
    fn learns(&self) -> Learn;

    /// Stanzas were passed on which were to be learnt. `account` is the client's full JID, if it was to be learnt.
    fn passed(&mut self, stanzas: Vec<PassedStanza>, host: &Host, account: Option<&str>);

    /// Told at the end of every turn, and at the end of the session: the counts since the session began, and those of
    /// content since the last time, if there are any.
    fn observe(&mut self, counters: &Counters, content: Option<&ContentCounts>);

    /// The session is over.
    fn ended(&mut self, outcome: Outcome);
}

/// How a session ended.
pub struct Summary {
    pub outcome: Outcome,
    /// What went wrong, be it only while the streams were being closed.
    pub failure: Option<Failed>,
    pub counters: Counters,
    pub host: Option<Arc<Host>>,
    /// The client's full JID, if the policy lets anybody see it.
    pub account: Option<String>,
}

/// A client's stream, the gatekeeper's, and all state between them: one future for both directions.
#[pin_project]
pub struct Session<D, U, S> {
    relay: Relay,
    #[pin]
    downstream: D,
    #[pin]
    upstream: Upstream<U>,
    #[pin]
    timer: Sleep,
    armed: Instant,
    surroundings: S,
    stop: Arc<Stop>,
    registration: Option<Registration>,
}

#[pin_project(project = UpstreamProjection)]
enum Upstream<U> {
    Awaited,
    Connecting(Connecting<U>),
    Connected(#[pin] U),
}

impl<D, U, S> Session<D, U, S>
where
    D: AsyncBufRead + AsyncWrite,
    U: AsyncBufRead + AsyncWrite,
    S: Surroundings<U>,
{
    pub fn new(relay: Relay, downstream: D, surroundings: S, stop: Arc<Stop>) -> Self {
        let now = now();
        let armed = relay.poll_timeout().unwrap_or(now);
        Session {
            relay,
            downstream,
            upstream: Upstream::Awaited,
            timer: tokio::time::sleep_until(armed.into()),
            armed,
            surroundings,
            stop,
            registration: None,
        }
    }

    /// Connects when the relay has a host to connect to. True if something came of it.
    fn poll_connect(self: Pin<&mut Self>, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut this = self.project();
        if let Some(host) = this.relay.poll_connect() {
            this.relay.signal(this.surroundings.signals(&host));
            let connecting = this.surroundings.connect(&host);
            this.upstream.set(Upstream::Connecting(connecting));
        }
        let UpstreamProjection::Connecting(connecting) = this.upstream.as_mut().project() else {
            return false;
        };
        if !this.relay.awaits_connection() {
            this.upstream.set(Upstream::Awaited);
            return false;
        }
        match connecting.as_mut().poll(cx) {
            Poll::Pending => return false,
            Poll::Ready(Some(stream)) => {
                this.upstream.set(Upstream::Connected(stream));
                this.relay.handle_connected(now);
            }
            Poll::Ready(None) => {
                this.upstream.set(Upstream::Awaited);
                this.relay.handle_connect_failed(now);
            }
        }
        true
    }

    /// Reads from both sides in turn until neither has more, or the turn is used up. True if anything was read.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, now: Instant, left: &mut usize) -> bool {
        let mut this = self.project();
        let mut any = false;
        while *left > 0 {
            let mut read = read_side(Side::Downstream, this.downstream.as_mut(), this.relay, cx, now);
            if let UpstreamProjection::Connected(stream) = this.upstream.as_mut().project() {
                read = read + read_side(Side::Upstream, stream, this.relay, cx, now);
            }
            any |= read.progress;
            *left = left.saturating_sub(read.bytes);
            if !read.progress {
                break;
            }
        }
        any
    }

    /// Writes what waits for each side. True if anything was taken.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut this = self.project();
        let mut any = write_side(Side::Downstream, this.downstream.as_mut(), this.relay, cx, now);
        if let UpstreamProjection::Connected(stream) = this.upstream.as_mut().project() {
            any |= write_side(Side::Upstream, stream, this.relay, cx, now);
        }
        any
    }

    /// Passes on what may be learnt now: the policy can change while the session runs.
    fn learn(self: Pin<&mut Self>) {
        let this = self.project();
        this.relay.learn(this.surroundings.learns());
    }

    fn tell_passed(self: Pin<&mut Self>) {
        let this = self.project();
        if let Some(stanzas) = this.relay.take_passed()
            && let Some(host) = this.relay.host()
        {
            this.surroundings.passed(stanzas, host, this.relay.account());
        }
    }

    /// The session's turn to end, for which it registers once, and the timeouts.
    fn poll_times(self: Pin<&mut Self>, cx: &mut Context<'_>, now: Instant) {
        let this = self.project();
        let registration = this.registration.get_or_insert_with(|| this.stop.register(cx.waker()));
        if registration.turn(now).is_some_and(|turn| turn <= now) {
            this.relay.handle_stop(now);
        }
        if this.relay.poll_timeout().is_some_and(|deadline| deadline <= now) {
            this.relay.handle_timeout(now);
        }
    }

    /// Sees to it that the session wakes for the relay's next deadline and for its turn to end. The timer is moved when
    /// the deadline comes nearer, not when it goes away: it then fires for nothing once, and most of them never do.
    fn arm(self: Pin<&mut Self>, cx: &mut Context<'_>, now: Instant) {
        let mut this = self.project();
        let turn = this.registration.as_mut().and_then(|registration| registration.turn(now));
        // A turn that has come is being taken.
        let turn = turn.filter(|turn| *turn > now);
        let Some(deadline) = this.relay.poll_timeout().into_iter().chain(turn).min() else { return };
        if deadline < *this.armed || this.timer.is_elapsed() {
            *this.armed = deadline;
            this.timer.as_mut().reset(deadline.into());
        }
        if this.timer.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

impl<D, U, S> Future for Session<D, U, S>
where
    D: AsyncBufRead + AsyncWrite,
    U: AsyncBufRead + AsyncWrite,
    S: Surroundings<U>,
{
    type Output = Summary;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Summary> {
        let now = now();
        let mut left = TURN;
        self.as_mut().poll_times(cx, now);
        self.as_mut().learn();
        loop {
            let mut progress = self.as_mut().poll_connect(cx, now);
            progress |= self.as_mut().poll_read(cx, now, &mut left);
            self.as_mut().tell_passed();
            progress |= self.as_mut().poll_write(cx, now);
            let this = self.as_mut().project();
            if let Some(outcome) = this.relay.poll_outcome() {
                let content = this.relay.take_content_counts();
                this.surroundings.observe(this.relay.counters(), content.as_ref());
                this.surroundings.ended(outcome);
                return Poll::Ready(summary(this.relay, outcome));
            }
            if !progress {
                break;
            }
            if left == 0 {
                cx.waker().wake_by_ref();
                break;
            }
        }
        let this = self.as_mut().project();
        let content = this.relay.take_content_counts();
        this.surroundings.observe(this.relay.counters(), content.as_ref());
        self.arm(cx, now);
        Poll::Pending
    }
}

/// What one look at a side gave.
struct Read {
    bytes: usize,
    progress: bool,
}

impl std::ops::Add for Read {
    type Output = Read;

    fn add(self, other: Read) -> Read {
        Read { bytes: self.bytes + other.bytes, progress: self.progress || other.progress }
    }
}

/// Looks at what a side has sent: also at one that is not to be read, for its end.
fn read_side<R: AsyncBufRead>(
    side: Side,
    mut stream: Pin<&mut R>,
    relay: &mut Relay,
    cx: &mut Context<'_>,
    now: Instant,
) -> Read {
    if !relay.is_watched(side) {
        return Read { bytes: 0, progress: false };
    }
    let taken = match stream.as_mut().poll_fill_buf(cx) {
        Poll::Pending => return Read { bytes: 0, progress: false },
        // An end without close_notify is an end all the same: the peer may still read.
        Poll::Ready(Err(error)) if error.kind() != ErrorKind::UnexpectedEof => {
            relay.handle_broken(side, now);
            return Read { bytes: 0, progress: true };
        }
        Poll::Ready(Err(_) | Ok([])) => {
            relay.handle_end(side, now);
            return Read { bytes: 0, progress: true };
        }
        Poll::Ready(Ok(input)) if relay.wants_read(side) => relay.handle_input(side, input, now),
        Poll::Ready(Ok(_)) => 0,
    };
    stream.consume(taken);
    Read { bytes: taken, progress: taken > 0 }
}

/// Writes what waits for a side, flushes it, and shuts it when that is due.
fn write_side<W: AsyncWrite>(
    side: Side,
    mut stream: Pin<&mut W>,
    relay: &mut Relay,
    cx: &mut Context<'_>,
    now: Instant,
) -> bool {
    let mut progress = false;
    while let Some(bytes) = relay.poll_transmit(side) {
        match stream.as_mut().poll_write(cx, bytes) {
            Poll::Pending => return progress,
            Poll::Ready(Ok(count)) if count > 0 => relay.handle_sent(side, count, now),
            Poll::Ready(_) => {
                relay.handle_broken(side, now);
                return true;
            }
        }
        progress = true;
    }
    if relay.wants_flush(side) {
        match stream.as_mut().poll_flush(cx) {
            Poll::Pending => return progress,
            Poll::Ready(Ok(())) => relay.handle_flushed(side),
            Poll::Ready(Err(_)) => relay.handle_broken(side, now),
        }
        progress = true;
    }
    if relay.wants_shutdown(side) && stream.poll_shutdown(cx).is_ready() {
        relay.handle_shut(side);
        progress = true;
    }
    progress
}

fn summary(relay: &Relay, outcome: Outcome) -> Summary {
    Summary {
        outcome,
        failure: relay.failure(),
        counters: *relay.counters(),
        host: relay.host().cloned(),
        account: relay.account().map(str::to_owned),
    }
}

/// Read once a turn: everything that happens in it happens at the same time. By way of tokio, so that a test's paused
/// time holds here too.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
