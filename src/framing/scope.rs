/// The namespace declarations of a stream's root: what every frame of the stream inherits.
pub struct Scope {}

impl Scope {
    /// `(prefix, namespace)` pairs, the default namespace with an empty prefix.
    pub fn declarations(&self) -> impl Iterator<Item = (&str, &str)> {
        std::iter::empty()
    }
}
