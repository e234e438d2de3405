//! What tags mean: namespaces, unique attributes, the tree, the outline.

use smallvec::SmallVec;

use super::super::bindings::Binding;
use super::super::characters::is_uri_byte;
use super::super::scope::Scope;
use super::super::vocabulary::KnownNamespace;
use super::super::{Limits, RefusalKind, Span};
use super::tag::QualifiedName;
use super::{CompleteKind, Fault, Grammar, Mode, Place, Scan, Scanner, Step};

const XML_NAMESPACE: &[u8] = b"http://www.w3.org/XML/1998/namespace";
const XMLNS_NAMESPACE: &[u8] = b"http://www.w3.org/2000/xmlns/";

/// An element that is open: its name in the frame, and what was in scope before its start tag.
pub(super) struct Open {
    name: Span,
    bindings_before: u32,
    default_before: Namespace,
}

/// A namespace, by the place of its declaration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum Namespace {
    #[default]
    None,
    /// The prefix `xml` needs no declaration (Namespaces in XML, 3).
    Xml,
    /// Declared by the stream's root: the position in the [`Scope`].
    Root(u32),
    /// Declared in the frame: the position in its [`Bindings`](super::Bindings).
    Frame(u32),
}

/// The name of a frame's outermost element.
#[derive(Clone, Copy, Default)]
pub(super) struct Outermost {
    name: QualifiedName,
    namespace: Namespace,
}

/// Where the text of a namespace stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum NamespaceText {
    None,
    Xml,
    /// In the [`Scope`]'s text.
    Root(Span),
    /// In the frame.
    Frame(Span),
}

impl Namespace {
    /// What a name without a prefix stands for directly in the root.
    #[inline]
    pub(super) fn default_of(scope: &Scope) -> Self {
        scope.default_namespace().map_or(Namespace::None, |position| Namespace::Root(position as u32))
    }
}

impl Scan {
    /// The outermost element's local name, as a span of the frame, and its namespace.
    pub(in super::super) fn expanded_name(&self, scope: &Scope) -> (Span, NamespaceText) {
        (self.outermost.name.local_part(), self.namespace_text(self.outermost.namespace, scope))
    }

    /// The declarations that the frame has made: prefix, value, and what is known of the namespace.
    pub(in super::super) fn declarations(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter()
    }

    /// The outermost element's qualified name, as a span of the frame.
    pub(in super::super) fn qualified_name(&self) -> Span {
        self.outermost.name.whole()
    }

    fn namespace_text(&self, namespace: Namespace, scope: &Scope) -> NamespaceText {
        match namespace {
            Namespace::None => NamespaceText::None,
            Namespace::Xml => NamespaceText::Xml,
            Namespace::Root(position) => {
                scope.value(position as usize).map_or(NamespaceText::None, NamespaceText::Root)
            }
            Namespace::Frame(position) => {
                let binding = self.bindings.at(position as usize);
                binding.map_or(NamespaceText::None, |binding| NamespaceText::Frame(binding.value))
            }
        }
    }
}

impl NamespaceText {
    /// The text itself, from the scope or the frame that the namespace was found in.
    pub(in super::super) fn of<'t>(self, scope: &'t Scope, frame: &'t [u8]) -> &'t [u8] {
        match self {
            NamespaceText::None => b"",
            NamespaceText::Xml => XML_NAMESPACE,
            NamespaceText::Root(span) => span.of(scope.text()),
            NamespaceText::Frame(span) => span.of(frame),
        }
    }
}

impl<'s> Scanner<'s> {
    /// `[39]` element: its start tag is complete, and its content begins at `at`.
    #[inline(always)]
    pub(super) fn begin_element(&mut self, at: usize) -> Step {
        self.enter().or_else(|fault| self.refuse(fault))?;
        if self.surroundings.place == Place::Prolog {
            return self.complete(CompleteKind::Header, at);
        }
        let tag = &self.scan.tag;
        self.scan.open.push(Open {
            name: tag.name.whole(),
            bindings_before: tag.bindings_before,
            default_before: tag.default_before,
        });
        Ok((Mode::Content, at))
    }

