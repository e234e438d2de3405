//! Pseudonyms: values replaced by keyed digests, and the keys for that.
//!
//! It does not draw randomness: the secret is an argument. It keeps no table of what it replaced: who has no key cannot
//! go back, and with the secret gone nobody can.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::disclosed::SinkName;
use super::field::{Field, SessionId};

/// Length of a secret and of the keys made from it, in bytes: SHA-256's output.
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

/// The keys of one period, all made from one secret that lives in this process only.
///
/// They are zeroized when dropped; pseudonyms of a later period, with another secret, cannot be linked to theirs.
pub struct PseudonymKeys {
    secret: Box<Zeroizing<[u8; SECRET_LENGTH]>>,
}

impl PseudonymKeys {
    /// `secret` must come from a cryptographic generator, be used for nothing else and be written nowhere.
    pub fn new(secret: Zeroizing<[u8; SECRET_LENGTH]>) -> Self {
        // On the heap the bytes stay where they are when the keys move. They are copied in place, so that this and the
        // argument are the only copies, and both are zeroized.
        let mut own = Box::new(Zeroizing::new([0; SECRET_LENGTH]));
        own.copy_from_slice(&secret[..]);
        Self { secret: own }
    }

    /// The pseudonym of `value` in `field` for one sink and purpose.
    pub(super) fn pseudonym(&self, sink: SinkName, purpose: &str, field: Field, value: &[u8]) -> Pseudonym {
        let mut context = hmac::Context::with_key(&self.key(sink, purpose));
        // The field's name ends with a byte that no name contains: no two pairs of field and value are the same input.
        for part in [field.name().as_bytes(), &[0], value] {
            context.update(part);
        }
        Pseudonym(first_half(context.sign().as_ref()))
    }

    /// The id that `sink` sees of a session, the same for every purpose.
    pub(super) fn session_id(&self, sink: SinkName, id: &SessionId) -> Pseudonym {
        // A rule's purpose is never empty.
        self.pseudonym(sink, "", Field::SessionId, id.as_bytes())
    }

    /// The key of one sink and purpose: the secret's HMAC of both names.
    fn key(&self, sink: SinkName, purpose: &str) -> hmac::Key {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.secret[..]));
        for part in [sink.name().as_bytes(), &[0], purpose.as_bytes()] {
            context.update(part);
        }
        hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref())
    }
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
