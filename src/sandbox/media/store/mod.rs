//! Blobs, in memory, each for its time: as many and as large as an account and all of them may have.
//!
//! A blob is found by its name alone, which is 256 random bits: there is no list, and nothing tells a name that was never
//! given from one whose blob is gone. What is written here does not know what is inside.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use bytes::{Bytes, BytesMut};

use super::Sha256;
use super::digest::Hashing;
use crate::sandbox::random::{self, RandomError};

/// A blob is kept in pieces of this size, the last one excepted.
const PIECE: usize = 64 * 1024;
const NAME_BYTES: usize = 32;

/// How much may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a blob, in bytes.
    pub blob: u64,
    /// Of all blobs of an account, in bytes.
    pub account: u64,
    /// Of all blobs, in bytes.
    pub all: u64,
    /// Blobs of an account, with those that are being uploaded.
    pub blobs: usize,
    /// Uploads of an account at a time.
    pub uploads: usize,
    /// How long a blob is kept.
    pub lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            blob: 64 << 20,
            account: 256 << 20,
            all: 1 << 30,
            blobs: 1024,
            uploads: 4,
            lifetime: Duration::from_hours(24),
        }
    }
}

/// Why a blob is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the blob is larger than a blob may be")]
    TooLarge,
    #[error("the account has as many blobs, or as many bytes in them, as it may have")]
    AccountFull,
    #[error("the store is full")]
    Full,
    #[error("the account uploads too many blobs at a time")]
    TooManyUploads,
    #[error("the account is no more")]
    AccountGone,
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// What a blob is called: whoever knows it can fetch the blob, and nobody can guess it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName([u8; NAME_BYTES]);

impl BlobName {
    pub fn parse(text: &str) -> Option<Self> {
        let mut name = [0; NAME_BYTES];
        let length = BASE64_URL.decode_slice(text, &mut name).ok()?;
        (length == NAME_BYTES).then_some(Self(name))
    }

    /// As it stands in the blob's URL: base64url.
    pub fn text(self) -> String {
        BASE64_URL.encode(self.0)
    }
}

/// Nothing of the name, which opens the way to the blob.
impl fmt::Debug for BlobName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BlobName")
    }
}

/// One blob, as it was uploaded. Who reads it has it until the end, also when its time is over meanwhile.
pub struct Blob {
    pieces: Vec<Bytes>,
    pub size: u64,
    pub sha256: Sha256,
    account: String,
    expires: Instant,
}

/// What an account is told of a blob that is kept from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub name: BlobName,
    pub size: u64,
    pub sha256: Sha256,
    pub expires_in: Duration,
}

pub struct Store {
    limits: Limits,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    blobs: HashMap<BlobName, Arc<Blob>>,
    /// By when their time is over.
    expiring: BTreeSet<(Instant, BlobName)>,
    accounts: HashMap<String, Usage>,
    /// Of all accounts, with what is being uploaded.
    bytes: u64,
}

/// What an account has, with what it is uploading.
#[derive(Default)]
struct Usage {
    bytes: u64,
    names: BTreeSet<BlobName>,
    uploads: usize,
    /// The account ended while it was uploading.
    is_over: bool,
}

/// A blob that is being uploaded. What it takes is free again when it is dropped.
pub struct Upload {
    store: Arc<Store>,
    account: String,
    pieces: Vec<Bytes>,
    piece: BytesMut,
    size: u64,
    hashing: Option<Hashing>,
}

