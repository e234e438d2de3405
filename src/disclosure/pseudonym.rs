//! Pseudonyms: values replaced by keyed digests, and the keys for that.
//!
//! It does not draw randomness: the secret is an argument. It keeps no table of what it replaced: who has no key cannot
//! go back, and with the secret gone nobody can.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::catalogue::{Field, SessionId};
use super::disclosed::SinkName;

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

/// The secret of one period, in whatever memory its maker keeps it. It must come from a cryptographic generator, be
/// used for nothing else, and be overwritten when it is dropped.
pub trait Secret: Send + Sync {
    fn bytes(&self) -> &[u8; SECRET_LENGTH];
}

impl Secret for Zeroizing<[u8; SECRET_LENGTH]> {
    fn bytes(&self) -> &[u8; SECRET_LENGTH] {
        self
    }
}

/// The keys of one period: one for each sink and purpose, and one for each sink's session ids.
///
/// None of them is kept: each is derived from the period's secret when it is used, and overwritten by aws-lc after that.
/// When the secret is dropped, the period's pseudonyms cannot be made any more, and nothing links them to those of
/// another period.
pub struct PseudonymKeys {
    secret: Box<dyn Secret>,
}

/// What the key for session ids has in the place of a purpose. A rule's purpose is never empty.
const SESSION_IDS: &str = "";

impl PseudonymKeys {
    pub fn new(secret: impl Secret + 'static) -> Self {
        Self { secret: Box::new(secret) }
    }

    /// The pseudonym of `value` in `field` for one sink and purpose.
    pub(super) fn pseudonym(&self, sink: SinkName, purpose: &str, field: Field, value: &[u8]) -> Pseudonym {
        let mut context = hmac::Context::with_key(&self.derive(sink, purpose));
        // The field's name ends with a byte that no name contains: no two pairs of field and value are the same input.
        for part in [field.name().as_bytes(), &[0], value] {
            context.update(part);
        }
        Pseudonym(first_half(context.sign().as_ref()))
    }

    /// The id that `sink` sees of a session, the same for every purpose.
    pub(super) fn session_id(&self, sink: SinkName, id: &SessionId) -> Pseudonym {
        self.pseudonym(sink, SESSION_IDS, Field::SessionId, id.as_bytes())
    }

    /// The key of one sink and purpose: the secret's HMAC of both names, with a byte between that no sink's name
    /// contains.
    fn derive(&self, sink: SinkName, purpose: &str) -> hmac::Key {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.secret.bytes()));
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