    /// An empty-element tag is complete: what follows it begins at `at`.
    pub(super) fn empty_element(&mut self, at: usize) -> Step {
        self.enter().or_else(|fault| self.refuse(fault))?;
        match (self.surroundings.place, self.surroundings.grammar) {
            (Place::Prolog, Grammar::Stream) => self.refuse(self.scan.tag.name.fault(RefusalKind::EmptyRoot)),
            (Place::Prolog, Grammar::Document) => self.complete(CompleteKind::EmptyRoot, at),
            _ if self.scan.open.is_empty() => self.complete(CompleteKind::Element, at),
            _ => {
                self.leave_scope(self.scan.tag.bindings_before, self.scan.tag.default_before);
                Ok((Mode::Content, at))
            }
        }
    }

    /// An end tag is complete: what follows it begins at `at`.
    #[inline(always)]
    pub(super) fn close_element(&mut self, at: usize) -> Step {
        let Some(element) = self.scan.open.pop() else {
            let name = self.scan.tag.reading.split_at_colon(self.expected_end_name());
            self.scan.outermost = Outermost { name, namespace: Namespace::None };
            return self.complete(CompleteKind::Closing, at);
        };
        if self.scan.open.is_empty() {
            return self.complete(CompleteKind::Element, at);
        }
        self.leave_scope(element.bindings_before, element.default_before);
        Ok((Mode::Content, at))
    }

    /// The name that the next end tag must have: the innermost open element's, or the root's.
    #[inline(always)]
    pub(super) fn expected_end_name(&self) -> &'s [u8] {
        match self.scan.open.last() {
            Some(element) => element.name.of(self.bytes),
            None => self.surroundings.scope.root_name().unwrap_or_default().as_bytes(),
        }
    }

    #[inline(always)]
    fn leave_scope(&mut self, bindings: u32, default: Namespace) {
        self.scan.bindings.truncate(self.bytes, bindings as usize);
        self.scan.default = default;
    }

    /// Takes in a namespace declaration (Namespaces in XML, `[1]` NSAttName).
    #[inline(never)]
    pub(super) fn declare(&mut self, name: QualifiedName, value: Span, escaped: bool) -> Result<(), Fault> {
        let prefix = if name.has_prefix() { name.local_part() } else { Span::default() };
        let uri = value.of(self.bytes);
        if uri.len() > Limits::LONGEST_NAMESPACE {
            return Err(name.fault(RefusalKind::NamespaceTooLong));
        }
        let known = self.surroundings.vocabulary.namespace(uri);
        let is_uri = known != KnownNamespace::OTHER || uri.iter().copied().all(is_uri_byte);
        check_declaration(prefix.of(self.bytes), uri, is_uri && !escaped).map_err(|kind| name.fault(kind))?;
        let in_scope = self.surroundings.scope.len() + self.scan.bindings.len();
        if in_scope >= self.surroundings.limits.namespaces {
            return Err(name.fault(RefusalKind::TooManyNamespaces));
        }
        if !name.has_prefix() {
            self.scan.default = Namespace::Frame(self.scan.bindings.len() as u32);
        }
        self.scan.bindings.push(self.bytes, Binding { prefix, value, known });
        Ok(())
    }

    /// What a complete start tag means: everything that needs all of its declarations.
    #[inline(always)]
    fn enter(&mut self) -> Result<(), Fault> {
        if self.scan.tag.may_repeat {
            self.check_names()?;
        }
        let name = self.scan.tag.name;
        let namespace = if name.has_prefix() { self.resolve(name)? } else { self.scan.default };
        if self.scan.tag.prefixed > 0 {
            self.check_prefixed_names()?;
        }
        let known = self.known(namespace);
        self.check_root(name, known)?;
        self.note_element(name, namespace, known);
        Ok(())
    }

    /// The constraint Prefix Declared (Namespaces in XML, 5).
    fn resolve(&self, name: QualifiedName) -> Result<Namespace, Fault> {
        let prefix = name.prefix().of(self.bytes);
        if let Some(position) = self.scan.bindings.find(self.bytes, prefix) {
            return Ok(Namespace::Frame(position as u32));
        }
        if let Some(position) = self.surroundings.scope.find(prefix) {
            return Ok(Namespace::Root(position as u32));
        }
        match prefix {
            b"xml" => Ok(Namespace::Xml),
            b"xmlns" => Err(name.fault(RefusalKind::ReservedNamespace)),
            _ => Err(name.fault(RefusalKind::UndeclaredPrefix)),
        }
    }

    /// The constraint Unique Att Spec (XML 1.0, 3.1), for names as they are written.
    #[inline(never)]
    fn check_names(&self) -> Result<(), Fault> {
        let names = self.scan.attributes.iter().map(|name| (name.whole().of(self.bytes), name.start()));
        check_unique(&mut names.collect())
    }

    /// The constraints Prefix Declared (Namespaces in XML, 5) and Attributes Unique (6.3), for names as they
    /// expand; and what the outline tells of them.
    #[inline(never)]
    fn check_prefixed_names(&mut self) -> Result<(), Fault> {
        let mut names = Names::new();
        let mut watched = false;
        for name in self.scan.attributes.iter() {
            if name.has_prefix() && name.prefix().of(self.bytes) != b"xmlns" {
                let namespace = self.resolve(*name)?;
                watched |= self.known(namespace).watched;
                let text = self.scan.namespace_text(namespace, self.surroundings.scope);
                let text = text.of(self.surroundings.scope, self.bytes);
                names.push(((name.local_part().of(self.bytes), text), name.start()));
            }
        }
        self.scan.outline.watched |= watched;
        check_unique(&mut names)
    }

    /// A stream header is the root, and the root is a stream header (RFC 6120, 4.2).
    #[inline(always)]
    fn check_root(&self, name: QualifiedName, known: KnownNamespace) -> Result<(), Fault> {
        if self.surroundings.grammar == Grammar::Document {
            return Ok(());
        }
        let vocabulary = self.surroundings.vocabulary;
        let is_stream = vocabulary.is_root(known, name.local_part().of(self.bytes));
        match (self.surroundings.place == Place::Prolog, is_stream) {
            (true, true) | (false, false) => Ok(()),
            (false, true) => Err(name.fault(RefusalKind::NestedStream)),
            (true, false) if vocabulary.is_root_namespace(known) => Err(name.fault(RefusalKind::WrongRoot)),
            (true, false) => Err(name.fault(RefusalKind::WrongNamespace)),
        }
    }

    /// Notes in the outline what it tells of elements.
    #[inline(always)]
    fn note_element(&mut self, name: QualifiedName, namespace: Namespace, known: KnownNamespace) {
        let lookup = || self.surroundings.vocabulary.name(known, name.local_part().of(self.bytes));
        match self.scan.open.len() {
            0 => {
                self.scan.outline.name = lookup();
                self.scan.outermost = Outermost { name, namespace };
            }
            1 => self.scan.outline.children.insert(lookup()),
            _ => {}
        }
        self.scan.outline.watched |= known.watched;
    }

    #[inline(always)]
    fn known(&self, namespace: Namespace) -> KnownNamespace {
        let known = match namespace {
            Namespace::None | Namespace::Xml => None,
            Namespace::Root(position) => self.surroundings.scope.known(position as usize),
            Namespace::Frame(position) => {
                self.scan.bindings.at(position as usize).map(|binding| binding.known)
            }
        };
        known.unwrap_or(KnownNamespace::OTHER)
    }
}

