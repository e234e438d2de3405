//! Streams and documents that are right, with all that XML and the gate allow: other quotes, white space, names,
//! namespaces, references, sections, scripts.

use crate::choices::Choices;
use crate::gate::{Grammar, STREAMS, WATCHED};

/// A complete input for `grammar` that the gate must accept.
pub fn write(grammar: Grammar, choices: &mut Choices<'_>) -> Vec<u8> {
    let mut author = Author { choices, text: String::new(), scope: Vec::new(), budget: 60 };
    author.declaration();
    match grammar {
        Grammar::Stream => author.stream(),
        Grammar::Document => {
            author.element(0);
            author.text.push_str(author.choices.one_of(&["", "\n", " \t"]));
        }
    }
    author.text.into_bytes()
}

/// Most have none: what is damaged there says little.
const DECLARATIONS: [&str; 16] = [
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "<?xml version='1.0'?>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<?xml\tversion = '1.0'\r\nencoding='utf-8' ?> ",
    "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>",
    "<?xml version='1.0' standalone='yes'?>\r\n",
    "<?xml version='1.0' encoding=\"Utf-8\" standalone=\"no\"\n?>",
];

const HEADERS: [&str; 4] = [
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' version='1.0'>",
    "<stream:stream to=\"a.example\" xmlns:stream=\"http://etherx.jabber.org/streams\"\n xmlns=\"jabber:client\" >",
    "<stream xmlns='http://etherx.jabber.org/streams' xmlns:a='urn:a' xml:lang='en'>",
    "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns:b='urn:b' s:x='1' from='' id='&amp;'>",
];

const PREFIXES: [&str; 6] = ["a", "b", "stream", "xmlfoo", "é", "p-1._"];

const NAMESPACES: [&str; 8] = [
    "urn:a",
    "urn:b",
    WATCHED,
    "jabber:client",
    STREAMS,
    "http://a.example/b?c=d;e#(f)!$*+,@%20[]~",
    "u",
    "A-long-namespace-that-goes-on-for-more-bytes-than-are-compared-at-once",
];

const NAMES: [&str; 16] = [
    "message",
    "x",
    "body",
    "y",
    "error",
    "stream",
    "_",
    "a-b.c1",
    "имя",
    "名",
    "é\u{300}",
    "b\u{b7}",
    "X",
    "xmlnsx",
    "xml",
    "a-name-of-more-than-sixteen-bytes",
];

const ATTRIBUTES: [&str; 10] = [
    "to",
    "from",
    "type",
    "id",
    "x",
    "é",
    "c-1._",
    "xml:lang",
    "xmlnsx",
    "a-name-of-more-than-sixteen-bytes",
];

/// Pieces of text; none ends in the middle of anything. `]]` and `>` are kept apart by [`Author::character_data`].
const PIECES: [&str; 24] = [
    "text",
    " ",
    "\n",
    "\t",
    "\r\n",
    "\r",
    "&lt;",
    "&gt;",
    "&amp;",
    "&quot;&apos;",
    "&#65;",
    "&#x10FFFF;",
    "&#00000009;",
    "&#xd;",
    "]",
    "]]",
    ">",
    "é",
    "漢字",
    "😀",
    "\u{fffd}\u{85}\u{7f}",
    "\u{d7ff}\u{e000}\u{feff}",
    "'",
    "\"",
];

/// What may stand in a CDATA section.
const SECTIONS: [&str; 8] = ["", "x", "<&>", "]", "]]", "]] >", "&amp;<a/>", "é漢😀\r\n"];

struct Author<'c, 'b> {
    choices: &'c mut Choices<'b>,
    text: String,
    /// Prefixes and namespaces that are declared, the innermost last; the default namespace has no prefix.
    scope: Vec<(&'static str, &'static str)>,
    /// How many more elements there may be.
    budget: usize,
}

impl Author<'_, '_> {
    fn declaration(&mut self) {
        let declaration = self.choices.one_of(&DECLARATIONS);
        self.text.push_str(declaration);
    }

    fn stream(&mut self) {
        let header = self.choices.below(HEADERS.len());
        self.text.push_str(HEADERS[header]);
        let name = ["stream:stream", "stream:stream", "stream", "s:stream"][header];
        self.scope = [
            vec![("", "jabber:client"), ("stream", STREAMS)],
            vec![("", "jabber:client"), ("stream", STREAMS)],
            vec![("", STREAMS), ("a", "urn:a")],
            vec![("s", STREAMS), ("b", "urn:b")],
        ][header]
            .clone();
        for _ in 0..self.choices.below(5) {
            self.element(1);
            self.text.push_str(self.choices.one_of(&["", "\n", " \t", "\r\n"]));
        }
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push_str(self.choices.one_of(&[">", " >", ">\n", "\r\n>"]));
    }

