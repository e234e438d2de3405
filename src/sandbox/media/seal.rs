//! Sealing a blob, segment by segment. Nothing is kept but the segment that is not full yet.

use aws_lc_rs::aead::LessSafeKey;
use zeroize::Zeroizing;

use super::digest::Hashing;
use super::segments::{Nonces, SEGMENT};
use super::{MediaKey, Sha256};
use crate::sandbox::random::{self, RandomError};

/// A blob could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error("more than can be sealed as one blob")]
    TooLong,
    #[error("the cipher failed")]
    Cipher,
}

/// What is known of a blob once all of it is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// In bytes, as it is stored.
    pub size: u64,
    pub sha256: Sha256,
}

/// Seals one blob under a key of its own.
pub struct Sealer {
    cipher: LessSafeKey,
    nonces: Nonces,
    /// Of the segment that is sealed next: whether it is the last is known when more comes, or when no more does.
    pending: Zeroizing<Vec<u8>>,
    /// What has been written: the header at the least, once something has been pushed or all has ended.
    size: u64,
    hashing: Hashing,
}

impl Sealer {
    /// The key is new each time, so that no nonce is ever used twice with one.
    pub fn new() -> Result<(Self, MediaKey), SealError> {
        let key = MediaKey::generate()?;
        let sealer = Self {
            cipher: key.cipher().ok_or(SealError::Cipher)?,
            nonces: Nonces::new(random::bytes()?),
            pending: Zeroizing::new(Vec::with_capacity(SEGMENT)),
            size: 0,
            hashing: Hashing::new(),
        };
        Ok((sealer, key))
    }

    /// Takes what comes next, and writes the segments that are full behind what `sealed` holds.
    pub fn push(&mut self, mut plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), SealError> {
        while !plain.is_empty() {
            if self.pending.len() == SEGMENT {
                self.seal(false, sealed)?;
            }
            let (now, later) = plain.split_at(plain.len().min(SEGMENT - self.pending.len()));
            self.pending.extend_from_slice(now);
            plain = later;
        }
        Ok(())
    }

    /// Writes the last segment, which there always is, even if it is empty.
    pub fn finish(mut self, sealed: &mut Vec<u8>) -> Result<Sealed, SealError> {
        self.seal(true, sealed)?;
        Ok(Sealed { size: self.size, sha256: self.hashing.end() })
    }

    fn seal(&mut self, is_last: bool, sealed: &mut Vec<u8>) -> Result<(), SealError> {
        let start = sealed.len();
        if self.size == 0 {
            sealed.extend_from_slice(&self.nonces.header());
        }
        let context = self.nonces.context();
        let nonce = self.nonces.next(is_last).ok_or(SealError::TooLong)?;
        let tag = self.cipher.seal_in_place_separate_tag(nonce, context, &mut self.pending);
        sealed.extend_from_slice(&self.pending);
        sealed.extend_from_slice(tag.map_err(|_| SealError::Cipher)?.as_ref());
        self.pending.clear();
        self.size += (sealed.len() - start) as u64;
        self.hashing.add(&sealed[start..]);
        Ok(())
    }
}
