//! A frame parsed for an edit, by quick-xml: its elements with their ranges in the frame's bytes.
//!
//! Only for frames that the gate has passed. It judges nothing itself: quick-xml is lenient by design. Nor does it show
//! quick-xml's errors, as they contain the input.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::events::attributes::Attributes;
use quick_xml::name::PrefixDeclaration;
use quick_xml::reader::Reader;

use super::namespace::XML;
use crate::framing::{Frame, Scope};

/// The elements of one frame, in document order. Holds what a peer wrote, so there is no `Debug`.
pub struct Tree<'a> {
    elements: Vec<Element<'a>>,
}

/// One element. All ranges are of the frame's bytes.
pub struct Element<'a> {
    /// Its namespace; empty if it has none.
    pub namespace: &'a str,
    /// Its local name.
    pub name: &'a str,
    /// Its name as it was written, with the prefix.
    pub qualified_name: &'a str,
    /// The frame's outermost element has depth 1, as in the gate's outline.
    pub depth: usize,
    /// The whole element, its tags included.
    pub range: Range<usize>,
    /// The start tag, or the whole empty-element tag.
    pub start_tag: Range<usize>,
    /// What stands between the tags; `None` for an empty-element tag.
    pub content: Option<Range<usize>>,
    /// Its attributes but for the namespace declarations.
    attributes: Vec<Attribute<'a>>,
}

/// One attribute of an element.
pub struct Attribute<'a> {
    /// Its name as it was written, with the prefix.
    pub name: &'a str,
    /// The namespace of its prefix; empty if it has none.
    pub namespace: &'a str,
    /// Its value, references replaced and white space normalised (XML 1.0, 3.3.3).
    pub value: Cow<'a, str>,
    /// From the white space before its name to its closing quote: what has to go for it to be gone.
    pub range: Range<usize>,
}

/// A frame that the gate has passed could not be read again: a fault of ours, not of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the frame could not be parsed again at byte {offset}")]
pub struct TreeError {
    /// Bytes from the start of the frame.
    pub offset: usize,
}

impl<'a> Tree<'a> {
    /// Reads an element that the gate has passed, as it stands in its stream.
    pub fn of(frame: &Frame<'a>) -> Result<Self, TreeError> {
        Self::parse(frame.bytes, frame.scope())
    }

    /// Reads one complete element, as it stands below a stream root that declares `scope`. Only for those who have no
    /// gate: what leads to a peer takes a [`Frame`].
    pub(crate) fn parse(frame: &'a [u8], scope: &'a Scope) -> Result<Self, TreeError> {
        let mut parser = Parser::new(frame, scope)?;
        while parser.step()? {}
        parser.finish()
    }

    /// The frame's outermost element.
    pub fn root(&self) -> &Element<'a> {
        // `Parser::finish` makes no tree without one.
        &self.elements[0]
    }

    /// All elements, in document order, the root first.
    pub fn elements(&self) -> &[Element<'a>] {
        &self.elements
    }

    /// The child elements of `parent`, which is one of the tree's.
    pub fn children_of(&self, parent: &Element<'a>) -> impl Iterator<Item = &Element<'a>> {
        // Elements stand in document order, so that those inside are the ones that follow.
        let (end, depth) = (parent.range.end, parent.depth + 1);
        let first = self.elements.partition_point(|element| element.range.start <= parent.range.start);
        let inside = self.elements.get(first..).unwrap_or_default().iter();
        inside
            .take_while(move |element| element.range.start < end)
            .filter(move |element| element.depth == depth)
    }

    /// The root's child elements.
    pub fn children(&self) -> impl Iterator<Item = &Element<'a>> {
        self.elements.iter().filter(|element| element.depth == 2)
    }
}

impl<'a> Element<'a> {
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// Its attributes but for the namespace declarations, in the order in which they were written.
    pub fn attributes(&self) -> &[Attribute<'a>] {
        &self.attributes
    }

