//! Epochs, frames, edits, the end: the decoder around the scanner.

use super::super::{Decoded, FrameDecoder, FrameKind, Limits, Refusal, RefusalKind};
use super::{HEADER, LIMITS, STREAMS, document, record, stream};

/// The kinds that only these tests can cause.
pub(super) const KINDS: &[RefusalKind] = &[RefusalKind::RestartInsideFrame, RefusalKind::NotOneElement];

/// A decoder that has taken the header, and then `input`.
fn after_header(input: &[u8]) -> FrameDecoder {
    let mut decoder = stream();
    let (taken, _) = decoder.decode(HEADER.as_bytes()).expect("the header is valid");
    assert_eq!(taken, HEADER.len());
    decoder.decode(input).expect("the input is valid");
    decoder
}

#[test]
fn frames_are_the_bytes_that_were_read_at_their_offsets() {
    let parts =
        ["<?xml version='1.0'?> ", HEADER, "<message id='1'/>", "<presence></presence>", "</stream:stream >"];
    let input = format!("{}{}{}\r\n \t{}{}\n", parts[0], parts[1], parts[2], parts[3], parts[4]);
    let record = record(stream(), [input.as_bytes()]);
    let header = format!("{}{}", parts[0], parts[1]);
    let frames: Vec<_> = record.frames.iter().map(|frame| (frame.0, frame.1, frame.2.as_slice())).collect();
    let (first, second) = (header.len() as u64, (header.len() + parts[2].len() + 4) as u64);
    let expected: [(FrameKind, u64, &[u8]); 4] = [
        (FrameKind::Header, 0, header.as_bytes()),
        (FrameKind::Element, first, parts[2].as_bytes()),
        (FrameKind::Element, second, parts[3].as_bytes()),
        (FrameKind::Closing, second + parts[3].len() as u64, parts[4].as_bytes()),
    ];
    assert_eq!(frames, expected);
    assert_eq!((record.white_space.as_slice(), record.refusal), (&b"\r\n \t\n"[..], None));
}

#[test]
fn a_frame_that_came_in_one_piece_is_not_copied() {
    let mut decoder = after_header(b"");
    let input = b" <a/><b/>".to_vec();
    let (taken, decoded) = decoder.decode(&input).expect("valid");
    assert!(matches!(decoded, Some(Decoded::WhiteSpace(b" "))) && taken == 1);
    let (_, decoded) = decoder.decode(&input[1..]).expect("valid");
    let Some(Decoded::Frame(frame)) = decoded else { panic!("a frame") };
    assert_eq!(frame.bytes.as_ptr(), input[1..].as_ptr());
}

#[test]
fn white_space_between_stanzas_is_handed_out_at_once() {
    let mut decoder = after_header(b"");
    for space in [&b"\n"[..], b" ", b" \t\r\n"] {
        let (taken, decoded) = decoder.decode(space).expect("valid");
        assert!(
            matches!(decoded, Some(Decoded::WhiteSpace(bytes)) if bytes == space) && taken == space.len()
        );
        assert_eq!(decoder.buffered(), 0);
    }
}

#[test]
fn the_scope_is_what_the_header_declares() {
    let mut decoder = stream();
    assert_eq!((decoder.root_name(), decoder.scope().declarations().count()), (None, 0));
    decoder.decode(HEADER.as_bytes()).expect("valid");
    assert_eq!(decoder.root_name(), Some("stream:stream"));
    let declarations: Vec<_> = decoder.scope().declarations().collect();
    assert_eq!(declarations, [("", "jabber:client"), ("stream", STREAMS)]);
}

