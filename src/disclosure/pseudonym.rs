//! Pseudonyms: values replaced by keyed digests, and the keys for that.
//!
//! It does not draw randomness: the secret is an argument. It keeps no table of what it replaced: who has no key cannot
//! go back, and with the secret gone nobody can.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::disclosed::SinkName;
use super::field::{Field, SessionId};
use super::policy::DisclosurePolicy;

/// Length of a secret in bytes: SHA-256's output.
const SECRET_LENGTH: usize = 32;

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

/// The keys of one period: one for each sink and purpose of a policy, and one for each sink's session ids.
///
/// They are made once, because making a key costs as much as using it. When they are dropped, aws-lc overwrites them;
/// pseudonyms of a later period, made from another secret, cannot be linked to theirs.
pub struct PseudonymKeys {
    keys: Vec<PurposeKey>,
}

struct PurposeKey {
    sink: SinkName,
    purpose: String,
    key: hmac::Key,
}

/// What the key for session ids has in the place of a purpose. A rule's purpose is never empty.
const SESSION_IDS: &str = "";

impl PseudonymKeys {
    /// The keys that `policy` needs. `secret` must come from a cryptographic generator, be used for nothing else and be
    /// written nowhere; it is overwritten here.
    pub fn new(policy: &DisclosurePolicy, secret: Zeroizing<[u8; SECRET_LENGTH]>) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret[..]);
        let session_ids = SinkName::ALL.map(|sink| (sink, SESSION_IDS));
        let purposes: BTreeSet<_> = policy.purposes().chain(session_ids).collect();
        let mut keys = Vec::with_capacity(purposes.len());
        for (sink, purpose) in purposes {
            let key = derive(&secret, sink, purpose);
            keys.push(PurposeKey { sink, purpose: purpose.to_owned(), key });
        }
        Self { keys }
    }

    /// The pseudonym of `value` in `field` for one sink and purpose; `None` if these keys are of a policy without it.
    pub(super) fn pseudonym(
        &self,
        sink: SinkName,
        purpose: &str,
        field: Field,
        value: &[u8],
    ) -> Option<Pseudonym> {
        let key = self.keys.iter().find(|key| key.sink == sink && key.purpose == purpose)?;
        let mut context = hmac::Context::with_key(&key.key);
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
}

impl fmt::Debug for PseudonymKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKeys(..)")
    }
}

/// The key of one sink and purpose: the secret's HMAC of both names, with a byte between that no sink's name contains.
fn derive(secret: &hmac::Key, sink: SinkName, purpose: &str) -> hmac::Key {
    let mut context = hmac::Context::with_key(secret);
    for part in [sink.name().as_bytes(), &[0], purpose.as_bytes()] {
        context.update(part);
    }
    hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref())
}

/// The first 16 of a digest's bytes.
fn first_half(digest: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(digest) {
        *to = *from;
    }
    half
}