    /// The attribute with this name and no prefix (an attribute without prefix has no namespace).
    pub fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The value of the attribute with this name and no prefix.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.attribute(name).map(|attribute| attribute.value.as_ref())
    }

    /// The text of an element that holds no elements, CDATA sections included, with line ends normalised and references
    /// replaced (XML 1.0, 2.11). `frame` is what the tree was parsed from.
    pub fn text<'f>(&self, frame: &'f [u8]) -> Option<Cow<'f, str>> {
        let raw = std::str::from_utf8(frame.get(self.content.clone()?)?).ok()?;
        if raw.contains('\r') {
            let lines = raw.replace("\r\n", "\n").replace('\r', "\n");
            return read_text(&lines).map(|text| Cow::Owned(text.into_owned()));
        }
        read_text(raw)
    }
}

/// Reads what stands between the tags of an element: `None` if other elements do.
fn read_text(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('<') {
        return quick_xml::escape::unescape(raw).ok();
    }
    let mut text = String::new();
    let mut rest = raw;
    while let Some((before, markup)) = rest.split_once('<') {
        text.push_str(&quick_xml::escape::unescape(before).ok()?);
        let (section, after) = markup.strip_prefix("![CDATA[")?.split_once("]]>")?;
        text.push_str(section);
        rest = after;
    }
    text.push_str(&quick_xml::escape::unescape(rest).ok()?);
    Some(Cow::Owned(text))
}

/// Reads the first start tag of a frame that holds no complete element: a stream header.
pub(super) fn start_tag_of<'a>(frame: &Frame<'a>) -> Result<Element<'a>, TreeError> {
    let mut parser = Parser::new(frame.bytes, frame.scope())?;
    while parser.elements.is_empty() {
        if !parser.step()? {
            return Err(TreeError { offset: frame.bytes.len() });
        }
    }
    Ok(parser.elements.swap_remove(0))
}

struct Parser<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    scope: &'a Scope,
    elements: Vec<Element<'a>>,
    /// Indices of the elements that are not closed yet.
    open: Vec<usize>,
    declarations: Vec<Declaration<'a>>,
}