#[test]
fn a_new_epoch_has_its_own_header_and_scope_and_goes_on_counting() {
    let mut decoder = after_header(b"<success/>");
    decoder.restart().expect("nothing is left over");
    assert_eq!((decoder.root_name(), decoder.scope().declarations().count()), (None, 0));
    let header = "<?xml version='1.0'?><s:stream xmlns:s='http://etherx.jabber.org/streams'>";
    let (_, decoded) = decoder.decode(header.as_bytes()).expect("a declaration may stand here again");
    let Some(Decoded::Frame(frame)) = decoded else { panic!("a frame") };
    assert_eq!((frame.kind, frame.offset), (FrameKind::Header, HEADER.len() as u64 + 10));
    assert_eq!(
        decoder.decode(b"<stream:x/>").err().map(|refusal| refusal.kind),
        Some(RefusalKind::UndeclaredPrefix)
    );
}

#[test]
fn a_new_epoch_is_refused_inside_of_a_frame() {
    let mut decoder = after_header(b"<a>");
    let refusal = Refusal { kind: RefusalKind::RestartInsideFrame, offset: HEADER.len() as u64 };
    assert_eq!(decoder.restart(), Err(refusal));
    assert_eq!(decoder.decode(b"</a>").err(), Some(refusal));
    assert_eq!(decoder.finish(), Err(refusal));
}

#[test]
fn an_edited_element_is_checked_in_the_roots_scope() {
    let decoder = after_header(b"");
    let verdict =
        |edited: &str| decoder.verify(edited.as_bytes()).map_err(|refusal| (refusal.kind, refusal.offset));
    assert_eq!(verdict("<stream:features><a x='1'/></stream:features>"), Ok(()));
    assert_eq!(verdict("<a/>"), Ok(()));
    assert_eq!(verdict("<p:a/>"), Err((RefusalKind::UndeclaredPrefix, 1)));
    assert_eq!(verdict("<a/> "), Err((RefusalKind::NotOneElement, 4)));
    assert_eq!(verdict("<a/><b/>"), Err((RefusalKind::NotOneElement, 4)));
    assert_eq!(verdict("</stream:stream>"), Err((RefusalKind::NotOneElement, 0)));
    assert_eq!(verdict(" <a/>"), Err((RefusalKind::TextBetweenStanzas, 0)));
    assert_eq!(verdict("<a>"), Err((RefusalKind::Truncated, 3)));
    assert_eq!(verdict(""), Err((RefusalKind::Truncated, 0)));
    assert_eq!(verdict("<stream:stream/>"), Err((RefusalKind::NestedStream, 1)));
}

#[test]
fn a_frame_checks_its_edit_itself() {
    let mut decoder = after_header(b"");
    let Ok((_, Some(Decoded::Frame(frame)))) = decoder.decode(b"<a/>") else { panic!("a frame") };
    assert_eq!(frame.verify(b"<stream:a><b/></stream:a>"), Ok(()));
    let refusal = Refusal { kind: RefusalKind::MismatchedTag, offset: 8 };
    assert_eq!(frame.verify(b"<a><b></a>"), Err(refusal));
}

#[test]
fn an_edited_element_may_exceed_the_peers_limits() {
    let decoder = after_header(b"");
    let deep = ["<a>".repeat(LIMITS.depth + 1), "</a>".repeat(LIMITS.depth + 1)].concat();
    assert_eq!(decoder.verify(deep.as_bytes()), Ok(()));
    let long = format!("<a>{}</a>", "x".repeat(LIMITS.stanza_bytes));
    assert_eq!(decoder.verify(long.as_bytes()), Ok(()));
}

#[test]
fn an_edited_element_is_one_of_the_root_wherever_the_stream_is() {
    assert_eq!(stream().verify(b"<a xmlns='jabber:client'/>"), Ok(()));
    assert_eq!(after_header(b"</stream:stream>").verify(b"<stream:a/>"), Ok(()));
}

