//! Who notes what passes between the parties while the acts are played, so that no act has to: the frames at both ends
//! of every stream with their times, the calls over HTTP, what was logged, and which metrics moved.
//!
//! It changes nothing and waits for nothing. What it has noted is put together when all is played.

mod label;
mod pairing;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

use self::label::{label, shortened};
use self::pairing::{Frame, Pair, pair};
use super::metrics::Metrics;
use super::stage::Stage;
use crate::sandbox::client::Client;
use crate::sandbox::connection::{Transcript, Transcripts};
use crate::sandbox::gatekeeper::SessionRecord;
use crate::sandbox::http::Served;

/// The parties that are no client.
pub const VESTIBULE: &str = "Vestibule";
pub const GATEKEEPER: &str = "gatekeeper";
pub const PROVIDER: &str = "provider";
/// Who calls over HTTP and does not say who that is.
const SOMEBODY: &str = "somebody";
/// Clients whose streams are noted. The acts have far fewer.
const MOST_CLIENTS: usize = 256;

/// One frame or call between two parties: an arrow of an act's sequence diagram.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arrow {
    pub from: String,
    pub to: String,
    /// What it was, in a few words; nothing of what was said.
    pub label: String,
    /// Since the demonstration began, in milliseconds.
    pub sent: f64,
    /// When the receiver had all of it, or the answer of a call.
    pub received: Option<f64>,
    pub sent_bytes: usize,
    pub received_bytes: usize,
    pub fate: Fate,
}

/// What became of a frame or a call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It went past Vestibule.
    Direct,
    /// Vestibule passed it byte for byte.
    Untouched,
    /// Vestibule passed it with an edit.
    Edited,
    /// It went no further than Vestibule.
    Stopped,
    /// Vestibule said it by itself.
    Own,
    /// A call, with the status of its answer.
    Answered(u16),
}

/// What stood in a log in the end.
#[derive(Clone, Debug, Serialize)]
pub struct Log {
    /// `access` or `audit`.
    pub log: &'static str,
    /// The metadata policy that held.
    pub policy: String,
    pub lines: Vec<String>,
}

/// A series of `/metrics` whose value changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    pub series: String,
    /// Nothing if it was not there yet.
    pub before: Option<f64>,
    pub after: f64,
}

/// What was noted.
pub struct Witness {
    began: Instant,
    clients: Mutex<Vec<Watched>>,
    logs: Mutex<Vec<Log>>,
    moved: Mutex<Vec<Moved>>,
}

/// One client's end of a stream.
struct Watched {
    name: &'static str,
    address: Option<SocketAddr>,
    transcripts: Arc<Transcripts>,
}

impl Default for Witness {
    fn default() -> Self {
        let (clients, logs, moved) = Default::default();
        Self { began: Instant::now(), clients, logs, moved }
    }
}

impl Witness {
    /// Notes what this client sends and receives, from the first byte on.
    pub fn watch(&self, name: &'static str, client: &Client) {
        let address = client.local_address().ok();
        let mut clients = lock(&self.clients);
        if clients.len() < MOST_CLIENTS {
            clients.push(Watched { name, address, transcripts: client.transcripts() });
        }
    }

    pub fn read(&self, log: Log) {
        lock(&self.logs).push(log);
    }

    pub fn logs(&self) -> Vec<Log> {
        lock(&self.logs).clone()
    }

    /// Of all logs of one kind that were read so far.
    pub fn lines_of(&self, kind: &str) -> Vec<String> {
        let logs = self.logs();
        logs.into_iter().filter(|log| log.log == kind).flat_map(|log| log.lines).collect()
    }

    /// Compares all figures of one process.
    pub fn count(&self, before: &Metrics, after: &Metrics) {
        lock(&self.moved).extend(moved(before, after));
    }

    pub fn moved(&self) -> Vec<Moved> {
        lock(&self.moved).clone()
    }

    /// The arrows of each act. `told` has the times at which the acts were over.
    pub fn sequences(&self, stage: &Stage, told: &[Instant]) -> Vec<Vec<Arrow>> {
        let mut arrows = self.streams(stage.gatekeeper.sessions());
        for (party, calls) in [(GATEKEEPER, stage.gatekeeper.served()), (PROVIDER, stage.provider.served())] {
            arrows.extend(calls.into_iter().map(|call| (call.asked, self.call(party, call))));
        }
        arrows.sort_by_key(|(at, _)| *at);
        let mut sequences: Vec<Vec<Arrow>> = told.iter().map(|_| Vec::new()).collect();
        for (at, arrow) in arrows {
            let act = told.partition_point(|told| *told <= at);
            if let Some(sequence) = sequences.get_mut(act) {
                sequence.push(arrow);
            }
        }
        sequences
    }