/// A namespace declaration in scope below the stream's root.
struct Declaration<'a> {
    /// Empty for the default namespace.
    prefix: &'a str,
    namespace: &'a str,
    /// The depth of the element that declares it.
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(frame: &'a [u8], scope: &'a Scope) -> Result<Self, TreeError> {
        let text = std::str::from_utf8(frame).map_err(|error| TreeError { offset: error.valid_up_to() })?;
        Ok(Self {
            text,
            reader: Reader::from_str(text),
            scope,
            elements: Vec::new(),
            open: Vec::new(),
            declarations: Vec::new(),
        })
    }

    /// Reads one event; `false` at the end.
    fn step(&mut self) -> Result<bool, TreeError> {
        let start = self.position();
        let event = self.reader.read_event().map_err(|_| TreeError { offset: start })?;
        let range = start..self.position();
        match event {
            Event::Start(tag) => {
                let name_length = tag.name().as_ref().len();
                self.open(range.clone(), name_length)?;
                self.open.push(self.elements.len() - 1);
            }
            Event::Empty(tag) => {
                let name_length = tag.name().as_ref().len();
                self.open(range.clone(), name_length)?;
                self.forget_declarations();
            }
            Event::End(_) => self.close(range)?,
            Event::Eof => return Ok(false),
            // Text, CDATA, references; in front of a stream header the XML declaration.
            _ => {}
        }
        Ok(true)
    }

    /// Notes an element from its start tag, complete if the tag is an empty-element tag.
    fn open(&mut self, start_tag: Range<usize>, name_length: usize) -> Result<(), TreeError> {
        let depth = self.open.len() + 1;
        let failure = TreeError { offset: start_tag.start };
        let name_end = start_tag.start + 1 + name_length;
        let qualified_name = self.text.get(start_tag.start + 1..name_end).ok_or(failure)?;
        let attributes = self.read_attributes(name_end..start_tag.end, depth)?;
        let (prefix, name) = qualified_name.split_once(':').unwrap_or(("", qualified_name));
        let namespace = self.resolve(prefix).ok_or(failure)?;
        let range = start_tag.clone();
        self.elements.push(Element {
            namespace,
            name,
            qualified_name,
            depth,
            range,
            start_tag,
            content: None,
            attributes,
        });
        Ok(())
    }

    fn close(&mut self, end_tag: Range<usize>) -> Result<(), TreeError> {
        let index = self.open.pop().ok_or(TreeError { offset: end_tag.start })?;
        let element = &mut self.elements[index];
        element.content = Some(element.start_tag.end..end_tag.start);
        element.range.end = end_tag.end;
        self.forget_declarations();
        Ok(())
    }

    /// Reads what stands after the name in a start tag: attributes are returned, declarations are noted.
    fn read_attributes(
        &mut self,
        range: Range<usize>,
        depth: usize,
    ) -> Result<Vec<Attribute<'a>>, TreeError> {
        let failure = TreeError { offset: range.start };
        let tag = self.text.get(range.clone()).ok_or(failure)?;
        let source = tag.strip_suffix("/>").or_else(|| tag.strip_suffix('>')).ok_or(failure)?;
        let mut attributes = Vec::new();
        let mut previous_end = range.start;
        for attribute in Attributes::new(source, 0).with_checks(false) {
            let attribute = attribute.map_err(|_| failure)?;
            let Cow::Borrowed(raw) = attribute.value else { return Err(failure) };
            // The value ends before its closing quote.
            let end = offset_in(self.text, raw).ok_or(failure)? + raw.len() + 1;
            match attribute.key.as_namespace_binding() {
                Some(PrefixDeclaration::Default) => self.declare("", raw, depth),
                Some(PrefixDeclaration::Named(prefix)) => self.declare(prefix, raw, depth),
                None => {
                    let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| failure)?;
                    let name = attribute.key.into_inner();
                    attributes.push(Attribute { name, namespace: "", value, range: previous_end..end });
                }
            }
            previous_end = end;
        }
        // A declaration may stand behind the attribute that needs it.
        for attribute in &mut attributes {
            if let Some((prefix, _)) = attribute.name.split_once(':') {
                attribute.namespace = self.resolve(prefix).ok_or(failure)?;
            }
        }
        Ok(attributes)
    }

    /// The value needs no normalisation: the gate lets no reference, tab or line break into a declaration.
    fn declare(&mut self, prefix: &'a str, namespace: &'a str, depth: usize) {
        self.declarations.push(Declaration { prefix, namespace, depth });
    }

    /// Drops the declarations of the element that has just ended.
    fn forget_declarations(&mut self) {
        let depth = self.open.len();
        self.declarations
            .truncate(self.declarations.partition_point(|declaration| declaration.depth <= depth));
    }

    /// The namespace of a prefix; no prefix and no default namespace is the empty namespace.
    fn resolve(&self, prefix: &str) -> Option<&'a str> {
        if prefix == "xml" {
            return Some(XML);
        }
        let own = self.declarations.iter().rev().find(|declaration| declaration.prefix == prefix);
        let found = own.map(|declaration| declaration.namespace).or_else(|| inherited(self.scope, prefix));
        if prefix.is_empty() { Some(found.unwrap_or_default()) } else { found }
    }

    fn finish(self) -> Result<Tree<'a>, TreeError> {
        let complete = self.open.is_empty() && !self.elements.is_empty();
        if complete {
            Ok(Tree { elements: self.elements })
        } else {
            Err(TreeError { offset: self.text.len() })
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(self.text.len())
    }
}

/// What the stream's root declares for a prefix.
fn inherited<'a>(scope: &'a Scope, prefix: &str) -> Option<&'a str> {
    scope.declarations().find(|(declared, _)| *declared == prefix).map(|(_, namespace)| namespace)
}

/// Where `part`, a piece of `text`, starts in it.
fn offset_in(text: &str, part: &str) -> Option<usize> {
    part.as_ptr().addr().checked_sub(text.as_ptr().addr()).filter(|offset| *offset <= text.len())
}
