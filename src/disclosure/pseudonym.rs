//! Pseudonyms: values replaced by keyed digests, and the keys for that.
//!
//! It does not draw randomness: the secret is an argument. It keeps no table of what it replaced: who has no key cannot
//! go back, and with the secret gone nobody can.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use super::catalogue::{Field, SessionId};
use super::disclosed::SinkName;
use super::policy::DisclosurePolicy;

/// Length of a secret in bytes: SHA-256's output.
pub const SECRET_LENGTH: usize = 32;

/// The first 16 bytes of an HMAC-SHA-256 (RFC 2104; cut as its section 5 allows).
///
/// The same value has the same pseudonym within one sink, purpose, field and secret, and unrelated ones otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pseudonym([u8; 16]);

impl Pseudonym {
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonym(16 bytes)")
    }
}

/// The memory for the keys of one period. Its maker decides what memory it is, puts a secret into the first
/// [`SECRET_LENGTH`] bytes that comes from a cryptographic generator and is used for nothing else, and overwrites all of it
/// in the end.
pub trait KeyMemory: Send + Sync {
    /// At least [`SECRET_LENGTH`].
    fn bytes(&self) -> &[u8];

    fn bytes_mut(&mut self) -> &mut [u8];
}

impl<const N: usize> KeyMemory for Zeroizing<[u8; N]> {
    fn bytes(&self) -> &[u8] {
        &self[..]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self[..]
    }
}

/// The keys of one period: one for each sink and purpose, and one for each sink's session ids.
///
/// They are derived from the period's secret (HKDF-Expand, RFC 5869) and stand behind it in its memory. One that has no
/// place there is derived when it is used. When the memory is overwritten, the period's pseudonyms cannot be made any
/// more, and nothing links them to those of another period.
pub struct PseudonymKeys {
    memory: Box<dyn KeyMemory>,
    /// Whose keys stand behind the secret, one after the other.
    prepared: Vec<(SinkName, String)>,
}

/// What the key for session ids has in the place of a purpose. A rule's purpose is never empty.
const SESSION_IDS: &str = "";

impl PseudonymKeys {
    pub fn new(memory: impl KeyMemory + 'static) -> Self {
        Self { memory: Box::new(memory), prepared: Vec::new() }
    }

    /// Derives the keys that `policy` takes, as many as the memory has places for.
    pub fn prepare(&mut self, policy: &DisclosurePolicy) {
        let purposes = policy.rules().map(|(sink, _, rule)| (sink, rule.purpose.as_str()));
        let wanted: BTreeSet<_> = purposes.chain(SinkName::ALL.map(|sink| (sink, SESSION_IDS))).collect();
        let (secret, places) = self.memory.bytes_mut().split_at_mut(SECRET_LENGTH);
        self.prepared.clear();
        for ((sink, purpose), place) in wanted.into_iter().zip(places.chunks_exact_mut(SECRET_LENGTH)) {
            if derive(secret, sink, purpose, place).is_none() {
                break;
            }
            self.prepared.push((sink, purpose.to_owned()));
        }
    }

    /// The pseudonym of `value` in `field` for one sink and purpose; `None` if the key cannot be derived.
    pub(super) fn pseudonym(
        &self,
        sink: SinkName,
        purpose: &str,
        field: Field,
        value: &[u8],
    ) -> Option<Pseudonym> {
        let mut context = hmac::Context::with_key(&self.key(sink, purpose)?);
        // The field's name ends with a byte that no name contains: no two pairs of field and value are the same input.
        for part in [field.name().as_bytes(), &[0], value] {
            context.update(part);
        }
        Some(Pseudonym(first_half(context.sign().as_ref())))
    }

    /// The id that `sink` sees of a session, the same for every purpose.
    pub(super) fn session_id(&self, sink: SinkName, id: &SessionId) -> Option<Pseudonym> {
        self.pseudonym(sink, SESSION_IDS, Field::SessionId, id.as_bytes())
    }

    /// The key of one sink and purpose, ready for use. aws-lc overwrites it when it is dropped.
    fn key(&self, sink: SinkName, purpose: &str) -> Option<hmac::Key> {
        let (secret, places) = self.memory.bytes().split_at(SECRET_LENGTH);
        let place = self.prepared.iter().position(|(of, named)| (*of, named.as_str()) == (sink, purpose));
        if let Some(key) = place.and_then(|place| places.chunks_exact(SECRET_LENGTH).nth(place)) {
            return Some(hmac::Key::new(hmac::HMAC_SHA256, key));
        }
        let mut key = Zeroizing::new([0; SECRET_LENGTH]);
        derive(secret, sink, purpose, &mut key[..])?;
        Some(hmac::Key::new(hmac::HMAC_SHA256, &key[..]))
    }
}

/// Derives the key of one sink and purpose: both names with a byte between that no sink's name contains.
fn derive(secret: &[u8], sink: SinkName, purpose: &str, key: &mut [u8]) -> Option<()> {
    let names = [sink.name().as_bytes(), &[0], purpose.as_bytes()];
    let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret);
    secret.expand(&names, hkdf::HKDF_SHA256).and_then(|derived| derived.fill(key)).ok()
}

impl fmt::Debug for PseudonymKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKeys(..)")
    }
}

/// The first 16 of a digest's bytes.
fn first_half(digest: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(digest) {
        *to = *from;
    }
    half
}