    /// Each client's stream, with the gatekeeper's end of it. A session of somebody who is not watched is left out, as
    /// it cannot be said where it came from.
    fn streams(&self, mut sessions: Vec<SessionRecord>) -> Vec<(Instant, Arrow)> {
        let clients = lock(&self.clients);
        let mut arrows = Vec::new();
        let (direct, through): (Vec<_>, Vec<_>) = clients
            .iter()
            .partition(|client| sessions.iter().any(|session| Some(session.peer) == client.address));
        for client in direct {
            let at = sessions.iter().position(|session| Some(session.peer) == client.address);
            let session = at.map(|at| sessions.remove(at));
            self.stream(client, session.as_ref(), true, &mut arrows);
        }
        for client in through {
            let sent = frames(&client.transcripts.sent());
            let at = sessions.iter().position(|session| carries(session, &sent));
            let session = at.map(|at| sessions.remove(at));
            self.stream(client, session.as_ref(), false, &mut arrows);
        }
        arrows
    }

    fn stream(
        &self,
        client: &Watched,
        session: Option<&SessionRecord>,
        direct: bool,
        arrows: &mut Vec<(Instant, Arrow)>,
    ) {
        let ours = &client.transcripts;
        let theirs = session.map(|session| &session.transcripts);
        let sent = theirs.map(|theirs| frames(&theirs.sent())).unwrap_or_default();
        let received = theirs.map(|theirs| frames(&theirs.received())).unwrap_or_default();
        let ways = [
            (client.name, GATEKEEPER, frames(&ours.sent()), received),
            (GATEKEEPER, client.name, sent, frames(&ours.received())),
        ];
        for (from, to, sent, received) in ways {
            for pair in pair(&sent, &received) {
                arrows.extend(self.frame(from, to, &pair, direct));
            }
        }
    }

    fn frame(&self, from: &str, to: &str, pair: &Pair<'_>, direct: bool) -> Option<(Instant, Arrow)> {
        let frame = pair.sent.or(pair.received)?;
        let fate = match (pair.sent, pair.received) {
            _ if direct => Fate::Direct,
            (Some(sent), Some(received)) if sent.bytes == received.bytes => Fate::Untouched,
            (Some(_), Some(_)) => Fate::Edited,
            (Some(_), None) => Fate::Stopped,
            (None, _) => Fate::Own,
        };
        let arrow = Arrow {
            from: if fate == Fate::Own { VESTIBULE } else { from }.to_owned(),
            to: if fate == Fate::Stopped { VESTIBULE } else { to }.to_owned(),
            label: label(&frame.bytes),
            sent: self.since(frame.at),
            received: pair.received.map(|received| self.since(received.at)),
            sent_bytes: pair.sent.map_or(0, |sent| sent.bytes.len()),
            received_bytes: pair.received.map_or(0, |received| received.bytes.len()),
            fate,
        };
        Some((frame.at, arrow))
    }

    fn call(&self, to: &str, call: Served) -> Arrow {
        let Served { agent, method, path, status, asked, answered } = call;
        Arrow {
            from: agent.unwrap_or_else(|| SOMEBODY.to_owned()),
            to: to.to_owned(),
            label: shortened(&format!("{method} {path}")),
            sent: self.since(asked),
            received: Some(self.since(answered)),
            sent_bytes: 0,
            received_bytes: 0,
            fate: Fate::Answered(status),
        }
    }

    fn since(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.began).as_secs_f64() * 1e3
    }
}

/// Whether what a client sent through Vestibule came to this session: it began after the client had begun, and the
/// second frame, with which most clients prove who they are, is the same, unless there is none.
fn carries(session: &SessionRecord, sent: &[Frame]) -> bool {
    let received = frames(&session.transcripts.received());
    let (Some(ours), Some(theirs)) = (sent.first(), received.first()) else { return false };
    let same = match (sent.get(1), received.get(1)) {
        (Some(ours), Some(theirs)) => ours.bytes == theirs.bytes,
        (_, None) => true,
        (None, Some(_)) => false,
    };
    theirs.at >= ours.at && same
}

fn frames(transcript: &Transcript) -> Vec<Frame> {
    transcript.timed_frames().map(|(at, bytes)| Frame { at, bytes: bytes.to_vec() }).collect()
}

/// Distributions have a series for each of their buckets, of which nobody reads one by one.
fn moved(before: &Metrics, after: &Metrics) -> Vec<Moved> {
    let value = |series: &str| before.iter().find(|(name, _)| *name == series).map(|(_, value)| value);
    let series = after.iter().filter(|(series, _)| !series.contains("_bucket{"));
    let compared = series.map(|(series, after)| (series, value(series), after));
    #[expect(clippy::float_cmp, reason = "a value that was not touched is the same to the last bit")]
    let changed = compared.filter(|(_, before, after)| before.unwrap_or(0.0) != *after);
    changed.map(|(series, before, after)| Moved { series: series.to_owned(), before, after }).collect()
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_moved_is_told_and_no_bucket() {
        let before = Metrics::parse("a 1\nb 2\nd_bucket{le=\"1\"} 1\n");
        let after = Metrics::parse("a 1\nb 3\nc{x=\"y\"} 4\ne 0\nd_bucket{le=\"1\"} 2\n");
        let told = |series: &str, before, after| Moved { series: series.to_owned(), before, after };
        assert_eq!(moved(&before, &after), [told("b", Some(2.0), 3.0), told("c{x=\"y\"}", None, 4.0)]);
    }
}
