/// The index of a known `(namespace, local name)` pair in the [`Vocabulary`] that the gate was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameId(pub(super) u8);

impl NameId {
    /// Any name that the vocabulary does not hold.
    pub const OTHER: NameId = NameId(u8::MAX);

    pub const fn index(self) -> Option<usize> {
        if self.0 == u8::MAX { None } else { Some(self.0 as usize) }
    }
}

/// A set of known names (a bit set; a vocabulary holds at most 128).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameSet(pub(super) u128);

impl NameSet {
    pub fn contains(self, _index: usize) -> bool {
        todo!()
    }
}

/// The names a gate can tell apart, and the namespaces it watches for. Shared by all sessions.
pub struct Vocabulary {}

impl Vocabulary {
    /// `root` is the stream header's name; `names` get their index as id; elements of `watched` namespaces set
    /// [`Outline::watched`](super::Outline::watched).
    pub fn new(_root: (&str, &str), _names: &[(&str, &str)], _watched: &[&str]) -> Self {
        todo!()
    }
}
