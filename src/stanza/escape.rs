//! Text on its way into XML that we write ourselves.

/// Appends `text` as it stands in an attribute value in single quotes (XML 1.0, 2.4).
pub(crate) fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        let reference: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'\'' => b"&apos;",
            b'"' => b"&quot;",
            // A literal one would be read back as a space (XML 1.0, 3.3.3).
            b'\t' => b"&#9;",
            b'\n' => b"&#10;",
            b'\r' => b"&#13;",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[written..at]);
        out.extend_from_slice(reference);
        written = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[written..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::framing::Scope;
    use crate::stanza::{Tree, write_escaped};

    proptest! {
        #[test]
        fn any_text_is_read_back_from_its_attribute(text in "[\\t\\n\\r -~\u{80}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]{0,20}") {
            let mut frame = b"<a b='".to_vec();
            write_escaped(&text, &mut frame);
            frame.extend_from_slice(b"'/>");
            let scope = Scope::default();
            let tree = Tree::parse(&frame, &scope).expect("a frame that can be parsed");
            prop_assert_eq!(tree.root().value("b"), Some(text.as_str()));
        }
    }
}
