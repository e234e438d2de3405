//! Opening a blob, segment by segment, as it comes. Nothing is kept but the segment that is not whole yet.

use aws_lc_rs::aead::LessSafeKey;

use super::digest::Hashing;
use super::segments::{HEADER, Nonces, SEALED_SEGMENT, TAG};
use super::{MediaKey, Sha256};

/// Why what came is not the blob that was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("the blob is sealed in a way that is not known here")]
    Version,
    #[error("the blob has been changed: a segment is not what was sealed")]
    Forged,
    #[error("the blob ends too early")]
    Truncated,
    #[error("the blob goes on behind its end")]
    TooLong,
    #[error("the blob has another hash than its sender says")]
    WrongHash,
    #[error("the cipher failed")]
    Cipher,
}

/// Opens one blob. What it gives out before [`finish`](Self::finish) is what was sealed, but it may not be all of it, so
/// that nothing should be made of it before.
pub struct Opener {
    cipher: LessSafeKey,
    nonces: Option<Nonces>,
    /// Ciphertext of the segment that comes next: the last one has to be known as such.
    pending: Vec<u8>,
    /// What is still to come, in bytes.
    missing: u64,
    sha256: Sha256,
    hashing: Hashing,
}

impl Opener {
    /// For a blob of which its sender says size and hash, both of the ciphertext.
    pub fn new(key: &MediaKey, size: u64, sha256: Sha256) -> Result<Self, OpenError> {
        Ok(Self {
            cipher: key.cipher().ok_or(OpenError::Cipher)?,
            nonces: None,
            pending: Vec::new(),
            missing: size,
            sha256,
            hashing: Hashing::new(),
        })
    }

    /// How many bytes are still to come.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Takes what comes next, and writes what could be opened behind what `plain` holds.
    pub fn push(&mut self, mut sealed: &[u8], plain: &mut Vec<u8>) -> Result<(), OpenError> {
        self.missing = self.missing.checked_sub(sealed.len() as u64).ok_or(OpenError::TooLong)?;
        self.hashing.add(sealed);
        while !sealed.is_empty() {
            let whole = if self.nonces.is_none() { HEADER } else { SEALED_SEGMENT };
            if self.pending.len() == whole {
                self.take(plain)?;
                continue;
            }
            let (now, later) = sealed.split_at(sealed.len().min(whole - self.pending.len()));
            self.pending.extend_from_slice(now);
            sealed = later;
        }
        Ok(())
    }

    /// Opens the last segment, when all has come.
    pub fn finish(mut self, plain: &mut Vec<u8>) -> Result<(), OpenError> {
        if self.missing > 0 {
            return Err(OpenError::Truncated);
        }
        if self.hashing.end() != self.sha256 {
            return Err(OpenError::WrongHash);
        }
        let mut nonces = self.nonces.ok_or(OpenError::Truncated)?;
        open(&self.cipher, &mut nonces, true, &mut self.pending, plain)
    }

    /// The header, or a segment that others follow.
    fn take(&mut self, plain: &mut Vec<u8>) -> Result<(), OpenError> {
        match &mut self.nonces {
            None => self.nonces = Some(Nonces::read(&self.pending).ok_or(OpenError::Version)?),
            Some(nonces) => open(&self.cipher, nonces, false, &mut self.pending, plain)?,
        }
        self.pending.clear();
        Ok(())
    }
}

fn open(
    cipher: &LessSafeKey,
    nonces: &mut Nonces,
    is_last: bool,
    segment: &mut [u8],
    plain: &mut Vec<u8>,
) -> Result<(), OpenError> {
    if segment.len() < TAG {
        return Err(OpenError::Truncated);
    }
    let context = nonces.context();
    let nonce = nonces.next(is_last).ok_or(OpenError::TooLong)?;
    let opened = cipher.open_in_place(nonce, context, segment).map_err(|_| OpenError::Forged)?;
    plain.extend_from_slice(opened);
    Ok(())
}
