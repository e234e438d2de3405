//! The advertisement: which of a client's frames carry it, and the edit that puts it there. What a client itself says in
//! the dialect's namespace is taken out, in whatever frame it stands.

use super::{Carrier, ContentTypes, Dialect};
use crate::framing::{Frame, FrameKind};
use crate::stanza::{Edit, Element, Name, Tree, TreeError, namespace, write_escaped};

/// A host's content-type policy, compiled: which of a client's frames are edited, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct Advertiser {
    namespace: String,
    bind: bool,
    presence: bool,
    /// The list as it stands on the wire. It declares its own default namespace, so that it means the same below any
    /// prefixes.
    advertisement: Vec<u8>,
}

impl Advertiser {
    pub fn new(content_types: &ContentTypes, dialect: &Dialect, carriers: &[Carrier]) -> Self {
        Self {
            namespace: dialect.namespace().to_owned(),
            bind: carriers.contains(&Carrier::Bind),
            presence: carriers.contains(&Carrier::Presence),
            advertisement: write_list(content_types, dialect),
        }
    }

    /// The dialect's namespace, for the gate to watch.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What is inserted: by so many bytes a frame can grow, besides the end tag of an element that was empty.
    pub fn advertisement(&self) -> &[u8] {
        &self.advertisement
    }

    /// Whether a frame from the client has to be looked at: by its outline alone, without parsing or allocating.
    pub fn concerns(&self, frame: &Frame<'_>) -> bool {
        let outline = frame.outline;
        frame.kind == FrameKind::Element
            && (outline.watched
                || match Name::of(outline.name) {
                    // Whether the type is `set` is told by the edit: few other stanzas hold a bind element.
                    Some(Name::Iq) => self.bind && Name::Bind.is_in(outline.children),
                    // Available presence has no type (RFC 6121, 4.7.1).
                    Some(Name::Presence) => self.presence && outline.type_.is_none() && outline.to.is_none(),
                    _ => false,
                })
    }

    /// The edit of a frame from the client: what the client itself says in the dialect's namespace is taken out, the
    /// advertisement is added where a carrier says so. `None`: nothing to do.
    ///
    /// If the edited frame would be too large for the gatekeeper ([`Edit::length_after`]), [`removal`](Self::removal)
    /// gives the edit without the addition.
    pub fn edit(&self, frame: &Frame<'_>) -> Result<Option<Edit>, TreeError> {
        let tree = Tree::of(frame)?;
        let mut edit = self.remove_own_words(frame, &tree);
        if let Some(carrier) = self.carrier(&tree) {
            self.insert_last(carrier, &mut edit);
        }
        Ok((!edit.is_empty()).then_some(edit))
    }

    /// Only the first half of [`edit`](Self::edit): nothing is added.
    pub fn removal(&self, frame: &Frame<'_>) -> Result<Option<Edit>, TreeError> {
        let edit = self.remove_own_words(frame, &Tree::of(frame)?);
        Ok((!edit.is_empty()).then_some(edit))
    }

    /// Removes every element in the dialect's namespace, with all that it holds, and every attribute. The outermost
    /// element stays even if it is one: no stanza is dropped, and as it is no stanza, the relay refuses it.
    fn remove_own_words(&self, frame: &Frame<'_>, tree: &Tree<'_>) -> Edit {
        let mut edit = Edit::default();
        let mut removed_until = 0;
        for element in tree.elements() {
            if element.range.start < removed_until {
                continue;
            }
            if element.depth > 1 && element.namespace == self.namespace {
                edit.remove_element(frame.bytes, element.range.clone());
                removed_until = element.range.end;
                continue;
            }
            for attribute in element.attributes() {
                if attribute.namespace == self.namespace {
                    edit.remove(attribute.range.clone());
                }
            }
        }
        edit
    }

    /// Whether the frame is one that carries the advertisement: by its outline, for the counters.
    pub fn advertises_in(&self, frame: &Frame<'_>) -> bool {
        let outline = frame.outline;
        match Name::of(outline.name) {
            Some(Name::Iq) => {
                let is_set = outline.type_.is_some_and(|value| value.of(frame.bytes) == b"set");
                self.bind && Name::Bind.is_in(outline.children) && (is_set || outline.escaped)
            }
            Some(Name::Presence) => self.presence && outline.type_.is_none() && outline.to.is_none(),
            _ => false,
        }
    }

    /// The element that carries the advertisement, if the frame holds one.
    fn carrier<'t, 'a>(&self, tree: &'t Tree<'a>) -> Option<&'t Element<'a>> {
        let root = tree.root();
        if self.bind && root.is(namespace::CLIENT, "iq") && root.value("type") == Some("set") {
            return tree.children().find(|child| child.is(namespace::BIND, "bind"));
        }
        let is_broadcast = || root.value("type").is_none() && root.value("to").is_none();
        (self.presence && root.is(namespace::CLIENT, "presence") && is_broadcast()).then_some(root)
    }

    /// Puts the advertisement before the element's end tag; an empty-element tag is opened for it.
    fn insert_last(&self, element: &Element<'_>, edit: &mut Edit) {
        match &element.content {
            Some(content) => edit.insert(content.end, self.advertisement.as_slice()),
            None => {
                let name = element.qualified_name.as_bytes();
                let tag_end = element.start_tag.end;
                edit.replace(
                    tag_end - b"/>".len()..tag_end,
                    [b">", self.advertisement.as_slice(), b"</", name, b">"].concat(),
                );
            }
        }
    }
}

fn write_list(content_types: &ContentTypes, dialect: &Dialect) -> Vec<u8> {
    let dialect = &dialect.list;
    let mut out = format!("<{} xmlns='{}'>", dialect.list, dialect.namespace).into_bytes();
    for accept in content_types.iter() {
        let media_type = accept.media_type.to_text();
        let max_size = accept.max_size.map(|bytes| bytes.to_string());
        out.push(b'<');
        out.extend_from_slice(dialect.item.as_bytes());
        write_attribute(&dialect.class, accept.class.name(), &mut out);
        write_attribute(&dialect.media_type, &media_type, &mut out);
        if let Some(max_size) = &max_size {
            write_attribute(&dialect.max_size, max_size, &mut out);
        }
        out.extend_from_slice(b"/>");
    }
    out.extend_from_slice(format!("</{}>", dialect.list).as_bytes());
    out
}

fn write_attribute(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"='");
    write_escaped(value, out);
    out.push(b'\'');
}
