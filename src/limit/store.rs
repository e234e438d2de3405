//! What is remembered of addresses and of accounts, by keyed hashes, and within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::hmac;

/// Length of the secret behind the hashes, in bytes.
pub const SECRET_LENGTH: usize = 32;

/// Makes hashes that tell nothing to who has no key: the memory holds no list of addresses or accounts.
pub(super) struct KeyedHash(hmac::Key);

/// The first 64 bits of an HMAC-SHA-256 (RFC 2104).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

impl KeyedHash {
    /// `secret` is random, and used for nothing else.
    pub fn new(secret: &[u8; SECRET_LENGTH]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Of several texts, each with its length, so that none can run into the next.
    pub fn of(&self, parts: &[&[u8]]) -> Key {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        Key(tag.as_ref().iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte)))
    }
}

/// What is remembered for a while after it was last used.
pub(super) trait Refills {
    /// When a new one would be the same.
    fn full(&self) -> Instant;
}

/// Entries with those who use them. One in use is never forgotten; as many are in use as there are connections at most.
/// An idle one is kept until it is full again, and of more than `most_idle` the one that is full first is forgotten.
pub(super) struct Store<T> {
    entries: BTreeMap<Key, Entry<T>>,
    /// The idle ones, by when they are full again.
    idle: BTreeSet<(Instant, Key)>,
    most_idle: usize,
}

struct Entry<T> {
    value: Arc<T>,
    users: u32,
    /// Its place among the idle ones.
    full: Option<Instant>,
}

impl<T: Refills> Store<T> {
    pub fn new(most_idle: usize) -> Self {
        Self { entries: BTreeMap::new(), idle: BTreeSet::new(), most_idle }
    }

    /// One more user of the entry. Returns it, and how many there are now.
    pub fn enter(&mut self, key: Key, now: Instant, new: impl FnOnce() -> T) -> (Arc<T>, u32) {
        self.forget_full(now);
        let entry =
            self.entries.entry(key).or_insert_with(|| Entry { value: Arc::new(new()), users: 0, full: None });
        if let Some(full) = entry.full.take() {
            self.idle.remove(&(full, key));
        }
        entry.users = entry.users.saturating_add(1);
        (Arc::clone(&entry.value), entry.users)
    }

    /// The entry as it is in force.
    pub fn get(&self, key: Key) -> Option<&T> {
        self.entries.get(&key).map(|entry| &*entry.value)
    }

    /// From here on the entry, which is in use, has this value. Who has the one before keeps it.
    pub fn replace(&mut self, key: Key, value: T) -> Arc<T> {
        let value = Arc::new(value);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.value = Arc::clone(&value);
        }
        value
    }

    /// One user less.
    pub fn leave(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        entry.users = entry.users.saturating_sub(1);
        if entry.users == 0 {
            let full = entry.value.full();
            entry.full = Some(full);
            self.idle.insert((full, key));
        }
        if self.idle.len() > self.most_idle
            && let Some((_, key)) = self.idle.pop_first()
        {
            self.entries.remove(&key);
        }
    }

    /// Forgets what is full again, a few at a time, so that nobody has to wait for many.
    fn forget_full(&mut self, now: Instant) {
        const AT_ONCE: usize = 4;
        for _ in 0..AT_ONCE {
            let Some(&(full, key)) = self.idle.first().filter(|(full, _)| *full <= now) else { return };
            self.idle.remove(&(full, key));
            self.entries.remove(&key);
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct FullAt(Instant);

    impl Refills for FullAt {
        fn full(&self) -> Instant {
            self.0
        }
    }

    fn key(number: u64) -> Key {
        Key(number)
    }

    #[test]
    fn an_entry_in_use_is_never_forgotten() {
        let now = Instant::now();
        let mut store = Store::new(0);
        for number in 0..100 {
            store.enter(key(number), now, || FullAt(now));
        }
        assert_eq!(store.len(), 100);
        let (_, users) = store.enter(key(7), now + Duration::from_secs(3600), || unreachable!());
        assert_eq!(users, 2);
    }

    #[test]
    fn an_idle_entry_is_kept_until_it_is_full_again() {
        let now = Instant::now();
        let full = now + Duration::from_secs(10);
        let mut store = Store::new(10);
        let (first, _) = store.enter(key(1), now, || FullAt(full));
        store.leave(key(1));
        let (again, users) = store.enter(key(1), full - Duration::from_nanos(1), || unreachable!());
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(users, 1);
        store.leave(key(1));
        let (new, _) = store.enter(key(1), full, || FullAt(full));
        assert!(!Arc::ptr_eq(&first, &new));
    }

    #[test]
    fn of_too_many_idle_entries_the_one_that_is_full_first_is_forgotten() {
        let now = Instant::now();
        let mut store = Store::new(2);
        for seconds in [30, 10, 20] {
            store.enter(key(seconds), now, || FullAt(now + Duration::from_secs(seconds)));
            store.leave(key(seconds));
        }
        assert_eq!(store.entries.keys().copied().collect::<Vec<_>>(), [key(20), key(30)]);
        assert_eq!(store.idle.len(), 2);
    }

    #[test]
    fn coming_and_going_leaves_no_trace_behind() {
        let now = Instant::now();
        let mut store = Store::new(10);
        for _ in 0..1000 {
            store.enter(key(1), now, || FullAt(now + Duration::from_secs(1)));
            store.leave(key(1));
        }
        assert_eq!((store.len(), store.idle.len()), (1, 1));
    }

    #[test]
    fn hashes_depend_on_the_key_and_on_where_the_parts_end() {
        let (one, other) = (KeyedHash::new(&[1; 32]), KeyedHash::new(&[2; 32]));
        assert_ne!(one.of(&[b"a"]), other.of(&[b"a"]));
        assert_ne!(one.of(&[b"ab", b"c"]), one.of(&[b"a", b"bc"]));
        assert_eq!(one.of(&[b"ab", b"c"]), one.of(&[b"ab", b"c"]));
    }
}
