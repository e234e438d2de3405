//! The keys that sign tokens: one that signs, and those before it for as long as one of their tokens lives.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sandbox::token::{Algorithm, Claims, JwkSet, KeyError, SigningKey};

/// Published at a time. Whoever rotates faster than tokens expire loses the oldest key, and with it its tokens.
const MOST_KEYS: usize = 16;

pub struct KeyRing {
    algorithm: Algorithm,
    keys: Mutex<Keys>,
}

struct Keys {
    current: Key,
    /// The oldest first.
    retired: VecDeque<Key>,
}

struct Key {
    signing: SigningKey,
    /// When the last token that it has signed expires, in seconds since the Unix epoch.
    needed_until: u64,
}

impl Key {
    fn new(algorithm: Algorithm) -> Result<Self, KeyError> {
        Ok(Self { signing: SigningKey::generate(algorithm)?, needed_until: 0 })
    }
}

impl KeyRing {
    pub fn new(algorithm: Algorithm) -> Result<Self, KeyError> {
        let keys = Keys { current: Key::new(algorithm)?, retired: VecDeque::new() };
        Ok(Self { algorithm, keys: Mutex::new(keys) })
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let current = &mut self.keys().current;
        current.needed_until = current.needed_until.max(claims.exp);
        current.signing.sign(claims)
    }

    /// Signs with a new key from now on, in seconds since the Unix epoch.
    pub fn rotate(&self, now: u64) -> Result<(), KeyError> {
        let new = Key::new(self.algorithm)?;
        let mut keys = self.keys();
        let old = mem::replace(&mut keys.current, new);
        keys.retired.push_back(old);
        keys.retired.retain(|key| key.needed_until > now);
        if keys.retired.len() >= MOST_KEYS {
            keys.retired.pop_front();
        }
        Ok(())
    }

    /// The public keys that tokens can be verified with at this time, in seconds since the Unix epoch.
    pub fn published(&self, now: u64) -> JwkSet {
        let keys = self.keys();
        let retired = keys.retired.iter().filter(|key| key.needed_until > now);
        JwkSet { keys: retired.chain([&keys.current]).map(|key| key.signing.public().clone()).collect() }
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