    /// An element at `depth`; the root's is 0.
    fn element(&mut self, depth: usize) {
        let outside = self.scope.len();
        self.budget = self.budget.saturating_sub(1);
        let declared = self.choose_declarations();
        let name = self.element_name();
        self.text.push('<');
        self.text.push_str(&name);
        let mut parts = self.attributes();
        for (prefix, namespace) in declared {
            let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
            let place = self.choices.below(parts.len() + 1);
            let quote = self.choices.one_of(&["'", "\""]);
            parts.insert(place, format!("{name}{}{quote}{namespace}{quote}", self.equals()));
        }
        for part in parts {
            self.text.push_str(self.choices.one_of(&[" ", "\n", "  ", "\t\r\n"]));
            self.text.push_str(&part);
        }
        self.rest_of_element(depth, &name);
        self.scope.truncate(outside);
    }

    /// The end of a start tag, the content, and the end tag.
    fn rest_of_element(&mut self, depth: usize, name: &str) {
        self.text.push_str(self.choices.one_of(&["", "", " ", "\n"]));
        if self.choices.likely(30) {
            self.text.push_str("/>");
            return;
        }
        self.text.push('>');
        for _ in 0..self.choices.below(4) {
            match self.choices.below(4) {
                0 => self.character_data(),
                1 => self.section(),
                _ if depth < 6 && self.budget > 0 => self.element(depth + 1),
                _ => {}
            }
        }
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push_str(self.choices.one_of(&[">", ">", " >", "\t>"]));
    }

    fn equals(&mut self) -> &'static str {
        self.choices.one_of(&["=", "=", " = ", "\n=\t"])
    }

    /// Puts new declarations into the scope, each prefix at most once.
    fn choose_declarations(&mut self) -> Vec<(&'static str, &'static str)> {
        let mut declared = Vec::new();
        for _ in 0..self.choices.below(8).saturating_sub(4) {
            let is_default = self.choices.likely(30);
            let prefix = if is_default { "" } else { self.choices.one_of(&PREFIXES) };
            let undeclares = is_default && self.choices.likely(20);
            let namespace = if undeclares { "" } else { self.choices.one_of(&NAMESPACES) };
            if declared.iter().all(|(other, _)| *other != prefix) {
                declared.push((prefix, namespace));
            }
        }
        self.scope.extend(&declared);
        declared
    }

    fn namespace_of(&self, prefix: &str) -> &'static str {
        self.scope
            .iter()
            .rev()
            .find(|(declared, _)| *declared == prefix)
            .map_or("", |(_, namespace)| *namespace)
    }

    /// A prefix in scope that has a namespace, with its colon, or none.
    fn prefix(&mut self, percent: usize) -> &'static str {
        if self.scope.is_empty() || !self.choices.likely(percent) {
            return "";
        }
        let place = self.choices.below(self.scope.len());
        self.scope[place].0
    }

    /// The name of an element that is not a second stream header.
    fn element_name(&mut self) -> String {
        let prefix = self.prefix(30);
        let local = match self.choices.one_of(&NAMES) {
            "stream" if self.namespace_of(prefix) == STREAMS => "error",
            local => local,
        };
        qualified(prefix, local)
    }

    /// Attributes whose names are different, as written and expanded.
    fn attributes(&mut self) -> Vec<String> {
        let (mut names, mut attributes) = (Vec::new(), Vec::new());
        for _ in 0..self.choices.below(8).saturating_sub(2) {
            let prefix = self.prefix(40);
            let (prefix, local) = match self.choices.one_of(&ATTRIBUTES) {
                "xml:lang" => ("xml", "lang"),
                local => (prefix, local),
            };
            let namespace = if prefix.is_empty() { "" } else { self.namespace_of(prefix) };
            if names.contains(&(namespace, local)) {
                continue;
            }
            names.push((namespace, local));
            let (equals, value) = (self.equals(), self.value());
            attributes.push(format!("{}{equals}{value}", qualified(prefix, local)));
        }
        attributes
    }

    /// An attribute's value, with its quotes.
    fn value(&mut self) -> String {
        let quote = self.choices.one_of(&["'", "\""]);
        let mut value = quote.to_owned();
        for _ in 0..self.choices.below(4) {
            let piece = self.choices.one_of(&PIECES);
            if piece != quote {
                value.push_str(piece);
            }
        }
        self.lengthen(&mut value);
        value + quote
    }

    fn character_data(&mut self) {
        for _ in 0..self.choices.below(6) {
            let piece = self.choices.one_of(&PIECES);
            if !(piece == ">" && self.text.ends_with("]]")) {
                self.text.push_str(piece);
            }
        }
        let mut text = std::mem::take(&mut self.text);
        self.lengthen(&mut text);
        self.text = text;
    }

    fn section(&mut self) {
        let content = self.choices.one_of(&SECTIONS);
        self.text.push_str("<![CDATA[");
        self.text.push_str(content);
        self.text.push_str("]]>");
    }

    /// Sometimes adds a long run, so that what comes next stands at any place of the blocks that are searched at once.
    fn lengthen(&mut self, text: &mut String) {
        if self.choices.likely(10) {
            let piece = self.choices.one_of(&["x", "long ", "ж", "漢"]);
            text.push_str(&piece.repeat(self.choices.below(300)));
        }
    }
}

fn qualified(prefix: &str, local: &str) -> String {
    if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
}