impl Store {
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, kept: Mutex::default() })
    }

    /// Of a blob, in bytes.
    pub fn largest(&self) -> u64 {
        self.limits.blob
    }

    /// Begins an upload of an account.
    pub fn begin(self: &Arc<Self>, account: &str, now: Instant) -> Result<Upload, StoreError> {
        let mut kept = self.kept();
        kept.expire(now);
        let usage = kept.accounts.entry(account.to_owned()).or_default();
        if usage.uploads >= self.limits.uploads {
            return Err(StoreError::TooManyUploads);
        }
        if usage.names.len() + usage.uploads >= self.limits.blobs {
            return Err(StoreError::AccountFull);
        }
        usage.uploads += 1;
        Ok(Upload {
            store: self.clone(),
            account: account.to_owned(),
            pieces: Vec::new(),
            piece: BytesMut::new(),
            size: 0,
            hashing: Some(Hashing::new()),
        })
    }

    pub fn find(&self, name: BlobName, now: Instant) -> Option<Arc<Blob>> {
        self.kept().blobs.get(&name).filter(|blob| blob.expires > now).cloned()
    }

    /// Drops a blob of this account. `false` if it has none of this name.
    pub fn delete(&self, account: &str, name: BlobName) -> bool {
        let mut kept = self.kept();
        let is_own = kept.blobs.get(&name).is_some_and(|blob| blob.account == account);
        if is_own {
            kept.drop_blob(name);
        }
        is_own
    }

    /// Drops all blobs of an account, which is no more. What it is uploading meanwhile is not kept.
    pub fn forget(&self, account: &str) {
        let mut kept = self.kept();
        let names = kept.accounts.get(account).map(|usage| usage.names.clone()).unwrap_or_default();
        names.into_iter().for_each(|name| kept.drop_blob(name));
        // It is still known only if it is uploading.
        if let Some(usage) = kept.accounts.get_mut(account) {
            usage.is_over = true;
        }
    }

    /// How many blobs there are, and how many bytes they have, with those of what is being uploaded.
    pub fn held(&self, now: Instant) -> (usize, u64) {
        let mut kept = self.kept();
        kept.expire(now);
        (kept.blobs.len(), kept.bytes)
    }

    /// All of every blob, one behind the other, for who has to show that nothing can be read there.
    pub fn contents(&self) -> Vec<Vec<u8>> {
        let kept = self.kept();
        kept.blobs.values().map(|blob| blob.pieces.concat()).collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn expire(&mut self, now: Instant) {
        while let Some((expires, name)) = self.expiring.first().copied()
            && expires <= now
        {
            self.expiring.pop_first();
            self.drop_blob(name);
        }
    }

    fn drop_blob(&mut self, name: BlobName) {
        let Some(blob) = self.blobs.remove(&name) else { return };
        self.expiring.remove(&(blob.expires, name));
        if let Some(usage) = self.accounts.get_mut(&blob.account) {
            usage.names.remove(&name);
        }
        self.release(&blob.account, blob.size);
    }

    fn release(&mut self, account: &str, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(usage) = self.accounts.get_mut(account) {
            usage.bytes = usage.bytes.saturating_sub(bytes);
            if usage.names.is_empty() && usage.uploads == 0 {
                self.accounts.remove(account);
            }
        }
    }

    /// Takes room for more bytes, or for none.
    fn reserve(&mut self, account: &str, bytes: u64, limits: &Limits) -> Result<(), StoreError> {
        let usage = self.accounts.entry(account.to_owned()).or_default();
        if usage.bytes + bytes > limits.account {
            return Err(StoreError::AccountFull);
        }
        if self.bytes + bytes > limits.all {
            return Err(StoreError::Full);
        }
        usage.bytes += bytes;
        self.bytes += bytes;
        Ok(())
    }
}

impl Upload {
    /// Takes what comes next.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let more = bytes.len() as u64;
        if self.size + more > self.store.limits.blob {
            return Err(StoreError::TooLarge);
        }
        self.store.kept().reserve(&self.account, more, &self.store.limits)?;
        self.size += more;
        if let Some(hashing) = &mut self.hashing {
            hashing.add(bytes);
        }
        // Pieces of one size: small ones, of which a sender could make many, would take more than their bytes.
        for part in bytes.chunks(PIECE) {
            let (now, later) = part.split_at(part.len().min(PIECE - self.piece.len()));
            self.piece.reserve(PIECE - self.piece.len());
            self.piece.extend_from_slice(now);
            if self.piece.len() == PIECE {
                self.pieces.push(self.piece.split().freeze());
            }
            self.piece.extend_from_slice(later);
        }
        Ok(())
    }

    /// Keeps the blob from now on.
    pub fn finish(mut self, now: Instant) -> Result<Stored, StoreError> {
        let name = BlobName(random::bytes()?);
        let hashing = self.hashing.take().unwrap_or_else(Hashing::new);
        let mut pieces = std::mem::take(&mut self.pieces);
        if !self.piece.is_empty() {
            pieces.push(Bytes::copy_from_slice(&self.piece));
        }
        let (size, lifetime) = (self.size, self.store.limits.lifetime);
        let account = self.account.clone();
        let blob = Blob { pieces, size, sha256: hashing.end(), account, expires: now + lifetime };
        let stored = Stored { name, size, sha256: blob.sha256, expires_in: lifetime };
        let mut kept = self.store.kept();
        let usage = kept.accounts.entry(self.account.clone()).or_default();
        if usage.is_over {
            return Err(StoreError::AccountGone);
        }
        usage.names.insert(name);
        kept.expiring.insert((blob.expires, name));
        kept.blobs.insert(name, Arc::new(blob));
        drop(kept);
        // What it takes is the blob's now.
        self.size = 0;
        Ok(stored)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut kept = self.store.kept();
        if let Some(usage) = kept.accounts.get_mut(&self.account) {
            usage.uploads = usage.uploads.saturating_sub(1);
        }
        kept.release(&self.account, self.size);
    }
}

impl Blob {
    /// What stands from here on, as far as it can be given without a copy. Empty at the end.
    pub fn at(&self, place: u64) -> Bytes {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let piece = self.pieces.get(place / PIECE).cloned().unwrap_or_default();
        piece.slice((place % PIECE).min(piece.len())..)
    }
}
