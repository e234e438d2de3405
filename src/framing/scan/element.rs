//! What tags mean: namespaces, unique attributes, the tree, the outline.

use smallvec::SmallVec;

use super::super::bindings::Binding;
use super::super::scope::Scope;
use super::super::vocabulary::KnownNamespace;
use super::super::{RefusalKind, Span};
use super::tag::{Attribute, QualifiedName};
use super::{Complete, CompleteKind, Grammar, Mode, Place, Scan, Scanner, Step, Stop, refuse};

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
    pub(super) fn default_of(scope: &Scope) -> Self {
        scope.find(b"").map_or(Namespace::None, |position| Namespace::Root(position as u32))
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
    /// A start tag is complete: its element begins at `at`.
    pub(super) fn open_element(&mut self, at: usize) -> Step {
        self.begin_element()?;
        if self.surroundings.place == Place::Prolog {
            return complete(CompleteKind::Header, at);
        }
        let tag = &self.scan.tag;
        self.scan.open.push(Open {
            name: tag.name.whole(),
            bindings_before: tag.bindings_before as u32,
            default_before: tag.default_before,
        });
        Ok((Mode::Content, at))
    }

    /// An empty-element tag is complete: what follows it begins at `at`.
    pub(super) fn empty_element(&mut self, at: usize) -> Step {
        self.begin_element()?;
        match (self.surroundings.place, self.surroundings.grammar) {
            (Place::Prolog, Grammar::Stream) => refuse(RefusalKind::EmptyRoot, self.scan.tag.name.start),
            (Place::Prolog, Grammar::Document) => complete(CompleteKind::EmptyRoot, at),
            _ if self.scan.open.is_empty() => complete(CompleteKind::Element, at),
            _ => {
                self.leave_scope(self.scan.tag.bindings_before, self.scan.tag.default_before);
                Ok((Mode::Content, at))
            }
        }
    }

    /// An end tag is complete: what follows it begins at `at`.
    pub(super) fn close_element(&mut self, at: usize) -> Step {
        let Some(element) = self.scan.open.pop() else {
            self.scan.outermost = Outermost { name: self.root_end_name(), namespace: Namespace::None };
            return complete(CompleteKind::Closing, at);
        };
        if self.scan.open.is_empty() {
            return complete(CompleteKind::Element, at);
        }
        self.leave_scope(element.bindings_before as usize, element.default_before);
        Ok((Mode::Content, at))
    }

    /// The name that the next end tag must have: the innermost open element's, or the root's.
    pub(super) fn expected_end_name(&self) -> &'s [u8] {
        match self.scan.open.last() {
            Some(element) => element.name.of(self.bytes),
            None => self.surroundings.scope.root_name().unwrap_or_default().as_bytes(),
        }
    }

    /// Where the parts of the root's name are in its end tag.
    fn root_end_name(&self) -> QualifiedName {
        let name = self.scan.tag.reading;
        let colon = self.bytes[name.start..name.end].iter().position(|byte| *byte == b':');
        QualifiedName { local: colon.map_or(name.start, |colon| name.start + colon + 1), ..name }
    }

    fn leave_scope(&mut self, bindings: usize, default: Namespace) {
        self.scan.bindings.truncate(self.bytes, bindings);
        self.scan.default = default;
    }

    /// Takes in a namespace declaration (Namespaces in XML, [1] NSAttName).
    #[inline(never)]
    pub(super) fn declare(&mut self, name: QualifiedName, value: Span, escaped: bool) -> Result<(), Stop> {
        let prefix = if name.has_prefix() { name.local_part() } else { Span::default() };
        if escaped {
            return refuse(RefusalKind::AmbiguousNamespace, name.start);
        }
        self.check_declaration(name, self.span(prefix), self.span(value))?;
        let in_scope = self.surroundings.scope.len() + self.scan.bindings.len();
        if in_scope >= self.surroundings.limits.namespaces {
            return refuse(RefusalKind::TooManyNamespaces, name.start);
        }
        let known = self.surroundings.vocabulary.namespace(self.span(value));
        if !name.has_prefix() {
            self.scan.default = Namespace::Frame(self.scan.bindings.len() as u32);
        }
        self.scan.bindings.push(self.bytes, Binding { prefix, value, known });
        Ok(())
    }

    /// The constraints Reserved Prefixes and Namespace Names, and No Prefix Undeclaring (Namespaces in XML, 3 and 5).
    fn check_declaration(&self, name: QualifiedName, prefix: &[u8], value: &[u8]) -> Result<(), Stop> {
        let misused_xml = (prefix == b"xml") != (value == XML_NAMESPACE);
        if misused_xml || prefix == b"xmlns" || value == XMLNS_NAMESPACE {
            return refuse(RefusalKind::ReservedNamespace, name.start);
        }
        if value.is_empty() && name.has_prefix() {
            return refuse(RefusalKind::EmptyNamespace, name.start);
        }
        Ok(())
    }

    /// What a complete start tag means: everything that needs its declarations.
    #[inline]
    fn begin_element(&mut self) -> Result<(), Stop> {
        if self.scan.tag.may_repeat {
            self.check_repeated_names()?;
        }
        let name = self.scan.tag.name;
        let namespace = if name.has_prefix() { self.resolve(name)? } else { self.scan.default };
        if self.scan.tag.prefixed > 0 {
            self.check_prefixed_attributes()?;
        }
        self.note_element(name, namespace)
    }

    /// The constraint Prefix Declared (Namespaces in XML, 5).
    fn resolve(&self, name: QualifiedName) -> Result<Namespace, Stop> {
        let prefix = self.span(name.prefix());
        if let Some(position) = self.scan.bindings.find(self.bytes, prefix) {
            return Ok(Namespace::Frame(position as u32));
        }
        if let Some(position) = self.surroundings.scope.find(prefix) {
            return Ok(Namespace::Root(position as u32));
        }
        match prefix {
            b"xml" => Ok(Namespace::Xml),
            b"xmlns" => refuse(RefusalKind::ReservedNamespace, name.start),
            _ => refuse(RefusalKind::UndeclaredPrefix, name.start),
        }
    }

    /// The constraint Unique Att Spec (XML 1.0, 3.1), for names as they are written.
    #[inline(never)]
    fn check_repeated_names(&self) -> Result<(), Stop> {
        let names = self.scan.attributes.iter().map(|attribute| {
            let name = attribute.name();
            (self.span(name.whole()), name.start)
        });
        refuse_repeated(names.collect())
    }

    /// The constraints Prefix Declared (Namespaces in XML, 5) and Attributes Unique (6.3), for names as they expand.
    #[inline(never)]
    fn check_prefixed_attributes(&self) -> Result<(), Stop> {
        let mut names: SmallVec<[_; 8]> = SmallVec::new();
        for name in self.scan.attributes.iter().copied().map(Attribute::name) {
            if name.has_prefix() && self.span(name.prefix()) != b"xmlns" {
                let namespace = self.scan.namespace_text(self.resolve(name)?, self.surroundings.scope);
                let namespace = namespace.of(self.surroundings.scope, self.bytes);
                names.push(((self.span(name.local_part()), namespace), name.start));
            }
        }
        refuse_repeated(names)
    }

    /// Notes in the outline what it tells of elements, and keeps stream headers where they belong.
    #[inline]
    fn note_element(&mut self, name: QualifiedName, namespace: Namespace) -> Result<(), Stop> {
        let known = self.known(namespace);
        let vocabulary = self.surroundings.vocabulary;
        let local = &self.bytes[name.local..name.end];
        if self.surroundings.grammar == Grammar::Stream {
            let is_root = vocabulary.is_root(known, local);
            match self.surroundings.place {
                Place::Prolog if is_root => {}
                Place::Prolog if vocabulary.is_root_namespace(known) => {
                    return refuse(RefusalKind::WrongRoot, name.start);
                }
                Place::Prolog => return refuse(RefusalKind::WrongNamespace, name.start),
                Place::Root | Place::Epilog if is_root => {
                    return refuse(RefusalKind::NestedStream, name.start);
                }
                Place::Root | Place::Epilog => {}
            }
        }
        match self.scan.open.len() {
            0 => {
                self.scan.outermost = Outermost { name, namespace };
                self.scan.outline.name = vocabulary.name(known, local);
            }
            1 => self.scan.outline.children.insert(vocabulary.name(known, local)),
            _ => {}
        }
        self.scan.outline.watched |= known.watched;
        Ok(())
    }

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

fn complete(kind: CompleteKind, end: usize) -> Step {
    Err(Stop::Complete(Complete { kind, end }))
}

/// Refuses at the first name that has occurred before. Sorting keeps this near-linear for any number of names.
fn refuse_repeated<T: Ord>(mut names: SmallVec<[(T, usize); 8]>) -> Result<(), Stop> {
    names.sort_unstable();
    let repeated = names.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min();
    repeated.map_or(Ok(()), |position| refuse(RefusalKind::DuplicateAttribute, position))
}
