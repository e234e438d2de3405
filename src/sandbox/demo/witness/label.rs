//! A frame in a few words: what it is, and nothing of what it says.

use super::pairing::name;
use crate::sandbox::demo::scene::readable;
use crate::sandbox::element::Element;

/// Of a label, in characters: on a telephone there is room for so much, and for what became of it.
const LONGEST: usize = 26;
/// Children that are named.
const MOST_CHILDREN: usize = 3;

/// The element's name with its type, and the names of what is in it.
pub fn label(frame: &[u8]) -> String {
    let name = name(frame);
    let words = match name {
        b"stream:stream" => "stream header".to_owned(),
        _ if name.starts_with(b"/") => "stream end".to_owned(),
        _ => Element::of_stanza(frame).map_or_else(|| readable(name), |element| described(&element)),
    };
    shortened(&words)
}

fn described(element: &Element) -> String {
    let kind = ["type", "mechanism"].into_iter().find_map(|name| element.attribute(name));
    let head = [Some(element.name.as_str()), kind].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let mut names: Vec<&str> = Vec::new();
    for child in &element.children {
        if !names.contains(&child.name.as_str()) {
            names.push(&child.name);
        }
    }
    let more = if names.len() > MOST_CHILDREN { ", …" } else { "" };
    names.truncate(MOST_CHILDREN);
    let text = if names.is_empty() { head } else { format!("{head}: {}{more}", names.join(", ")) };
    readable(text.as_bytes())
}

/// Text that fits beside an arrow.
pub fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_what_a_frame_is_and_nothing_of_what_it_says() {
        for (frame, said) in [
            ("<?xml version='1.0'?><stream:stream to='h'>", "stream header"),
            ("</stream:stream>", "stream end"),
            ("<message type='chat'><body>secret</body><body>x</body></message>", "message chat: body"),
            ("<iq type='set' id='b'><bind xmlns='b'><resource>r</resource></bind></iq>", "iq set: bind"),
            ("<presence/>", "presence"),
            ("<auth xmlns='s' mechanism='PLAIN'>secret</auth>", "auth PLAIN"),
            ("<stream:error><a xmlns='e'/></stream:error>", "error: a"),
            ("<m><a/><b/><c/><d/></m>", "m: a, b, c, …"),
            ("<message><body>\u{1}<></body></message>", "message"),
        ] {
            assert_eq!(label(frame.as_bytes()), said);
        }
    }

    #[test]
    fn a_label_is_bounded_and_safe_for_a_terminal() {
        let long = format!("<{}/>", "x".repeat(200));
        assert_eq!(label(long.as_bytes()).chars().count(), LONGEST);
        assert_eq!(label(b"<\x1b/>"), "\\x1B");
    }
}
