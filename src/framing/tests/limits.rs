//! Limits are applied while scanning, exactly, and whatever way the bytes come.

use super::super::{Decoded, FrameDecoder, Limits, Refusal, RefusalKind, is_namespace, is_text};
use super::{HEADER, LIMITS, document, record, stream, verdict, vocabulary};

/// The kinds that these tests cause.
pub(super) const KINDS: &[RefusalKind] = &[
    RefusalKind::HeaderTooBig,
    RefusalKind::StanzaTooBig,
    RefusalKind::TooDeep,
    RefusalKind::TooManyAttributes,
    RefusalKind::TooManyNamespaces,
    RefusalKind::NamespaceTooLong,
    RefusalKind::TooManyElements,
];

/// What is said of `stanza` after the header, with the offset from there. The stream is not closed.
fn after_header(stanza: &str) -> (RefusalKind, u64) {
    let refusal = verdict(stream, [HEADER, stanza].concat().as_bytes()).expect("the stream is not closed");
    (refusal.kind, refusal.offset - HEADER.len() as u64)
}

fn passes(stanza: &str) -> bool {
    after_header(stanza) == (RefusalKind::Truncated, stanza.len() as u64)
}

#[test]
fn a_stanza_may_have_the_bytes_that_are_allowed_and_no_more() {
    let of_size = |size: usize| format!("<a>{}</a>", "x".repeat(size - 7));
    assert!(passes(&of_size(LIMITS.stanza_bytes)));
    let limit = LIMITS.stanza_bytes as u64;
    assert_eq!(after_header(&of_size(LIMITS.stanza_bytes + 1)), (RefusalKind::StanzaTooBig, limit));
}

/// A read can be far larger than the pieces in which it is added to what is there of the stanza.
#[test]
fn the_rest_of_a_large_stanza_may_come_with_one_read() {
    let size = 10_000;
    let rest = format!("{}</a><b/>", "x".repeat(size - 7));
    let decode = |limit: usize| {
        let mut decoder = FrameDecoder::new(vocabulary(), Limits { stanza_bytes: limit, ..LIMITS });
        decoder.decode(HEADER.as_bytes())?;
        decoder.decode(b"<a>")?;
        let (taken, decoded) = decoder.decode(rest.as_bytes())?;
        let Some(Decoded::Frame(frame)) = decoded else { panic!("a frame") };
        assert_eq!((taken, frame.offset), (size - 3, HEADER.len() as u64));
        assert_eq!(frame.bytes, format!("<a>{}", &rest[..taken]).as_bytes());
        Ok(())
    };
    assert_eq!(decode(size), Ok(()));
    assert_eq!(decode(10 * size), Ok(()));
    let offset = (HEADER.len() + size - 1) as u64;
    assert_eq!(decode(size - 1), Err(Refusal { kind: RefusalKind::StanzaTooBig, offset }));
}

#[test]
fn a_header_may_have_the_bytes_that_are_allowed_and_no_more() {
    let of_size = |size: usize| format!("{}{HEADER}", " ".repeat(size - HEADER.len()));
    let limit = LIMITS.header_bytes as u64;
    let kind = |size| verdict(stream, of_size(size).as_bytes()).expect("not closed");
    assert_eq!(kind(LIMITS.header_bytes), Refusal { kind: RefusalKind::Truncated, offset: limit });
    assert_eq!(kind(LIMITS.header_bytes + 1), Refusal { kind: RefusalKind::HeaderTooBig, offset: limit });
}

#[test]
fn elements_may_be_nested_as_deep_as_is_allowed() {
    let nested = |depth: usize| ["<a>".repeat(depth), "</a>".repeat(depth)].concat();
    assert!(passes(&nested(LIMITS.depth)));
    assert_eq!(after_header(&nested(LIMITS.depth + 1)), (RefusalKind::TooDeep, LIMITS.depth as u64 * 3 + 1));
}

#[test]
fn an_element_may_have_as_many_attributes_as_are_allowed() {
    let with = |count: usize| {
        format!("<a{}/>", (0..count).map(|index| format!(" x{index:02}=''")).collect::<String>())
    };
    assert!(passes(&with(LIMITS.attributes)));
    let offset = 2 + LIMITS.attributes as u64 * 7 + 1;
    assert_eq!(after_header(&with(LIMITS.attributes + 1)), (RefusalKind::TooManyAttributes, offset));
}

#[test]
fn as_many_namespaces_may_be_in_scope_as_are_allowed() {
    let with = |count: usize| {
        let open: String = (0..count).map(|index| format!("<a xmlns:p{index}='u'>")).collect();
        [open, "</a>".repeat(count)].concat()
    };
    let room = LIMITS.namespaces - 2; // The header declares two.
    assert!(passes(&with(room)));
    let after_another =
        format!("<a>{}{}</a>", "<b xmlns:p='u'/><b xmlns:p='u'></b>".repeat(9), "<c xmlns:p='u'/>");
    assert!(passes(&after_another));
    let flat = |count: usize| {
        format!("<a{}/>", (0..count).map(|index| format!(" xmlns:p{index}='u'")).collect::<String>())
    };
    assert!(passes(&flat(room)));
    let offset = 2 + room as u64 * 13 + 1;
    assert_eq!(after_header(&flat(room + 1)), (RefusalKind::TooManyNamespaces, offset));
}