/// The constraints Reserved Prefixes and Namespace Names, and No Prefix Undeclaring (Namespaces in XML, 3 and
/// 5). `means_itself`: the value is a URI as it is written. The default namespace's prefix is empty.
fn check_declaration(prefix: &[u8], uri: &[u8], means_itself: bool) -> Result<(), RefusalKind> {
    if !means_itself {
        return Err(RefusalKind::AmbiguousNamespace);
    }
    let misused_xml = (prefix == b"xml") != (uri == XML_NAMESPACE);
    if misused_xml || prefix == b"xmlns" || uri == XMLNS_NAMESPACE {
        return Err(RefusalKind::ReservedNamespace);
    }
    if uri.is_empty() && !prefix.is_empty() {
        return Err(RefusalKind::EmptyNamespace);
    }
    Ok(())
}

/// Names and where they stand: on the stack for as many attributes as a policy would allow.
type Names<T> = SmallVec<[(T, usize); 64]>;

/// Refuses the first name that has occurred before.
///
/// Sorting compares each name a few times, as the logarithm of their number says. What is compared is at most as
/// long as the name itself and, where local parts are the same, [`Limits::LONGEST_NAMESPACE`].
fn check_unique<T: Ord>(names: &mut Names<T>) -> Result<(), Fault> {
    names.sort_unstable();
    let repeated = names.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min();
    let fault = |position| Fault { kind: RefusalKind::DuplicateAttribute, position };
    repeated.map_or(Ok(()), |position| Err(fault(position)))
}
