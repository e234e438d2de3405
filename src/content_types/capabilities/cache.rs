//! The sets of capabilities that are known, by their hashes: shared by all sessions, bounded, and never wrong.
//!
//! A set is found by a hash only if it has that hash. One that came from a client is there by its hash of XEP-0115 only
//! if it cannot be mistaken for another ([`admission`](super::admission)). Nothing is hashed while the lock is held.

use std::collections::{BTreeMap, HashMap, VecDeque, hash_map};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::admission::is_admitted;
use super::advertisement::{DiscoAdvertisement, Fingerprint};
use super::disco_info::{DiscoInfo, Reading};
use super::hash::{Algorithm, CapabilityHash, Digest, Family, HashKind};

/// How much a cache may hold, seeds aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Hashes by which sets are found; and as many edited ones that are mapped back.
    pub entries: usize,
    /// Bytes of the sets; for each at most [`HASHES_SIZE`](Self::HASHES_SIZE) come on top.
    pub bytes: usize,
}

/// Sets of capabilities by their hashes. The ones that were not used for longest go first, and before them those that
/// only the session used that taught them; seeds stay.
pub struct CapabilitiesCache {
    limits: CacheLimits,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    held: HashMap<u64, Held>,
    by_hash: HashMap<CapabilityHash, u64>,
    /// The sets that may go, the next one first.
    by_use: BTreeMap<LastUse, u64>,
    /// Counts uses; and names sets, by the use that brought them.
    uses: u64,
    /// What is held of learnt sets.
    hashes: usize,
    bytes: usize,
    given: HashMap<CapabilityHash, Given>,
    /// The hashes in `given`, the oldest first.
    given_order: VecDeque<CapabilityHash>,
}

/// A set that is held, and the hashes by which it is found.
pub(super) struct Held {
    set: Arc<KnownSet>,
    hashes: Vec<CapabilityHash>,
    size: usize,
    /// `None` for a seed.
    last_use: Option<LastUse>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct LastUse {
    /// Another session than the one that taught the set has used it.
    shared: bool,
    /// Counted in uses.
    at: u64,
}

/// What an edited hash was given for.
#[derive(Clone, Copy)]
pub(super) struct Given {
    /// The client's own hash.
    pub original: CapabilityHash,
    /// Of the advertisement.
    pub fingerprint: Fingerprint,
}

/// A set, and its hashes as far as they were asked for.
pub(super) struct KnownSet {
    info: DiscoInfo,
    hashes: Mutex<Hashes>,
}

#[derive(Default)]
struct Hashes {
    /// Of the set as it is: each kind and reading at most once.
    own: Vec<(HashKind, Reading, Option<Digest>)>,
    /// Of the edited set, the oldest first.
    edited: VecDeque<Edited>,
}

struct Edited {
    kind: HashKind,
    reading: Reading,
    /// Of the advertisement that was applied.
    fingerprint: Fingerprint,
    digest: Option<Digest>,
}

impl CacheLimits {
    /// Kinds of hashes, in both readings.
    const OWN_HASHES: usize = 2 * Family::ALL.len() * Algorithm::ALL.len();
    /// Hashes of the edited set that are remembered. A client advertises one or two, for each profile.
    const EDITED_HASHES: usize = 32;
    /// Bytes that the remembered hashes of one set take at most.
    pub const HASHES_SIZE: usize = Self::OWN_HASHES * size_of::<(HashKind, Reading, Option<Digest>)>()
        + Self::EDITED_HASHES * size_of::<Edited>();
}

impl CapabilitiesCache {
    pub fn new(limits: CacheLimits) -> Self {
        Self { limits, table: Mutex::default() }
    }