/// The bytes are zeros that nobody has written: a judge that looked at more than the first would take long.
#[test]
fn an_edit_beyond_the_largest_frame_is_refused_unread() {
    let decoder = after_header(b"");
    let largest = Limits::LARGEST_FRAME;
    let verdict = |size| decoder.verify(&vec![0; size]).map_err(|refusal| (refusal.kind, refusal.offset));
    assert_eq!(verdict(largest), Err((RefusalKind::TextBetweenStanzas, 0)));
    assert_eq!(verdict(largest + 1), Err((RefusalKind::StanzaTooBig, largest as u64)));
}

#[test]
fn an_edit_is_checked_apart_from_a_frame_that_is_partly_read() {
    let mut decoder = after_header(b"<a><b>");
    assert_eq!(decoder.verify(b"<c/>"), Ok(()));
    let (taken, decoded) = decoder.decode(b"</b></a>").expect("valid");
    assert!(taken == 8 && matches!(decoded, Some(Decoded::Frame(frame)) if frame.bytes == b"<a><b></b></a>"));
}

#[test]
fn a_document_may_have_text_in_its_root_and_any_root() {
    let input = "<a>one<b/> two &amp; <![CDATA[<three>]]><c>x</c>é</a>\n";
    let record = record(document(), [input.as_bytes()]);
    let frames: Vec<_> = record.frames.iter().map(|frame| (frame.0, frame.1, frame.2.as_slice())).collect();
    let expected: [(FrameKind, u64, &[u8]); 4] = [
        (FrameKind::Header, 0, b"<a>"),
        (FrameKind::Element, 6, b"<b/>"),
        (FrameKind::Element, 40, b"<c>x</c>"),
        (FrameKind::Closing, 50, b"</a>"),
    ];
    assert_eq!((frames.as_slice(), record.refusal), (&expected[..], None));
}

#[test]
fn a_frame_knows_its_expanded_name() {
    let mut decoder = after_header(b"");
    let mut name = |input: &[u8]| match decoder.decode(input) {
        Ok((_, Some(Decoded::Frame(frame)))) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (text(frame.namespace()), text(frame.local_name()))
        }
        other => panic!("{other:?}"),
    };
    let pair = |namespace: &str, local: &str| (namespace.to_owned(), local.to_owned());
    assert_eq!(name(b"<message><p:a xmlns:p='u'/></message>"), pair("jabber:client", "message"));
    assert_eq!(name(b"<stream:error/>"), pair(STREAMS, "error"));
    assert_eq!(name(b"<p:x xmlns:p='urn:other'></p:x>"), pair("urn:other", "x"));
    assert_eq!(name(b"<x xmlns=''/>"), pair("", "x"));
    assert_eq!(name(b"<xml:x/>"), pair("http://www.w3.org/XML/1998/namespace", "x"));
    assert_eq!(name(b"</stream:stream>"), pair(STREAMS, "stream"));
}

#[test]
fn below_a_root_without_a_default_namespace_a_name_without_prefix_has_none() {
    let mut decoder = stream();
    let header = format!("<s:stream xmlns:s='{STREAMS}'>");
    decoder.decode(header.as_bytes()).expect("valid");
    for stanza in ["<stream/>", "<stream><stream></stream></stream>"] {
        let Ok((_, Some(Decoded::Frame(frame)))) = decoder.decode(stanza.as_bytes()) else {
            panic!("{stanza}")
        };
        assert_eq!((frame.namespace(), frame.local_name()), (&b""[..], &b"stream"[..]));
    }
}

#[test]
fn debug_output_shows_nothing_of_the_bytes() {
    let mut decoder = after_header(b"<secret>");
    let header = HEADER.len();
    assert_eq!(format!("{decoder:?}"), format!("FrameDecoder(Root at {header}, 8 bytes buffered)"));
    assert_eq!(format!("{:?}", decoder.scope()), "Scope(2 declarations)");
    let mut shown = |input| format!("{:?}", decoder.decode(input).expect("valid"));
    assert_eq!(shown(b"</secret>"), "(9, Some(Frame(Element, 17 bytes)))");
    assert_eq!(shown(b" \n"), "(2, Some(WhiteSpace(2 bytes)))");
}
