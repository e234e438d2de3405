//! The names that a gate can tell apart, looked up while it scans. It is data: the gate itself knows no
//! protocol.

use std::fmt;

use super::characters::is_uri_byte;
use super::search::equal;

/// The index of a known `(namespace, local name)` pair in the [`Vocabulary`] that the gate was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameId(u8);

impl NameId {
    /// Any name that the vocabulary does not hold.
    pub const OTHER: NameId = NameId(u8::MAX);

    /// The position of the name in the list that the vocabulary was built from; `None` for
    /// [`OTHER`](Self::OTHER).
    pub const fn index(self) -> Option<usize> {
        if self.0 == u8::MAX { None } else { Some(self.0 as usize) }
    }
}

/// A set of known names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameSet(u128);

impl NameSet {
    pub const EMPTY: NameSet = NameSet(0);

    /// Whether the name with this index is in the set.
    pub const fn contains(self, index: usize) -> bool {
        index < Vocabulary::CAPACITY && self.0 >> index & 1 == 1
    }

    /// Whether a name is in both sets.
    pub const fn intersects(self, other: NameSet) -> bool {
        self.0 & other.0 != 0
    }

    /// The names that are in both sets.
    pub const fn intersection(self, other: NameSet) -> NameSet {
        NameSet(self.0 & other.0)
    }

    /// Adds a name; [`NameId::OTHER`] adds nothing.
    #[inline]
    pub fn insert(&mut self, name: NameId) {
        if let Some(index) = name.index() {
            self.0 |= 1 << index;
        }
    }
}

/// The names a gate can tell apart, and the namespaces it watches for. Immutable; shared by all sessions.
pub struct Vocabulary {
    namespaces: Table<KnownNamespace>,
    names: Table<NameId>,
    root: (KnownNamespace, Box<[u8]>),
}

/// What the vocabulary knows of a namespace: enough to compare it with others, to look up names in it, and to
/// see whether it is watched, without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownNamespace {
    number: u16,
    pub(super) watched: bool,
}

impl KnownNamespace {
    /// A namespace that the vocabulary does not hold.
    pub(super) const OTHER: KnownNamespace = KnownNamespace { number: u16::MAX, watched: false };
}

impl Vocabulary {
    /// The most names that a vocabulary can hold.
    pub const CAPACITY: usize = u128::BITS as usize;

    /// `root` is the stream header's `(namespace, local name)`; `names` get their index as id, the first of
    /// equal ones counts; elements and attributes of `watched` namespaces set
    /// [`Outline::watched`](super::Outline::watched).
    ///
    /// # Panics
    ///
    /// If there are more than [`CAPACITY`](Self::CAPACITY) names: the list is the program's own.
    pub fn new(root: (&str, &str), names: &[(&str, &str)], watched: &[&str]) -> Self {
        assert!(names.len() <= Self::CAPACITY, "a vocabulary holds at most {} names", Self::CAPACITY);
        let mut uris: Vec<&str> =
            names.iter().map(|name| name.0).chain([root.0]).chain(watched.iter().copied()).collect();
        uris.sort_unstable();
        uris.dedup();
        let known = |uri: &str| KnownNamespace {
            number: uris.iter().position(|other| *other == uri).unwrap_or_default() as u16,
            watched: watched.contains(&uri),
        };
        // What is known needs no other check when it is declared: no URI, no entry.
        let are_uris = uris.iter().filter(|uri| uri.bytes().all(is_uri_byte));
        let entries: Vec<_> = are_uris.map(|uri| (0, uri.as_bytes(), known(uri))).collect();
        let namespaces = Table::new(entries.into_iter());
        let names = Table::new(
            names
                .iter()
                .enumerate()
                .map(|(index, (uri, local))| (known(uri).number, local.as_bytes(), NameId(index as u8))),
        );
        Self { namespaces, names, root: (known(root.0), root.1.as_bytes().into()) }
    }

    /// The id of a name; [`NameId::OTHER`] if the vocabulary does not hold it.
    pub fn id(&self, namespace: &str, local: &str) -> NameId {
        match self.namespace(namespace.as_bytes()) {
            KnownNamespace::OTHER => NameId::OTHER,
            known => self.name(known, local.as_bytes()),
        }
    }

    /// What is known of a namespace. One that is known consists of what URIs consist of.
    pub(super) fn namespace(&self, uri: &[u8]) -> KnownNamespace {
        self.namespaces.find(0, uri).unwrap_or(KnownNamespace::OTHER)
    }

    #[inline]
    pub(super) fn name(&self, namespace: KnownNamespace, local: &[u8]) -> NameId {
        self.names.find(namespace.number, local).unwrap_or(NameId::OTHER)
    }