    /// How many hashes can be found.
    pub fn len(&self) -> usize {
        self.table().by_hash.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The set that has this hash. `by_teacher`: the session that looks for it is the one that taught it.
    pub(super) fn find(&self, hash: &CapabilityHash, by_teacher: bool) -> Option<Arc<KnownSet>> {
        self.table().use_set(hash, by_teacher)
    }

    /// Takes note that the gatekeeper was given edited hashes of a set for the originals, so that it can ask for them
    /// when the session that gave them has ended.
    ///
    /// A set in which words of the advertisement stand already is edited into the same one as a set without them. Only
    /// the latter is noted: no client's words can send the question that another one must answer elsewhere.
    pub(super) fn give<'a>(
        &self,
        set: &KnownSet,
        hashes: impl Iterator<Item = (&'a CapabilityHash, &'a CapabilityHash)> + Clone,
        advertisement: &DiscoAdvertisement,
    ) {
        let is_noted = |table: &Table| hashes.clone().all(|(_, edited)| table.given.contains_key(edited));
        if is_noted(&self.table()) || advertisement.takes_from(&set.info) {
            return;
        }
        let fingerprint = advertisement.fingerprint();
        let mut table = self.table();
        for (original, edited) in hashes {
            table.give(*edited, Given { original: *original, fingerprint });
        }
        table.forget_given(self.limits.entries);
    }

    /// What the hash that a node names was given for, and the software in the node.
    pub(super) fn given_for<'n>(&self, node: &'n str) -> Option<(&'n str, Given)> {
        let table = self.table();
        CapabilityHash::of_node(node).find_map(|(software, hash)| Some((software, *table.given.get(&hash)?)))
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
        self.table().take_in(&set, own, self.limits);
        true
    }

    /// Takes in sets that the operator vouches for, by all their hashes.
    pub(super) fn pin(&self, seeds: Vec<Held>) {
        let mut table = self.table();
        seeds.into_iter().for_each(|seed| table.pin(seed));
    }

    /// The same in the place of all that were taken in so before. What was learnt stays.
    pub(super) fn pin_only(&self, seeds: Vec<Held>) {
        let mut table = self.table();
        table.let_go_of_seeds();
        seeds.into_iter().for_each(|seed| table.pin(seed));
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Whoever panicked with the lock held left a table that is whole: each change of it is complete.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// A set that the operator vouches for, with all its hashes.
    pub fn seed(info: DiscoInfo) -> Self {
        let set = Arc::new(KnownSet::new(info));
        let hash = |reading: &Reading, kind| {
            let digest = set.info.hash(kind, *reading)?;
            Some(CapabilityHash { kind, digest })
        };
        let hashes_of = |reading| HashKind::all().filter_map(move |kind| hash(reading, kind));
        let hashes = set.info.readings().iter().flat_map(hashes_of).collect();
        Self { set, hashes, size: 0, last_use: None }
    }
}

impl Table {
    fn pin(&mut self, seed: Held) {
        for hash in &seed.hashes {
            self.remove_hash(hash);
        }
        self.hold(seed);
    }

    fn let_go_of_seeds(&mut self) {
        let is_seed = |(id, held): (&u64, &Held)| held.last_use.is_none().then_some(*id);
        let seeds: Vec<u64> = self.held.iter().filter_map(is_seed).collect();
        seeds.into_iter().for_each(|seed| self.let_go(seed));
    }

    fn use_set(&mut self, hash: &CapabilityHash, by_teacher: bool) -> Option<Arc<KnownSet>> {
        let id = *self.by_hash.get(hash)?;
        let held = self.held.get_mut(&id)?;
        if let Some(last_use) = &mut held.last_use {
            self.by_use.remove(last_use);
            self.uses += 1;
            *last_use = LastUse { shared: last_use.shared || !by_teacher, at: self.uses };
            self.by_use.insert(*last_use, id);
        }
        Some(Arc::clone(&held.set))
    }

    /// Takes in a set that was learnt. What is found by a hash already stays: it is the same. What is larger than all
    /// that may be held is not taken in, and pushes nothing out.
    fn take_in(&mut self, set: &Arc<KnownSet>, mut hashes: Vec<CapabilityHash>, limits: CacheLimits) {
        hashes.retain(|hash| !self.by_hash.contains_key(hash));
        let size = set.info.size();
        if hashes.is_empty() || hashes.len() > limits.entries || size > limits.bytes {
            return;
        }
        while self.hashes + hashes.len() > limits.entries || self.bytes + size > limits.bytes {
            let Some((_, next)) = self.by_use.pop_first() else { return };
            self.let_go(next);
        }
        let last_use = Some(LastUse { shared: false, at: self.uses + 1 });
        self.hold(Held { set: Arc::clone(set), hashes, size, last_use });
    }

