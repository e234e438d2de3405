/// Why and where the gate refused. It never holds any of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused {kind} at {offset}")]
pub struct Refusal {
    pub kind: RefusalKind,
    /// Bytes from the start of this direction of the connection to the byte that decided.
    pub offset: u64,
}

/// Kinds, in kebab-case for people and machines. (The real list, with RFC/XML production sources, is to be completed.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    Truncated,
}

impl std::fmt::Display for RefusalKind {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
