//! What a stream's root leaves behind for every frame that follows: its name and its namespace declarations.

use std::fmt;

use super::Span;
use super::scan::Scan;
use super::vocabulary::KnownNamespace;

/// The root's name and namespace declarations. Empty before the stream header.
#[derive(Default)]
pub struct Scope {
    /// The root's qualified name, then the prefix and the value of each declaration.
    text: Box<str>,
    root: Option<Root>,
    /// In order of the prefixes, so that they can be searched.
    declarations: Box<[Declaration]>,
}

/// Spans of the scope's text.
#[derive(Clone, Copy)]
struct Root {
    name: Span,
    namespace: Span,
}

/// Spans of the scope's text.
struct Declaration {
    prefix: Span,
    value: Span,
    known: KnownNamespace,
}

impl Scope {
    /// `(prefix, namespace)` pairs in the order of the prefixes, the default namespace with an empty prefix.
    pub fn declarations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.declarations
            .iter()
            .map(|declaration| (self.part(declaration.prefix), self.part(declaration.value)))
    }

    /// The root's qualified name as it was written.
    pub(super) fn root_name(&self) -> Option<&str> {
        self.root.map(|root| self.part(root.name))
    }

    /// The root's namespace, as a span of [`text`](Self::text).
    pub(super) fn root_namespace(&self) -> Option<Span> {
        self.root.map(|root| root.namespace)
    }

    pub(super) fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The position of the declaration of `prefix`.
    pub(super) fn find(&self, prefix: &[u8]) -> Option<usize> {
        self.declarations.binary_search_by(|declaration| declaration.prefix.of(self.text()).cmp(prefix)).ok()
    }

    /// The position of the declaration of the default namespace. The order puts the empty prefix first.
    #[inline]
    pub(super) fn default_namespace(&self) -> Option<usize> {
        self.declarations.first().is_some_and(|first| first.prefix.len == 0).then_some(0)
    }

    pub(super) fn len(&self) -> usize {
        self.declarations.len()
    }

    pub(super) fn value(&self, position: usize) -> Option<Span> {
        self.declarations.get(position).map(|declaration| declaration.value)
    }

    pub(super) fn known(&self, position: usize) -> Option<KnownNamespace> {
        self.declarations.get(position).map(|declaration| declaration.known)
    }

    /// Takes over the root's name and what it declares from a validated header and its scan.
    pub(super) fn from_header(header: &[u8], scan: &Scan) -> Self {
        let mut text = String::new();
        let mut keep = |bytes: &[u8]| {
            let start = text.len();
            text.push_str(&String::from_utf8_lossy(bytes)); // It was validated, so nothing is lost.
            Span::between(start, text.len())
        };
        let namespace = scan.expanded_name(&Scope::default()).1;
        let root = Root {
            name: keep(scan.qualified_name().of(header)),
            namespace: keep(namespace.of(&Scope::default(), header)),
        };
        let mut declarations: Vec<Declaration> = scan
            .declarations()
            .map(|binding| Declaration {
                prefix: keep(binding.prefix.of(header)),
                value: keep(binding.value.of(header)),
                known: binding.known,
            })
            .collect();
        declarations.sort_unstable_by_key(|declaration| declaration.prefix.of(text.as_bytes()));
        Self { text: text.into(), root: Some(root), declarations: declarations.into() }
    }

    fn part(&self, span: Span) -> &str {
        let start = span.start as usize;
        self.text.get(start..start + span.len as usize).unwrap_or_default()
    }
}

/// Shows only how much there is: the names and values are a peer's.
impl fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scope({} declarations)", self.declarations.len())
    }
}