    fn hold(&mut self, held: Held) {
        self.uses += 1;
        let id = self.uses;
        self.by_hash.extend(held.hashes.iter().map(|hash| (*hash, id)));
        if let Some(last_use) = held.last_use {
            self.by_use.insert(last_use, id);
            self.hashes += held.hashes.len();
            self.bytes += held.size;
        }
        self.held.insert(id, held);
    }

    fn let_go(&mut self, id: u64) {
        let Some(held) = self.held.remove(&id) else { return };
        for hash in &held.hashes {
            self.by_hash.remove(hash);
        }
        if let Some(last_use) = held.last_use {
            self.by_use.remove(&last_use);
            self.hashes = self.hashes.saturating_sub(held.hashes.len());
            self.bytes = self.bytes.saturating_sub(held.size);
        }
    }

    /// Lets go of a learnt set that is found by this hash; a seed is found by its other hashes still.
    fn remove_hash(&mut self, hash: &CapabilityHash) {
        let Some(id) = self.by_hash.remove(hash) else { return };
        match self.held.get_mut(&id) {
            Some(seed) if seed.last_use.is_none() => seed.hashes.retain(|own| own != hash),
            _ => self.let_go(id),
        }
    }

    /// The first one stays.
    fn give(&mut self, edited: CapabilityHash, given: Given) {
        if let hash_map::Entry::Vacant(vacant) = self.given.entry(edited) {
            vacant.insert(given);
            self.given_order.push_back(edited);
        }
    }

    fn forget_given(&mut self, most: usize) {
        while self.given_order.len() > most {
            let oldest = self.given_order.pop_front();
            oldest.map(|oldest| self.given.remove(&oldest));
        }
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
        let is_meant = |reading: &&Reading| self.own_hash(kind, **reading).as_ref() == Some(&hash.digest);
        let reading = self.info.readings().iter().find(is_meant)?;
        let digest = self.edited_hash(kind, *reading, advertisement)?;
        Some(CapabilityHash { kind, digest })
    }

    /// The hash of the set as it is. It is made once, so that a false claim costs no more than a true one.
    fn own_hash(&self, kind: HashKind, reading: Reading) -> Option<Digest> {
        let is_it = |own: &&(HashKind, Reading, Option<Digest>)| own.0 == kind && own.1 == reading;
        if let Some((_, _, digest)) = self.hashes().own.iter().find(is_it) {
            return *digest;
        }
        let digest = self.info.hash(kind, reading);
        let own = &mut self.hashes().own;
        if !own.iter().any(|own| is_it(&own)) {
            own.push((kind, reading, digest));
        }
        digest
    }

    /// The hash of the edited set, remembered from the last time or made.
    fn edited_hash(
        &self,
        kind: HashKind,
        reading: Reading,
        advertisement: &DiscoAdvertisement,
    ) -> Option<Digest> {
        let fingerprint = advertisement.fingerprint();
        let is_it = |edited: &&Edited| {
            edited.kind == kind && edited.reading == reading && edited.fingerprint == fingerprint
        };
        if let Some(edited) = self.hashes().edited.iter().find(is_it) {
            return edited.digest;
        }
        let digest = advertisement.applied_to(&self.info).hash(kind, reading);
        let edited = &mut self.hashes().edited;
        if edited.len() >= CacheLimits::EDITED_HASHES {
            edited.pop_front();
        }
        edited.push_back(Edited { kind, reading, fingerprint, digest });
        digest
    }

    fn hashes(&self) -> MutexGuard<'_, Hashes> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows how much is in it, nothing of it.
impl fmt::Debug for CapabilitiesCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CapabilitiesCache({} hashes)", self.len())
    }
}
