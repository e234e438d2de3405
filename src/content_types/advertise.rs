//! The advertisement in the client's own stanzas: which of its frames carry it, and the edit that puts it there. What a
//! client itself says in the dialect's namespace is taken out, in whatever frame it stands.

use super::{Accept, Carrier, Carriers, ContentClass, ContentTypes, Conversation, Dialect, ListWords};
use crate::framing::{Frame, FrameKind, NameSet};
use crate::stanza::{Edit, Element, Name, Tree, bind_request, namespace, write_escaped};

/// Where a host's gatekeeper is told what clients can receive, and in which namespace.
#[derive(Clone, PartialEq, Eq)]
pub struct Advertiser {
    namespace: String,
    carriers: Carriers,
}

/// What one profile says to the gatekeeper, ready to be inserted.
#[derive(Clone, PartialEq, Eq)]
pub struct Advertisement {
    /// The list as it stands on the wire. It declares its own default namespace, so that it means the same below any
    /// prefixes.
    list: Vec<u8>,
    /// The classes that it names.
    classes: Vec<ContentClass>,
}

impl Advertiser {
    pub fn new(dialect: &Dialect, carriers: Carriers) -> Self {
        Self { namespace: dialect.namespace().to_owned(), carriers }
    }

    /// Whether a frame from the client has to be looked at: by its outline alone, without parsing or allocating.
    #[inline]
    pub fn concerns(&self, frame: &Frame<'_>) -> bool {
        let outline = frame.outline;
        frame.kind == FrameKind::Element
            && (outline.watched
                || match Name::of(outline.name) {
                    // Whether the type is `set` is told by the edit: few other stanzas hold a bind element.
                    Some(Name::Iq | Name::Sasl2Authenticate) => self.carriers.bind && binds(outline.children),
                    // Available presence has no type (RFC 6121, 4.7.1).
                    Some(Name::Presence) => {
                        self.carriers.presence && outline.type_.is_none() && outline.to.is_none()
                    }
                    _ => false,
                })
    }

    /// Removes every element in the dialect's namespace, with all that it holds, and every attribute. The outermost
    /// element stays even if it is one: no stanza is dropped, and as it is no stanza, the relay refuses it.
    pub fn remove_own_words(&self, frame: &Frame<'_>, tree: &Tree<'_>) -> Edit {
        let mut edit = Edit::default();
        if frame.outline.watched {
            edit.remove_namespace(frame.bytes, tree, &self.namespace);
        }
        edit
    }

    /// Adds the advertisement where a carrier says so. Which carrier it was: `None` if nothing was added.
    pub fn insert(&self, advertisement: &Advertisement, tree: &Tree<'_>, edit: &mut Edit) -> Option<Carrier> {
        let (carrier, element) = self.place(tree)?;
        edit.append_to(element, &advertisement.list);
        Some(carrier)
    }

    /// The element that carries the advertisement, if the frame holds one.
    fn place<'t, 'a>(&self, tree: &'t Tree<'a>) -> Option<(Carrier, &'t Element<'a>)> {
        let root = tree.root();
        if let Some(bind) = bind_request(tree) {
            return self.carriers.bind.then_some((Carrier::Bind, bind));
        }
        let is_broadcast = || root.value("type").is_none() && root.value("to").is_none();
        let is_carrier = self.carriers.presence && root.is(namespace::CLIENT, "presence") && is_broadcast();
        is_carrier.then_some((Carrier::Presence, root))
    }
}

/// Whether one of these children asks for a resource.
fn binds(children: NameSet) -> bool {
    Name::Bind.is_in(children) || Name::Bind2.is_in(children)
}

impl Advertisement {
    pub fn new(content_types: &ContentTypes, words: &ListWords) -> Self {
        let mut classes = Vec::new();
        for accept in sayable(content_types, words) {
            if !classes.contains(&accept.class) {
                classes.push(accept.class);
            }
        }
        Self { list: write_list(content_types, words), classes }
    }

    /// What is inserted: by so many bytes a frame can grow, besides the end tag of an element that was empty.
    pub fn list(&self) -> &[u8] {
        &self.list
    }

    pub fn classes(&self) -> &[ContentClass] {
        &self.classes
    }
}

/// What of a list the gatekeeper has words for.
fn sayable<'c>(content_types: &'c ContentTypes, words: &ListWords) -> impl Iterator<Item = &'c Accept> {
    let knows_groups = words.conversation.is_some();
    content_types.iter().filter(move |accept| knows_groups || accept.conversation == Conversation::OneToOne)
}

fn write_list(content_types: &ContentTypes, words: &ListWords) -> Vec<u8> {
    let mut out = format!("<{} xmlns='{}'>", words.list, words.namespace).into_bytes();
    for accept in sayable(content_types, words) {
        out.push(b'<');
        out.extend_from_slice(words.item.as_bytes());
        write_attribute(&words.class, accept.class.name(), &mut out);
        write_attribute(&words.media_type, &accept.media_type.to_text(), &mut out);
        if let Some(max_size) = accept.max_size {
            write_attribute(&words.max_size, &max_size.to_string(), &mut out);
        }
        if let (Conversation::Group, Some(name)) = (accept.conversation, &words.conversation) {
            write_attribute(name, accept.conversation.name(), &mut out);
        }
        out.extend_from_slice(b"/>");
    }
    out.extend_from_slice(format!("</{}>", words.list).as_bytes());
    out
}

fn write_attribute(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"='");
    write_escaped(value, out);
    out.push(b'\'');
}
