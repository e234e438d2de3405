//! Elements as the sandbox's parties read them, and the text they write into their own.
//!
//! Reading is [`Tree`]'s work; this copies out of it, because the parties keep what they read.

use std::borrow::Cow;

use crate::framing::Scope;
use crate::stanza::namespace::{CLIENT, STREAMS};
use crate::stanza::{self, Tree, TreeError};

/// One element with all that is in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    pub namespace: String,
    pub name: String,
    pub children: Vec<Element>,
    /// The text of an element that holds nothing else; otherwise empty, as nothing here has mixed content.
    pub text: String,
    /// Those without a prefix: no other means anything here.
    attributes: Vec<(String, String)>,
}

impl Element {
    /// Reads a stanza that stands by itself, as it would stand in a stream whose header declares what every header does.
    /// `None` if it cannot be read.
    pub fn of_stanza(stanza: &[u8]) -> Option<Self> {
        let root = format!("<stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}'>");
        let stream = [root.as_bytes(), stanza, b"</stream>"].concat();
        Self::read(&stream, &Scope::default()).ok()?.children.into_iter().next()
    }

    /// Reads a frame that a gate has passed, in the scope of its stream's header.
    pub fn read(frame: &[u8], scope: &Scope) -> Result<Self, TreeError> {
        let tree = Tree::parse(frame, scope)?;
        let mut elements = tree.elements().iter().peekable();
        let root = elements.next().ok_or(TreeError { offset: 0 })?;
        Ok(Self::copy(frame, root, &mut elements))
    }

    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// The first child of this name.
    pub fn child(&self, namespace: &str, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.is(namespace, name))
    }

    /// The value of the attribute with this name and no prefix.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Its attributes without a prefix, as `(name, value)`, in the order in which they were written.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Copies `element` and the deeper ones that follow it in document order.
    fn copy<'t, 'a: 't>(
        frame: &[u8],
        element: &'t stanza::Element<'a>,
        following: &mut std::iter::Peekable<impl Iterator<Item = &'t stanza::Element<'a>>>,
    ) -> Self {
        let mut children = Vec::new();
        while let Some(child) = following.next_if(|next| next.depth > element.depth) {
            children.push(Self::copy(frame, child, following));
        }
        let attributes = element.attributes().iter().filter(|attribute| attribute.namespace.is_empty());
        let pair =
            |attribute: &stanza::Attribute<'_>| (attribute.name.to_owned(), attribute.value.to_string());
        Self {
            namespace: element.namespace.to_owned(),
            name: element.name.to_owned(),
            attributes: attributes.map(pair).collect(),
            text: element.text(frame).unwrap_or_default().into_owned(),
            children,
        }
    }
}

/// Text as it may stand in character data and, between either quotes, in an attribute's value.
pub fn escape(text: &str) -> Cow<'_, str> {
    quick_xml::escape::escape(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Element {
        Element::read(text.as_bytes(), &Scope::default()).unwrap()
    }

    #[test]
    fn elements_are_nested_as_they_were_written() {
        let root = read("<a xmlns='n' id='1'><b><c>x</c></b><d to='&amp;'/></a>");
        assert!(root.is("n", "a"));
        assert_eq!(root.attribute("id"), Some("1"));
        assert_eq!(root.children.len(), 2);
        let deepest = root.child("n", "b").and_then(|b| b.child("n", "c"));
        assert_eq!(deepest.map(|element| element.text.as_str()), Some("x"));
        assert_eq!(root.child("n", "d").and_then(|d| d.attribute("to")), Some("&"));
    }

    #[test]
    fn an_attribute_with_a_prefix_is_another_one() {
        let root = read("<a xmlns:p='n' p:h='1' h='2' any-name='3'/>");
        assert_eq!(root.attribute("h"), Some("2"));
        assert_eq!(root.attribute("any-name"), Some("3"));
        assert_eq!(root.attribute("p:h"), None);
    }

    #[test]
    fn an_element_that_holds_more_than_text_has_none() {
        assert_eq!(read("<a>x<b/></a>").text, "");
        assert_eq!(read("<a/>").text, "");
    }

    #[test]
    fn a_stanza_by_itself_has_the_namespace_of_its_stream() {
        let message = Element::of_stanza(b"<message type='chat'><body>x</body></message>").unwrap();
        assert!(message.is(CLIENT, "message") && message.child(CLIENT, "body").is_some());
        assert_eq!(message.attributes().collect::<Vec<_>>(), [("type", "chat")]);
        assert!(Element::of_stanza(b"no stanza").is_none());
    }

    #[test]
    fn escaped_text_is_read_back() {
        let text = "\"'<>& ü";
        assert_eq!(read(&format!("<a id='{0}'>{0}</a>", escape(text))).text, text);
    }
}
