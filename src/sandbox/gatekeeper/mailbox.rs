//! What a session is sent from outside: stanzas, bounded by their number and their bytes, and that it is over, for which
//! there is always room.

use std::sync::Arc;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::memory::{Held, Memory};
use super::queue::Waiting;
use super::routing::Undeliverable;

/// Why a session is over for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Its account is gone.
    Forgotten,
    /// Its client has bound another resource.
    Replaced,
}

/// Stanzas that may wait for one session to write them.
const STANZAS: usize = 256;
/// Their bytes: twice what waits for an absent user, so that all of that can be delivered at once.
const BYTES: usize = 8 << 20;

/// Where others post.
pub(super) struct Mailbox {
    stanzas: mpsc::Sender<Posted>,
    /// In bytes.
    room: Arc<Semaphore>,
    /// What it shares with others.
    memory: Memory,
    end: watch::Sender<Option<Over>>,
}

/// What the session takes out.
pub(super) struct Mail(mpsc::Receiver<Posted>);

/// Whether the session is over for others.
#[derive(Clone)]
pub(super) struct End(watch::Receiver<Option<Over>>);

struct Posted {
    held: Held,
    /// Given back when the stanza is taken out.
    _room: OwnedSemaphorePermit,
}

/// A new one, from both sides.
pub(super) fn mailbox(memory: Memory) -> (Mailbox, Mail, End) {
    let (stanzas, mail) = mpsc::channel(STANZAS);
    let (end, ended) = watch::channel(None);
    (Mailbox { stanzas, room: Arc::new(Semaphore::new(BYTES)), memory, end }, Mail(mail), End(ended))
}

impl Mailbox {
    pub fn post(&self, stanza: Waiting) -> Result<(), Undeliverable> {
        let size = u32::try_from(stanza.stanza.len()).map_err(|_| Undeliverable::Congested)?;
        let room = self.room.clone().try_acquire_many_owned(size).map_err(|_| Undeliverable::Congested)?;
        let held = self.memory.hold(stanza).ok_or(Undeliverable::Congested)?;
        self.stanzas.try_send(Posted { held, _room: room }).map_err(|error| match error {
            TrySendError::Full(_) => Undeliverable::Congested,
            TrySendError::Closed(_) => Undeliverable::Absent,
        })
    }

    /// What the stanzas in it take, with those of the account's other sessions.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Ends the session for this reason, however much waits for it.
    pub fn end(&self, reason: Over) {
        self.end.send_replace(Some(reason));
    }
}

impl Mail {
    /// The next stanza, once there is one; `None` when nobody can post any more.
    pub async fn next(&mut self) -> Option<Held> {
        self.0.recv().await.map(|posted| posted.held)
    }

    /// Takes in nothing more. Returns what came and was not taken out.
    pub fn close(&mut self) -> Vec<Waiting> {
        self.0.close();
        std::iter::from_fn(|| self.try_next()).map(|held| held.stanza).collect()
    }

    /// The next stanza, if there is one already.
    pub fn try_next(&mut self) -> Option<Held> {
        self.0.try_recv().ok().map(|posted| posted.held)
    }
}

impl End {
    /// Why the session is over, once it is.
    pub async fn reached(&mut self) -> Over {
        let reason = self.0.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
        match reason {
            Some(reason) => reason,
            // Nobody is left who could end it.
            None => std::future::pending().await,
        }
    }

    #[cfg(test)]
    pub fn said(&self) -> Option<Over> {
        *self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_size(size: usize) -> Waiting {
        Waiting::now(vec![b'x'; size])
    }

    #[tokio::test]
    async fn stanzas_and_their_bytes_are_bounded() {
        let (mailbox, mut mail, _end) = mailbox(Memory::default());
        for _ in 0..STANZAS {
            assert_eq!(mailbox.post(of_size(1)), Ok(()));
        }
        assert_eq!(mailbox.post(of_size(1)), Err(Undeliverable::Congested));
        assert_eq!(std::iter::from_fn(|| mail.try_next()).count(), STANZAS);
        assert_eq!(mailbox.post(of_size(BYTES - 1)), Ok(()));
        assert_eq!(mailbox.post(of_size(2)), Err(Undeliverable::Congested));
        assert_eq!(mailbox.post(of_size(1)), Ok(()));
        assert!(mail.next().await.is_some());
        assert_eq!(mailbox.post(of_size(2)), Ok(()));
        assert_eq!(mail.close().len(), 2);
        assert_eq!(mailbox.post(of_size(1)), Err(Undeliverable::Absent));
    }

    #[tokio::test]
    async fn there_is_always_room_for_the_end() {
        let (mailbox, _mail, mut end) = mailbox(Memory::default());
        while mailbox.post(of_size(1)).is_ok() {}
        mailbox.end(Over::Forgotten);
        assert_eq!(end.reached().await, Over::Forgotten);
    }
}
