//! TLS session tickets (RFC 8446, 4.6.1) under keys that several processes share, and that are replaced while they run. A ticket is what a client keeps of its session, sealed so that only its makers can read it.
//!
//! A ticket is the key's name (16 bytes), a random nonce (12), and the time at which it was made with the session's state,
//! both sealed with AES-256-GCM. One that cannot be opened is no error: the client has a full handshake.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroize;

/// Bytes of a ticket key's file: its name, then the key itself.
pub const KEY_LENGTH: usize = NAME + 32;

const NAME: usize = 16;

/// How old a ticket may be. Of TLS 1.3 only: a ticket of TLS 1.2 could be made anew without end.
pub const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// By how much the clock of another process may be ahead.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// A key that seals and opens tickets. The library overwrites its memory when it gives it back.
pub struct TicketKey {
    name: [u8; NAME],
    key: RandomizedNonceKey,
}

impl TicketKey {
    /// Of [`KEY_LENGTH`] random bytes; `None` if they are not as many.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != KEY_LENGTH {
            return None;
        }
        let (name, key) = bytes.split_first_chunk()?;
        Some(Self { name: *name, key: RandomizedNonceKey::new(&AES_256_GCM, key).ok()? })
    }

    /// Whether both are named alike, as copies of one file are.
    pub fn has_name_of(&self, other: &Self) -> bool {
        self.name == other.name
    }

    fn seal(&self, state: &[u8], now: SystemTime) -> Option<Vec<u8>> {
        let made = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let mut sealed = Vec::with_capacity(8 + state.len() + AES_256_GCM.tag_len());
        sealed.extend(made.to_be_bytes());
        sealed.extend(state);
        let nonce = self.key.seal_in_place_append_tag(Aad::from(self.name), &mut sealed);
        // What could not be sealed is not left behind either.
        let nonce = nonce.inspect_err(|_| sealed.zeroize()).ok()?;
        Some([&self.name[..], nonce.as_ref(), &sealed].concat())
    }

    /// `sealed` is what follows the name.
    fn open(&self, sealed: &[u8], now: SystemTime) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(self.name), &mut sealed).ok()?;
        let (made, state) = opened.split_first_chunk()?;
        let state = is_fresh(u64::from_be_bytes(*made), now).then(|| state.to_vec());
        sealed.zeroize();
        state
    }
}

fn is_fresh(made: u64, now: SystemTime) -> bool {
    let Some(made) = UNIX_EPOCH.checked_add(Duration::from_secs(made)) else { return false };
    match now.duration_since(made) {
        Ok(age) => age < LIFETIME,
        Err(ahead) => ahead.duration() <= CLOCK_SKEW,
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TicketKey")
    }
}

/// The keys in force. It lives as long as the process, and clones share it.
#[derive(Clone, Debug)]
pub struct Tickets(Arc<ArcSwapOption<Vec<TicketKey>>>);

impl Tickets {
    /// The first key makes tickets, all of them open them; without any, no ticket is made or opened here.
    pub fn new(keys: Vec<TicketKey>) -> Self {
        let tickets = Self(Arc::new(ArcSwapOption::empty()));
        tickets.replace(keys);
        tickets
    }

    /// Takes over other keys. Tickets of a key that is no longer among them are worth nothing from here on.
    pub fn replace(&self, keys: Vec<TicketKey>) {
        self.0.store((!keys.is_empty()).then(|| Arc::new(keys)));
    }

    /// Whether there are keys at all.
    pub fn has_keys(&self) -> bool {
        self.0.load().is_some()
    }

    /// A ticket with this state.
    pub fn seal(&self, state: &[u8]) -> Option<Vec<u8>> {
        self.0.load().as_ref()?.first()?.seal(state, SystemTime::now())
    }

    /// The state of a ticket that is younger than [`LIFETIME`] and of one of the keys.
    pub fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, sealed) = ticket.split_first_chunk()?;
        let keys = self.0.load();
        // A name is no secret: it stands in every ticket in the clear.
        keys.as_ref()?.iter().find(|key| key.name == *name)?.open(sealed, SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> TicketKey {
        TicketKey::new(&[byte; KEY_LENGTH]).unwrap()
    }

    #[test]
    fn the_first_key_makes_tickets_and_all_open_them() {
        let old = Tickets::new(vec![key(1)]);
        let ticket = old.seal(b"state").unwrap();
        let rotated = Tickets::new(vec![key(2), key(1)]);
        assert_eq!(rotated.open(&ticket).unwrap(), b"state");
        assert_eq!(old.open(&rotated.seal(b"state").unwrap()), None);
        rotated.replace(vec![key(2)]);
        assert_eq!(rotated.open(&ticket), None);
        rotated.replace(Vec::new());
        assert!(!rotated.has_keys() && rotated.seal(b"state").is_none());
    }

    #[test]
    fn what_is_no_ticket_is_not_opened() {
        let tickets = Tickets::new(vec![key(1)]);
        let ticket = tickets.seal(b"state").unwrap();
        for length in 0..ticket.len() {
            assert_eq!(tickets.open(&ticket[..length]), None);
        }
        for place in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[place] ^= 1;
            assert_eq!(tickets.open(&changed), None);
        }
    }

    #[test]
    fn every_ticket_is_another_one_and_shows_nothing_of_the_state() {
        let tickets = Tickets::new(vec![key(1)]);
        let [one, other] = [(); 2].map(|()| tickets.seal(b"a state that is secret").unwrap());
        assert_ne!(one[NAME..], other[NAME..]);
        assert!(!one.windows(6).any(|bytes| bytes == b"secret"));
    }

    #[test]
    fn a_ticket_is_good_for_its_lifetime() {
        let (key, now) = (key(1), SystemTime::now());
        let ticket = key.seal(b"state", now).unwrap();
        let open = |at| key.open(&ticket[NAME..], at).is_some();
        let second = Duration::from_secs(1);
        assert!(open(now) && open(now + LIFETIME - second) && open(now - CLOCK_SKEW + second));
        assert!(!open(now + LIFETIME + second) && !open(now - CLOCK_SKEW - second));
    }

    #[test]
    fn a_key_has_its_length_and_is_not_shown() {
        assert!(
            TicketKey::new(&[7; KEY_LENGTH - 1]).is_none() && TicketKey::new(&[7; KEY_LENGTH + 1]).is_none()
        );
        assert_eq!(format!("{:?}", Tickets::new(vec![key(7)])).matches('7').count(), 0);
    }
}