#[test]
fn a_namespace_may_have_1024_bytes_and_no_more() {
    for declared in ["xmlns", "xmlns:p"] {
        let of_length = |length: usize| format!("<a><b {declared}='{}'/></a>", "u".repeat(length));
        assert!(passes(&of_length(1024)));
        assert_eq!(after_header(&of_length(1025)), (RefusalKind::NamespaceTooLong, 6));
    }
}

#[test]
fn a_namespace_of_a_configuration_is_one_that_the_gate_lets_pass() {
    let (longest, too_long) = ("u".repeat(1024), "u".repeat(1025));
    for (namespace, expected) in [
        ("jabber:client", true),
        ("http://[::1]:80/~e?a=b;c#(d)!$*+,@%20", true),
        (&longest, true),
        (&too_long, false),
        ("", false),
        ("a b", false),
        ("urn:\u{e9}", false),
    ] {
        let declared = format!("<a><b xmlns:p='{namespace}'/></a>");
        assert_eq!(verdict(document, declared.as_bytes()).is_none(), expected, "{namespace}");
        assert_eq!(is_namespace(namespace), expected, "{namespace}");
    }
}

#[test]
fn a_headers_namespace_may_have_1024_bytes_and_no_more() {
    let verdict = |length: usize| {
        let header = HEADER.replace(" to=", &format!(" xmlns:p='{}' to=", "u".repeat(length)));
        let limits = Limits { header_bytes: 4096, ..LIMITS };
        verdict(|| FrameDecoder::new(vocabulary(), limits), header.as_bytes()).map(|refusal| refusal.kind)
    };
    assert_eq!(verdict(1024), Some(RefusalKind::Truncated));
    assert_eq!(verdict(1025), Some(RefusalKind::NamespaceTooLong));
}

#[test]
fn a_stanza_may_have_as_many_elements_as_are_allowed() {
    let with = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count - 1));
    assert!(passes(&with(LIMITS.elements)));
    let offset = 3 + (LIMITS.elements as u64 - 1) * 4 + 1;
    assert_eq!(after_header(&with(LIMITS.elements + 1)), (RefusalKind::TooManyElements, offset));
}

#[test]
fn other_limits_hold_from_the_next_frame_on() {
    let mut decoder = stream();
    decoder.decode(HEADER.as_bytes()).expect("valid");
    decoder.decode(b"<a>").expect("valid");
    decoder.set_limits(Limits { stanza_bytes: 8, ..LIMITS });
    let (taken, decoded) = decoder.decode(b"more than eight bytes</a>").expect("it keeps its limits");
    assert!(taken == 25 && decoded.is_some());
    assert!(decoder.decode(b"<a/>").is_ok());
    assert_eq!(
        decoder.decode(b"<abcdefgh/>").err().map(|refusal| refusal.kind),
        Some(RefusalKind::StanzaTooBig)
    );
}

/// The `<` that ends a text counts, too: without it, nobody knows that the text is over.
#[test]
fn each_run_of_a_documents_text_has_its_own_size() {
    let text = "x".repeat(LIMITS.stanza_bytes - 1);
    let section = format!("<![CDATA[{}]]>", "x".repeat(LIMITS.stanza_bytes - 12));
    for runs in [format!("{section}{text}"), format!("{section}{section}"), format!("{text}<b/>{text}")] {
        let input = format!("<a>{runs}</a>");
        assert_eq!(verdict(document, input.as_bytes()), None, "{} bytes", input.len());
    }
}

#[test]
fn a_documents_text_is_held_to_the_size_too() {
    let input = format!("<a>{}", "x".repeat(LIMITS.stanza_bytes + 1));
    let offset = 3 + LIMITS.stanza_bytes as u64;
    assert_eq!(
        verdict(document, input.as_bytes()),
        Some(Refusal { kind: RefusalKind::StanzaTooBig, offset })
    );
}

#[test]
fn no_more_is_kept_of_a_frame_than_is_allowed() {
    let mut decoder = stream();
    decoder.decode(HEADER.as_bytes()).expect("valid");
    decoder.decode(b"<a>").expect("valid");
    let flood = vec![b'x'; 1 << 20];
    assert_eq!(decoder.decode(&flood).err().map(|refusal| refusal.kind), Some(RefusalKind::StanzaTooBig));
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn limits_of_nothing_refuse_and_do_not_fail() {
    let nothing =
        Limits { stanza_bytes: 0, header_bytes: 0, depth: 0, attributes: 0, namespaces: 0, elements: 0 };
    let record = record(FrameDecoder::new(vocabulary(), nothing), [HEADER.as_bytes()]);
    assert_eq!(record.refusal, Some(Refusal { kind: RefusalKind::HeaderTooBig, offset: 0 }));
}

#[test]
fn a_text_is_one_that_the_gate_lets_pass_when_it_is_escaped() {
    for (text, expected) in [
        ("", true),
        ("a\t\n\r\u{20}\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}", true),
        ("<&>", true),
        ("a\u{0}", false),
        ("\u{b}a", false),
        ("\u{1f}", false),
        ("\u{fffe}", false),
        ("\u{ffff}", false),
    ] {
        assert_eq!(is_text(text), expected, "{text:?}");
    }
}
