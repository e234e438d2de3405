//! What a proxy says that it observed of a client's connection. It is kept as it was written, to be shown.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sandbox::element::Element;

/// Signals that are kept of a session, and the attributes of each.
const SIGNALS: usize = 32;
const ATTRIBUTES: usize = 4;
/// Bytes of a name, a value or a text; what is longer is left out.
const LONGEST: usize = 512;

/// One signal, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signal {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub text: String,
}

/// Reads the children of `<signals>` in the dialect's namespace, if `request` has such an element.
pub(super) fn read(request: &Element, namespace: &str) -> Option<Vec<Signal>> {
    let signals = request.child(namespace, "signals")?;
    let short = |element: &&Element| element.name.len() <= LONGEST && element.text.len() <= LONGEST;
    Some(signals.children.iter().filter(short).take(SIGNALS).map(read_one).collect())
}

fn read_one(element: &Element) -> Signal {
    let short = |(name, value): &(&str, &str)| name.len() <= LONGEST && value.len() <= LONGEST;
    let attributes = element.attributes().filter(short).take(ATTRIBUTES);
    Signal {
        name: element.name.clone(),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        text: element.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals(content: &str) -> Option<Vec<Signal>> {
        let request = format!("<bind xmlns='b'>{content}</bind>");
        read(&Element::of_stanza(request.as_bytes()).unwrap(), "s")
    }

    #[test]
    fn name_attributes_and_text_are_kept() {
        let read = signals("<signals xmlns='s'><ip source='observed'>::1</ip><syn/></signals>").unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].name.as_str(), read[0].text.as_str()), ("ip", "::1"));
        assert_eq!(read[0].attributes.get("source").map(String::as_str), Some("observed"));
    }

    #[test]
    fn who_is_told_nothing_is_told_apart_from_who_is_told_of_nothing() {
        assert_eq!(signals("<signals xmlns='other'/>"), None);
        assert_eq!(signals("<signals xmlns='s'/>"), Some(Vec::new()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let long = "x".repeat(LONGEST + 1);
        let many = "<a/>".repeat(SIGNALS + 1);
        let read =
            signals(&format!("<signals xmlns='s'><b>{long}</b><c d='{long}'/>{many}</signals>")).unwrap();
        assert_eq!(read.len(), SIGNALS);
        assert_eq!((read[0].name.as_str(), read[0].attributes.len()), ("c", 0));
    }
}
