//! The hash of a blob as it is stored.

use aws_lc_rs::digest::{Context, Digest, SHA256, SHA256_OUTPUT_LEN};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A SHA-256 hash, written in base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256([u8; SHA256_OUTPUT_LEN]);

impl Sha256 {
    pub fn text(&self) -> String {
        BASE64_URL.encode(self.0)
    }
}

impl From<Digest> for Sha256 {
    fn from(digest: Digest) -> Self {
        let mut hash = [0; SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest.as_ref());
        Self(hash)
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut hash = [0; SHA256_OUTPUT_LEN];
        match BASE64_URL.decode_slice(text.as_bytes(), &mut hash) {
            Ok(SHA256_OUTPUT_LEN) => Ok(Self(hash)),
            _ => Err(de::Error::custom("a SHA-256 hash should stand here, in base64url")),
        }
    }
}

/// A hash that grows with what passes.
pub struct Hashing(Context);

impl Hashing {
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn end(self) -> Sha256 {
        self.0.finish().into()
    }
}