    pub(super) fn is_root_namespace(&self, namespace: KnownNamespace) -> bool {
        self.root.0.number == namespace.number
    }

    #[inline]
    pub(super) fn is_root(&self, namespace: KnownNamespace, local: &[u8]) -> bool {
        self.is_root_namespace(namespace) && equal(&self.root.1, local)
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Vocabulary({} names)", self.names.entries)
    }
}

/// An open-addressed hash table with keys of a number and a string. It is never more than half full.
///
/// The keys are all ours, so nobody can prepare collisions; a lookup compares at most a few entries.
struct Table<T> {
    slots: Box<[Option<Entry<T>>]>,
    entries: usize,
}

struct Entry<T> {
    number: u16,
    text: Box<[u8]>,
    value: T,
}

impl<T: Copy> Table<T> {
    fn new<'a>(items: impl ExactSizeIterator<Item = (u16, &'a [u8], T)>) -> Self {
        let size = (items.len() * 2 + 1).next_power_of_two();
        let mut table = Self { slots: (0..size).map(|_| None).collect(), entries: 0 };
        for (number, text, value) in items {
            let slot = table.slot(number, text);
            if let empty @ None = &mut table.slots[slot] {
                *empty = Some(Entry { number, text: text.into(), value });
                table.entries += 1;
            }
        }
        table
    }

    #[inline]
    fn find(&self, number: u16, text: &[u8]) -> Option<T> {
        self.slots[self.slot(number, text)].as_ref().map(|entry| entry.value)
    }

    /// The slot of the entry with this key, or the empty one where it would stand.
    #[inline]
    fn slot(&self, number: u16, text: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash(number, text) as usize & mask;
        while let Some(entry) = &self.slots[slot] {
            if entry.number == number && equal(&entry.text, text) {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }
}

/// Mixes the length with the first and the last bytes: enough to tell the names of a few protocols apart.
#[inline]
fn hash(number: u16, text: &[u8]) -> u64 {
    let ends = match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let mixed = ends ^ (text.len() as u64) << 27 ^ u64::from(number) << 40;
    mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

#[cfg(test)]
mod tests {
    use super::{NameId, NameSet, Vocabulary};

    /// As many names as there can be take every place of a table: among them are those that hash to the same
    /// slot, and to the last.
    #[test]
    fn every_name_is_found_in_a_vocabulary_of_any_size() {
        let locals: Vec<String> = (0..Vocabulary::CAPACITY).map(|index| format!("name{index}")).collect();
        let names: Vec<(&str, &str)> = locals.iter().map(|local| ("urn:names", local.as_str())).collect();
        for size in 0..=names.len() {
            let vocabulary = Vocabulary::new(("urn:root", "root"), &names[..size], &[]);
            let namespace = vocabulary.namespace(b"urn:names");
            for (index, local) in locals.iter().enumerate() {
                let found = vocabulary.name(namespace, local.as_bytes());
                assert_eq!(found.index(), (index < size).then_some(index), "{local} of {size}");
            }
        }
    }

    #[test]
    fn the_same_local_name_in_other_namespaces_is_another_name() {
        let uris: Vec<String> = (0..Vocabulary::CAPACITY).map(|index| format!("urn:{index}")).collect();
        let names: Vec<(&str, &str)> = uris.iter().map(|uri| (uri.as_str(), "x")).collect();
        let vocabulary = Vocabulary::new(("urn:root", "root"), &names, &[]);
        for (index, uri) in uris.iter().enumerate() {
            let namespace = vocabulary.namespace(uri.as_bytes());
            assert_eq!(vocabulary.name(namespace, b"x").index(), Some(index));
            assert_eq!(vocabulary.name(namespace, b"y"), NameId::OTHER);
        }
    }

    #[test]
    fn an_intersection_holds_what_both_sets_hold() {
        let (one, other) = (NameSet(0b0011), NameSet(0b0110));
        assert_eq!(one.intersection(other), NameSet(0b0010));
        assert_eq!(one.intersection(NameSet(0b0100)), NameSet::EMPTY);
    }

    #[test]
    fn of_equal_names_the_first_counts() {
        let names = [("urn:a", "x"), ("urn:b", "x"), ("urn:a", "x")];
        let vocabulary = Vocabulary::new(("urn:root", "root"), &names, &[]);
        assert_eq!(vocabulary.name(vocabulary.namespace(b"urn:a"), b"x").index(), Some(0));
        assert_eq!(format!("{vocabulary:?}"), "Vocabulary(2 names)");
    }
}
