//! The memory of the stanzas that sessions hold, until they are written and, with stream management, acknowledged. Each
//! session has its own limits; here is what the sessions of one account take together, and what all take.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::queue::Waiting;

/// In bytes: as much as two sessions with nothing left of their own limits.
const OF_ACCOUNT: usize = 32 << 20;
/// In bytes.
const IN_ALL: usize = 256 << 20;

/// What the sessions of one account may take.
#[derive(Clone)]
pub(super) struct Memory {
    of_account: Arc<Semaphore>,
    in_all: Arc<Semaphore>,
}

/// A stanza that a session holds. Its memory is free again when it is dropped.
pub(super) struct Held {
    pub stanza: Waiting,
    _memory: [OwnedSemaphorePermit; 2],
}

impl Default for Memory {
    fn default() -> Self {
        Self { of_account: Arc::new(Semaphore::new(OF_ACCOUNT)), in_all: Arc::new(Semaphore::new(IN_ALL)) }
    }
}

impl Memory {
    /// What the sessions of another account may take, of the same memory in all.
    pub fn of_another_account(&self) -> Self {
        Self { in_all: self.in_all.clone(), ..Self::default() }
    }

    /// Holds a stanza, if there is room for it.
    pub fn hold(&self, stanza: Waiting) -> Option<Held> {
        // An empty one takes its place, too.
        let size = u32::try_from(size_of::<Held>().saturating_add(stanza.stanza.len())).ok()?;
        let take = |memory: &Arc<Semaphore>| memory.clone().try_acquire_many_owned(size).ok();
        Some(Held { stanza, _memory: [take(&self.of_account)?, take(&self.in_all)?] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nearly all that an account has.
    fn fill(memory: &Memory) -> Option<Held> {
        memory.hold(Waiting::now(vec![0; OF_ACCOUNT - size_of::<Held>()]))
    }

    #[test]
    fn one_account_takes_only_so_much_of_the_memory_of_all() {
        let ann = Memory::default();
        let ben = ann.of_another_account();
        let full = fill(&ann);
        assert!(full.is_some() && ann.hold(Waiting::now(Vec::new())).is_none());
        assert!(ben.hold(Waiting::now(Vec::new())).is_some());
        drop(full);
        assert!(ann.hold(Waiting::now(Vec::new())).is_some());
    }

    #[test]
    fn all_accounts_together_take_only_so_much() {
        let ann = Memory::default();
        let full: Vec<_> = (0..100).map_while(|_| fill(&ann.of_another_account())).collect();
        assert_eq!(full.len(), IN_ALL / OF_ACCOUNT);
        assert!(ann.hold(Waiting::now(Vec::new())).is_none());
        drop(full);
        assert!(ann.hold(Waiting::now(Vec::new())).is_some());
    }
}
