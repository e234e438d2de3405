//! What edits do with whole elements: take them out by their namespace, and add to the content of one.

use super::{Edit, Element, Tree, namespace};

impl Edit {
    /// Takes out every element in `namespace`, with all that it holds, and every attribute. The outermost element stays
    /// even if it is one: no stanza is dropped, and as it is no stanza, the relay refuses it. `frame` is what the tree was
    /// parsed from.
    pub fn remove_namespace(&mut self, frame: &[u8], tree: &Tree<'_>, namespace: &str) {
        let mut removed_until = 0;
        for element in tree.elements() {
            if element.range.start < removed_until {
                continue;
            }
            if element.depth > 1 && element.namespace == namespace {
                self.remove_element(frame, element.range.clone());
                removed_until = element.range.end;
                continue;
            }
            for attribute in element.attributes() {
                if attribute.namespace == namespace {
                    self.remove(attribute.range.clone());
                }
            }
        }
    }

    /// Adds bytes at the end of an element's content, behind what was added there already. An empty-element tag is opened
    /// for it.
    pub fn append_to(&mut self, element: &Element<'_>, addition: &[u8]) {
        match &element.content {
            Some(content) => self.insert(content.end, addition),
            None => {
                let tag_end = element.start_tag.end;
                let end_tag = [b"</", element.qualified_name.as_bytes(), b">"].concat();
                self.open(tag_end - b"/>".len()..tag_end, b">", addition, &end_tag);
            }
        }
    }
}

/// Whether a request asks for a resource, or for a resumption, more than once: which of them the gatekeeper goes by, nobody
/// can tell. An iq may hold one payload only (RFC 6120, 8.2.3).
pub fn asks_twice(tree: &Tree<'_>) -> bool {
    let more_than_one =
        |is_request: fn(&Element<'_>) -> bool| tree.children().filter(|child| is_request(child)).count() > 1;
    more_than_one(|child| child.is(namespace::BIND, "bind"))
        || more_than_one(|child| child.is(namespace::BIND_2, "bind"))
        || more_than_one(resumes)
}

/// The element in which a client asks for a resource: in an iq of the type `set` (RFC 6120, 7.6), or in SASL2's
/// `<authenticate/>` (XEP-0386).
pub fn bind_request<'t, 'a>(tree: &'t Tree<'a>) -> Option<&'t Element<'a>> {
    let root = tree.root();
    let child = |namespace| tree.children().find(|child| child.is(namespace, "bind"));
    if root.is(namespace::CLIENT, "iq") && root.value("type") == Some("set") {
        child(namespace::BIND)
    } else if root.is(namespace::SASL2, "authenticate") {
        child(namespace::BIND_2)
    } else {
        None
    }
}

/// The element in which a client asks for a resumption: by itself (XEP-0198, 5), or in SASL2's `<authenticate/>` (XEP-0388).
pub fn resume_request<'t, 'a>(tree: &'t Tree<'a>) -> Option<&'t Element<'a>> {
    let root = tree.root();
    if resumes(root) {
        Some(root)
    } else if root.is(namespace::SASL2, "authenticate") {
        tree.children().find(|child| resumes(child))
    } else {
        None
    }
}

fn resumes(element: &Element<'_>) -> bool {
    let managed = [namespace::STREAM_MANAGEMENT, namespace::STREAM_MANAGEMENT_2];
    managed.iter().any(|namespace| element.is(namespace, "resume"))
}
