//! What the outline notes, and what it must not.

use super::super::{Decoded, FrameDecoder, NameId, Outline};
use super::{HEADER, stream};

/// The outline of a stanza, and the values of `to`, `from`, `type`, `id`.
fn outline(stanza: &str) -> (Outline, [Option<String>; 4]) {
    let mut decoder: FrameDecoder = stream();
    decoder.decode(HEADER.as_bytes()).expect("valid");
    let Ok((_, Some(Decoded::Frame(frame)))) = decoder.decode(stanza.as_bytes()) else { panic!("{stanza}") };
    let outline = *frame.outline;
    let value = |span: super::super::Span| String::from_utf8_lossy(span.of(frame.bytes)).into_owned();
    (outline, [outline.to, outline.from, outline.type_, outline.id].map(|span| span.map(value)))
}

fn indices(outline: &Outline) -> Vec<usize> {
    (0..200).filter(|index| outline.children.contains(*index)).collect()
}

#[test]
fn names_at_the_first_two_depths_are_told_by_namespace() {
    let (noted, _) =
        outline("<message><body/><request xmlns='urn:xmpp:receipts'/><x><features/></x></message>");
    assert_eq!((noted.name.index(), indices(&noted)), (Some(1), vec![2, 3]));
    let (noted, _) = outline(
        "<stream:features><stream:body/><s:features xmlns:s='http://etherx.jabber.org/streams'/></stream:features>",
    );
    assert_eq!((noted.name.index(), indices(&noted)), (Some(0), vec![0]));
    let (noted, _) = outline("<message xmlns='urn:other'><body/><body xmlns='jabber:client'/></message>");
    assert_eq!((noted.name, indices(&noted)), (NameId::OTHER, vec![2]));
    let (noted, _) = outline("<message><a><body/></a></message>");
    assert!(indices(&noted).is_empty());
}

#[test]
fn a_default_namespace_holds_up_to_the_end_of_its_element() {
    for before in
        ["<x/>", "<x></x>", "<x xmlns='u'/>", "<x xmlns='u'><y xmlns='v'/><y></y></x>", "<x xmlns=''></x>"]
    {
        let (noted, _) = outline(&format!("<message>{before}<body/></message>"));
        assert_eq!(indices(&noted), [2], "{before}");
        let (noted, _) = outline(&format!("<message xmlns='u'>{before}<body/></message>"));
        assert!(indices(&noted).is_empty(), "{before}");
    }
    let (noted, _) = outline("<x xmlns='u'><body xmlns='jabber:client'><body/></body><body/></x>");
    assert_eq!(indices(&noted), [2]);
}

#[test]
fn the_four_attributes_are_the_outermost_elements_own_without_prefix() {
    let stanza = "<iq id='1' from=\"a@b\" xmlns:p='u' p:type='no' type = 'get'><a to='no'/></iq>";
    let (noted, values) = outline(stanza);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(values, [None, text("a@b"), text("get"), text("1")]);
    assert!(!noted.escaped);
    assert_eq!(
        noted.type_.map(|span| (span.start as usize, span.len)),
        stanza.find("get").map(|start| (start, 3))
    );
    let (_, values) = outline("<iq to=''/>");
    assert_eq!(values, [text(""), None, None, None]);
}

#[test]
fn a_value_whose_bytes_are_not_its_meaning_is_marked() {
    for (stanza, escaped) in [
        ("<iq to='a&amp;b'/>", true),
        ("<iq to='a&#x40;b'/>", true),
        ("<iq id='a\tb'/>", true),
        ("<iq from='a\nb' id='1'/>", true),
        ("<iq type='a\rb'/>", true),
        ("<iq to='a b é'/>", false),
        ("<iq other='a&amp;b'/>", false),
        ("<iq><a to='&amp;'/></iq>", false),
    ] {
        assert_eq!(outline(stanza).0.escaped, escaped, "{stanza}");
    }
}

#[test]
fn a_name_in_a_watched_namespace_shows_at_any_depth() {
    for (stanza, watched) in [
        ("<a xmlns='urn:watched'/>", true),
        ("<a><b><c xmlns='urn:watched'/></b></a>", true),
        ("<a xmlns:w='urn:watched'><b><w:c></w:c></b></a>", true),
        ("<a xmlns:w='urn:watched' w:c=''/>", true),
        ("<a w:c='' xmlns:w='urn:watched'></a>", true),
        ("<a xmlns:w='urn:watched'><b><c to='' w:c='' x=''/></b></a>", true),
        ("<a xmlns:w='urn:watched'><b xmlns:w='urn:other' w:c=''/></a>", false),
        ("<a xmlns:w='urn:watched'><b c=''/></a>", false),
        ("<a xmlns:p='u'><b p:watched='urn:watched'/></a>", false),
        ("<a><b xmlns='urn:watched2'/></a>", false),
        ("<a/>", false),
    ] {
        assert_eq!(outline(stanza).0.watched, watched, "{stanza}");
    }
}

#[test]
fn a_prefix_of_the_root_can_stand_for_a_watched_namespace() {
    let header = HEADER.replace(" to=", " xmlns:w='urn:watched' to=");
    for (stanza, watched) in [(&b"<a><b w:c=''/></a>"[..], true), (b"<a><w:b/></a>", true), (b"<a/>", false)]
    {
        let mut decoder = stream();
        decoder.decode(header.as_bytes()).expect("valid");
        let Ok((_, Some(Decoded::Frame(frame)))) = decoder.decode(stanza) else { panic!("a stanza") };
        assert_eq!(frame.outline.watched, watched, "{}", stanza.escape_ascii());
    }
}

#[test]
fn a_header_has_an_outline_too() {
    let mut decoder = stream();
    let Ok((_, Some(Decoded::Frame(frame)))) = decoder.decode(HEADER.as_bytes()) else { panic!("a header") };
    assert_eq!(frame.outline.name.index(), Some(4));
    assert_eq!(frame.outline.to.map(|span| span.of(frame.bytes)), Some(&b"gatekeeper.example"[..]));
}
