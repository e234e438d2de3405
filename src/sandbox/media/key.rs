//! The key of one blob.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::sandbox::random::{self, RandomError};

const LENGTH: usize = 32;

/// A key for AES-256-GCM. It is made for one blob and is gone from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaKey(Zeroizing<[u8; LENGTH]>);

impl MediaKey {
    pub(super) fn generate() -> Result<Self, RandomError> {
        Ok(Self(Zeroizing::new(random::bytes()?)))
    }

    /// What seals and opens. `None` does not happen, as the length is the algorithm's.
    pub(super) fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, self.0.as_slice()).ok().map(LessSafeKey::new)
    }

    pub fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// As it is written in a reference: base64url.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_URL.encode(self.0.as_slice()))
    }
}

/// Nothing of the key.
impl fmt::Debug for MediaKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MediaKey")
    }
}

impl Serialize for MediaKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for MediaKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let mut key = Zeroizing::new([0; LENGTH]);
        match BASE64_URL.decode_slice(text.as_bytes(), key.as_mut_slice()) {
            Ok(LENGTH) => Ok(Self(key)),
            _ => Err(de::Error::custom("a key should stand here: 32 bytes in base64url")),
        }
    }
}
