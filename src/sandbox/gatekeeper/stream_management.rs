//! What stream management counts and keeps for one session (XEP-0198), without input or output: the time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::memory::Held;
use super::queue::Waiting;

/// Stanzas, and their bytes, that may be unacknowledged before no more are taken from the mailbox.
const MOST_STANZAS: usize = 256;
const MOST_BYTES: usize = 4 << 20;
/// How much further answers to the client's own requests may go: it asks, so it could acknowledge too.
const SLACK: usize = 2;
/// How long a client may leave stanzas unacknowledged after it was asked.
const PATIENCE: Duration = Duration::from_secs(30);

/// A count that is higher than what was sent, or lower than what was acknowledged before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongCount {
    pub handled: u32,
    pub sent: u32,
}

/// Both directions' counters, which wrap at 2^32 (XEP-0198, section 4), and what may have to be sent again.
#[derive(Default)]
pub(super) struct StreamManagement {
    /// How many of the client's stanzas were handled.
    handled: u32,
    /// How many of ours the client has handled.
    acknowledged: u32,
    unacknowledged: VecDeque<Held>,
    /// Of all that is unacknowledged.
    bytes: usize,
    /// Until when the client has to acknowledge something.
    deadline: Option<Instant>,
}

impl StreamManagement {
    pub fn handled(&self) -> u32 {
        self.handled
    }

    pub fn count_handled(&mut self) {
        self.handled = self.handled.wrapping_add(1);
    }

    /// Whether nothing more should be sent before something is acknowledged.
    pub fn is_full(&self) -> bool {
        self.unacknowledged.len() >= MOST_STANZAS || self.bytes >= MOST_BYTES
    }

    /// Keeps a stanza, and lends its bytes to be sent; or gives it back if more is unacknowledged than may be kept.
    pub fn keep(&mut self, held: Held) -> Result<&[u8], Held> {
        if self.unacknowledged.len() >= SLACK * MOST_STANZAS || self.bytes >= SLACK * MOST_BYTES {
            return Err(held);
        }
        self.bytes += held.stanza.stanza.len();
        self.unacknowledged.push_back(held);
        Ok(self.unacknowledged.back().map(|kept| kept.stanza.stanza.as_slice()).unwrap_or_default())
    }

    /// Forgets what the client has handled by its own count. Returns whether that is more than before.
    pub fn acknowledge(&mut self, handled: u32) -> Result<bool, WrongCount> {
        let newly = handled.wrapping_sub(self.acknowledged) as usize;
        if newly > self.unacknowledged.len() {
            return Err(WrongCount { handled, sent: self.sent() });
        }
        let bytes: usize = self.unacknowledged.drain(..newly).map(|kept| kept.stanza.stanza.len()).sum();
        self.bytes -= bytes;
        self.acknowledged = handled;
        if newly > 0 {
            self.deadline = None;
        }
        Ok(newly > 0)
    }

    /// Whether the client should be asked now, as something is unacknowledged and no question is open. It is, then.
    pub fn ask(&mut self, now: Instant) -> bool {
        let due = self.deadline.is_none() && !self.unacknowledged.is_empty();
        if due {
            self.deadline = now.checked_add(PATIENCE);
        }
        due
    }

    /// Until when the client has to acknowledge something, if it was asked.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// No question is open any more: whoever was asked is gone.
    pub fn forget_question(&mut self) {
        self.deadline = None;
    }

    /// What was not acknowledged, the oldest first.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &Waiting> {
        self.unacknowledged.iter().map(|kept| &kept.stanza)
    }

    /// The same, for who takes it over: it is kept here no more.
    pub fn into_unacknowledged(self) -> impl Iterator<Item = Waiting> {
        self.unacknowledged.into_iter().map(|kept| kept.stanza)
    }

    /// How many stanzas were sent since the beginning.
    fn sent(&self) -> u32 {
        // There are at most some hundreds, so that the conversion loses nothing.
        self.acknowledged.wrapping_add(self.unacknowledged.len() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::gatekeeper::memory::Memory;

    fn held(stanza: Vec<u8>) -> Held {
        Memory::default().hold(Waiting::now(stanza)).unwrap()
    }

    fn having_sent(stanzas: usize) -> StreamManagement {
        let mut management = StreamManagement::default();
        for number in 0..stanzas {
            assert!(management.keep(held(number.to_string().into_bytes())).is_ok());
        }
        management
    }

    fn of_size(size: usize) -> Held {
        held(vec![0; size])
    }

    fn kept(management: &StreamManagement) -> Vec<&[u8]> {
        management.unacknowledged().map(|kept| kept.stanza.as_slice()).collect()
    }

    #[test]
    fn what_is_acknowledged_is_forgotten_and_the_rest_kept_in_order() {
        let mut management = having_sent(4);
        assert_eq!(management.acknowledge(1), Ok(true));
        assert_eq!(management.acknowledge(1), Ok(false));
        assert_eq!(management.acknowledge(3), Ok(true));
        assert_eq!(kept(&management), [b"3"]);
        assert_eq!(management.bytes, 1);
    }

    #[test]
    fn a_count_that_is_too_high_or_goes_back_is_refused() {
        let mut management = having_sent(2);
        assert_eq!(management.acknowledge(3), Err(WrongCount { handled: 3, sent: 2 }));
        assert_eq!(management.acknowledge(2), Ok(true));
        assert_eq!(management.acknowledge(1), Err(WrongCount { handled: 1, sent: 2 }));
        assert_eq!(management.acknowledge(u32::MAX), Err(WrongCount { handled: u32::MAX, sent: 2 }));
    }

    #[test]
    fn counters_wrap_around() {
        let mut management = StreamManagement { handled: u32::MAX, acknowledged: u32::MAX, ..having_sent(2) };
        management.count_handled();
        assert_eq!(management.handled(), 0);
        assert_eq!(management.acknowledge(2), Err(WrongCount { handled: 2, sent: 1 }));
        assert_eq!(management.acknowledge(0), Ok(true));
        assert_eq!(management.acknowledge(1), Ok(true));
        assert_eq!(kept(&management).len(), 0);
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let mut many = having_sent(MOST_STANZAS - 1);
        assert!(!many.is_full());
        assert!(many.keep(of_size(0)).is_ok());
        assert!(many.is_full());
        for _ in MOST_STANZAS..SLACK * MOST_STANZAS {
            assert!(many.keep(of_size(0)).is_ok());
        }
        let refused = many.keep(held(b"late".to_vec())).err();
        assert_eq!(refused.map(|held| held.stanza.stanza), Some(b"late".to_vec()));
        let mut large = StreamManagement::default();
        assert!(large.keep(of_size(MOST_BYTES)).is_ok());
        assert!(large.is_full());
        assert!(large.keep(of_size(MOST_BYTES)).is_ok());
        assert!(large.keep(of_size(0)).is_err());
        assert_eq!(large.acknowledge(2), Ok(true));
        assert!(!large.is_full());
    }

    #[test]
    fn one_question_is_open_at_a_time_and_only_progress_closes_it() {
        let now = Instant::now();
        assert!(!having_sent(0).ask(now));
        let mut management = having_sent(2);
        assert!(management.ask(now));
        assert!(!management.ask(now));
        assert_eq!(management.acknowledge(0), Ok(false));
        assert_eq!(management.deadline(), Some(now + PATIENCE));
        assert_eq!(management.acknowledge(1), Ok(true));
        assert!(management.ask(now));
        assert_eq!(management.acknowledge(2), Ok(true));
        assert!(!management.ask(now));
        assert_eq!(management.deadline(), None);
    }
}
