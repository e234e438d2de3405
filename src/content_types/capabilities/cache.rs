//! The sets of capabilities that are known, by their hashes: shared by all sessions, bounded, and never wrong.
//!
//! A set is found by a hash only if it has that hash. One that came from a client is there by its hash of XEP-0115 only
//! if it cannot be mistaken for another ([`admission`](super::admission)). Nothing is hashed while the lock is held.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::admission::is_admitted;
use super::advertisement::{DiscoAdvertisement, Fingerprint};
use super::disco_info::{DiscoInfo, Reading};
use super::hash::{CapabilityHash, Digest, Family, HashKind};

/// How much a cache may hold, seeds aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Hashes by which sets are found.
    pub entries: usize,
    /// Bytes of the sets, counted for each hash; for every entry at most [`HASHES_SIZE`](Self::HASHES_SIZE) come on
    /// top.
    pub bytes: usize,
}

/// Sets of capabilities by their hashes. The ones that were not used for longest go first; seeds stay.
pub struct CapabilitiesCache {
    limits: CacheLimits,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<CapabilityHash, Entry>,
    /// The entries that may go, by when they were used last.
    by_use: BTreeMap<u64, CapabilityHash>,
    uses: u64,
    bytes: usize,
}

struct Entry {
    set: Arc<KnownSet>,
    /// When it was used last, counted in uses; `None` for a seed.
    used: Option<u64>,
}

/// A set, and its hashes as far as they were asked for.
pub(super) struct KnownSet {
    info: DiscoInfo,
    hashes: Mutex<Vec<Remembered>>,
}

struct Remembered {
    of: Hashed,
    digest: Option<Digest>,
}

/// What of a set was hashed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hashed {
    kind: HashKind,
    reading: Reading,
    /// Of the advertisement that was applied to it.
    edited_by: Option<Fingerprint>,
}

impl CacheLimits {
    /// Hashes that are remembered of one set.
    const HASHES: usize = 32;
    /// Bytes that the remembered hashes of one set take at most.
    pub const HASHES_SIZE: usize = Self::HASHES * size_of::<Remembered>();
}

impl CapabilitiesCache {
    pub fn new(limits: CacheLimits) -> Self {
        Self { limits, table: Mutex::default() }
    }

    /// How many hashes can be found.
    pub fn len(&self) -> usize {
        self.table().entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn find(&self, hash: &CapabilityHash) -> Option<Arc<KnownSet>> {
        self.table().use_entry(hash)
    }

    /// Takes in a set by those of the hashes that are its own, as far as it may be shared by them. Returns whether there
    /// was any.
    pub(super) fn learn(&self, hashes: &[CapabilityHash], info: &DiscoInfo) -> bool {
        let mut own: Vec<CapabilityHash> = Vec::new();
        for &reading in info.readings() {
            let is_own =
                |hash: &&CapabilityHash| info.hash(hash.kind, reading).as_ref() == Some(&hash.digest);
            let may_be_shared = |hash: &&CapabilityHash| match hash.kind.family {
                Family::Capabilities => is_admitted(info, reading),
                Family::Capabilities2 => true,
            };
            own.extend(hashes.iter().filter(is_own).filter(may_be_shared).copied());
        }
        if own.is_empty() {
            return false;
        }
        let set = Arc::new(KnownSet::new(info.clone()));
        let mut table = self.table();
        for hash in own {
            table.insert(hash, &set);
        }
        table.shrink(self.limits);
        true
    }

    /// Takes in a set that the operator vouches for, by all its hashes, for good.
    pub(super) fn pin(&self, info: DiscoInfo) {
        let set = Arc::new(KnownSet::new(info));
        let hash = |reading: &Reading, kind| {
            let digest = set.info.hash(kind, *reading)?;
            Some(CapabilityHash { kind, digest })
        };
        let hashes_of = |reading| HashKind::all().filter_map(move |kind| hash(reading, kind));
        let hashes: Vec<_> = set.info.readings().iter().flat_map(hashes_of).collect();
        let mut table = self.table();
        for hash in hashes {
            table.remove(&hash);
            table.entries.insert(hash, Entry { set: Arc::clone(&set), used: None });
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Whoever panicked with the lock held left a table that is whole: each change of it is complete.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn use_entry(&mut self, hash: &CapabilityHash) -> Option<Arc<KnownSet>> {
        let entry = self.entries.get_mut(hash)?;
        if let Some(used) = &mut entry.used {
            self.by_use.remove(used);
            self.uses += 1;
            *used = self.uses;
            self.by_use.insert(*used, *hash);
        }
        Some(Arc::clone(&entry.set))
    }

    /// What is there already stays: it is the same.
    fn insert(&mut self, hash: CapabilityHash, set: &Arc<KnownSet>) {
        if self.use_entry(&hash).is_some() {
            return;
        }
        self.uses += 1;
        self.bytes += set.info.size();
        self.by_use.insert(self.uses, hash);
        self.entries.insert(hash, Entry { set: Arc::clone(set), used: Some(self.uses) });
    }

    fn shrink(&mut self, limits: CacheLimits) {
        while self.by_use.len() > limits.entries || self.bytes > limits.bytes {
            let Some((_, oldest)) = self.by_use.first_key_value() else { return };
            let oldest = *oldest;
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, hash: &CapabilityHash) {
        let Some(Entry { set, used: Some(used) }) = self.entries.remove(hash) else { return };
        self.by_use.remove(&used);
        self.bytes = self.bytes.saturating_sub(set.info.size());
    }
}

impl KnownSet {
    fn new(info: DiscoInfo) -> Self {
        Self { info, hashes: Mutex::default() }
    }

    /// The hash of the same kind that the set has once it is edited; `None` if `hash` is not the set's own.
    pub fn edited(
        &self,
        hash: &CapabilityHash,
        advertisement: &DiscoAdvertisement,
    ) -> Option<CapabilityHash> {
        let kind = hash.kind;
        let is_meant = |reading: &&Reading| self.hash(kind, **reading, None).as_ref() == Some(&hash.digest);
        let reading = self.info.readings().iter().find(is_meant)?;
        let digest = self.hash(kind, *reading, Some(advertisement))?;
        Some(CapabilityHash { kind, digest })
    }

    /// The hash of the set, edited or not, remembered from the last time or made.
    fn hash(
        &self,
        kind: HashKind,
        reading: Reading,
        advertisement: Option<&DiscoAdvertisement>,
    ) -> Option<Digest> {
        let of = Hashed { kind, reading, edited_by: advertisement.map(DiscoAdvertisement::fingerprint) };
        if let Some(remembered) = self.hashes().iter().find(|remembered| remembered.of == of) {
            return remembered.digest;
        }
        let digest = match advertisement {
            Some(advertisement) => advertisement.applied_to(&self.info).hash(kind, reading),
            None => self.info.hash(kind, reading),
        };
        let mut hashes = self.hashes();
        if hashes.len() >= CacheLimits::HASHES {
            hashes.remove(0);
        }
        hashes.push(Remembered { of, digest });
        digest
    }

    fn hashes(&self) -> MutexGuard<'_, Vec<Remembered>> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows how much is in it, nothing of it.
impl fmt::Debug for CapabilitiesCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CapabilitiesCache({} hashes)", self.len())
    }
}
