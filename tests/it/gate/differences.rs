//! Where the gate and rxml differ: closed lists, each difference with its ground, and seen to be real.

use vestibule::framing::{Refusal, RefusalKind};

use super::HEADER;
use super::opinion::{Opinion, STREAMS, Verdict, by_rxml, by_the_gate};

/// Ways in which a token that has begun may end, and what shows that it has.
const ENDINGS: &[&str] = &[
    "<a/>", "a/>", "/>", ">", "'/>", "\"/>", "''/>", "=''/>", "x=''/>", "?>", ";<a/>", "><a/>", "x", "'",
    "]]>", "]]><a/>",
];

/// Whether rxml refuses too. It judges some tokens only when they are whole: of one that is not, no ending may be
/// accepted, and one must be refused.
pub(super) fn refused_by_rxml(input: &[u8]) -> bool {
    let so_far = by_rxml(input);
    let accepted = |opinion: Opinion| {
        opinion.verdict == Verdict::Complete
            || opinion.verdict == Verdict::Incomplete && opinion.events > so_far.events
    };
    let mut with_endings = ENDINGS.iter().map(|ending| by_rxml(&[input, ending.as_bytes()].concat()));
    match so_far.verdict {
        Verdict::Complete => false,
        Verdict::Refused => true,
        Verdict::Incomplete => {
            with_endings.clone().any(|opinion| opinion.verdict == Verdict::Refused)
                && !with_endings.any(accepted)
        }
    }
}

/// Whether the gate may refuse although rxml accepts: the whole list, each with the reason.
pub(super) fn is_stricter(refusal: Refusal, input: &[u8]) -> bool {
    let (before, rest) = input.split_at((refusal.offset as usize).min(input.len()));
    let name = rest.split(|byte| b" \t\r\n=/>".contains(byte)).next().unwrap_or_default();
    match refusal.kind {
        // Our restriction: only the ASCII characters of a URI.
        RefusalKind::AmbiguousNamespace => !value_at(rest).iter().copied().all(is_in_a_uri),
        // Our restriction.
        RefusalKind::NamespaceTooLong => value_at(rest).len() > 1024,
        // rxml knows no streams.
        RefusalKind::NestedStream => name == b"stream" || name.ends_with(b":stream"),
        RefusalKind::TextBetweenStanzas => match before.strip_suffix(SECTION) {
            Some(before) => ends_in_the_root(before),
            None => ends_in_the_root(before) && !rest.first().is_some_and(|byte| b" \t\r\n<".contains(byte)),
        },
        RefusalKind::WrongNamespace => root_name(input).is_some_and(|name| name.0 != STREAMS),
        RefusalKind::WrongRoot => {
            root_name(input).is_some_and(|name| name.0 == STREAMS && name.1 != "stream")
        }
        RefusalKind::EmptyRoot => is_empty_root(input),
        // rxml takes white space outside the root in any form, and sections that hold nothing else.
        RefusalKind::TextOutsideRoot => before.ends_with(SECTION) || rest.starts_with(b"&#"),
        // rxml lets a prefix be bound to the namespace of `xmlns`.
        RefusalKind::ReservedNamespace => value_at(rest) == b"http://www.w3.org/2000/xmlns/",
        // rxml's names are the fifth edition's, which differ beyond ASCII.
        RefusalKind::BadName => rest.first().is_some_and(|byte| !byte.is_ascii()),
        // rxml takes the last of two declarations of the default namespace.
        RefusalKind::DuplicateAttribute => name == b"xmlns" && declares_default(before),
        _ => false,
    }
}

const SECTION: &[u8] = b"<![CDATA[";

/// Whether the stream may be closed after `before`: no stanza is open.
fn ends_in_the_root(before: &[u8]) -> bool {
    by_rxml(&[before, b"</stream:stream>"].concat()).verdict == Verdict::Complete
}

/// Whether the tag that `text` ends in has declared the default namespace.
fn declares_default(text: &[u8]) -> bool {
    let tag = text.rsplit(|byte| *byte == b'<').next().unwrap_or_default();
    tag.split(|byte| b" \t\r\n=".contains(byte)).any(|part| part == b"xmlns")
}

/// The value of the attribute that `text` begins with; empty if there is none.
fn value_at(text: &[u8]) -> &[u8] {
    let Some(start) = text.iter().position(|byte| b"'\"".contains(byte)) else { return b"" };
    text[start + 1..].split(|byte| *byte == text[start]).next().unwrap_or_default()
}

/// The reserved and the unreserved characters, and `%` (RFC 3986, 2), but for `&`: in XML it begins a reference.
fn is_in_a_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$'()*+,;=%".contains(&byte)
}

/// The root's expanded name, as rxml sees it.
fn root_name(input: &[u8]) -> Option<(String, String)> {
    by_rxml(input).frames.into_iter().next().map(|root| root.name)
}

/// Whether rxml sees the root's end in an empty-element tag.
fn is_empty_root(input: &[u8]) -> bool {
    let closing = by_rxml(input).frames.into_iter().nth(1);
    closing.is_some_and(|frame| frame.name.1.is_empty() && input[..frame.end].ends_with(b"/>"))
}

/// Whether rxml may refuse although the gate accepts: the whole list.
pub(super) fn rxml_is_stricter(input: &[u8]) -> bool {
    let declaration = input.strip_prefix(b"<?xml");
    let head = declaration.and_then(|rest| rest.split(|byte| *byte == b'>').next()).unwrap_or_default();
    let has = |text: &str| head.windows(text.len()).any(|part| part == text.as_bytes());
    // It takes no white space before a root without a declaration, and no `standalone` without `encoding`.
    let prolog = declaration.is_none() && input.first().is_some_and(u8::is_ascii_whitespace)
        || has("standalone") && !has("encoding");
    // It judges the declaration as it comes, the gate when its end is there.
    let unended = declaration.is_some() && !input.contains(&b'>');
    prolog || unended || lone_carriage_return(input)
}

/// In an attribute's value rxml takes a carriage return only before a line feed; before the quote it loses it.
pub(super) fn lone_carriage_return(input: &[u8]) -> bool {
    input.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n')
}

/// What only the gate refuses after a header.
const ONLY_THE_GATE_REFUSES: &[(&str, RefusalKind)] = &[
    ("<a xmlns='b&#x41;c'/>", RefusalKind::AmbiguousNamespace),
    ("<a xmlns:p='urn:\u{e9}'/>", RefusalKind::AmbiguousNamespace),
    ("<a xmlns='\u{202e}'/>", RefusalKind::AmbiguousNamespace),
    ("<a xmlns='b c'/>", RefusalKind::AmbiguousNamespace),
    ("<a><stream:stream/></a>", RefusalKind::NestedStream),
    ("x", RefusalKind::TextBetweenStanzas),
    ("&#32;", RefusalKind::TextBetweenStanzas),
    ("<![CDATA[]]>", RefusalKind::TextBetweenStanzas),
    ("</stream:stream><![CDATA[]]>", RefusalKind::TextOutsideRoot),
    ("</stream:stream>&#32;", RefusalKind::TextOutsideRoot),
    ("<a:x xmlns:a='http://www.w3.org/2000/xmlns/'/>", RefusalKind::ReservedNamespace),
    ("<\u{370}/>", RefusalKind::BadName),
    ("<a xmlns='u' xmlns='v'/>", RefusalKind::DuplicateAttribute),
];

/// Roots that only the gate refuses.
const ONLY_THE_GATE_REFUSES_THE_ROOT: &[(&str, RefusalKind)] = &[
    ("<stream>", RefusalKind::WrongNamespace),
    ("<s xmlns='http://etherx.jabber.org/streams'>", RefusalKind::WrongRoot),
    ("<stream xmlns='http://etherx.jabber.org/streams'/>", RefusalKind::EmptyRoot),
];

/// If a difference is gone, its ground can be taken out.
#[test]
fn what_only_the_gate_refuses_is_real() {
    let long = format!("<a xmlns='{}'/>", "u".repeat(1025));
    let long = (long.as_str(), RefusalKind::NamespaceTooLong);
    let in_the_stream = ONLY_THE_GATE_REFUSES.iter().chain([&long]);
    let roots = ONLY_THE_GATE_REFUSES_THE_ROOT.iter().map(|(root, kind)| ((*root).to_owned(), *kind));
    for (input, kind) in in_the_stream.map(|(input, kind)| ([HEADER, input].concat(), *kind)).chain(roots) {
        let refusal = by_the_gate(input.as_bytes()).1.expect("the gate refuses");
        assert_eq!(refusal.kind, kind, "{input}");
        assert!(!refused_by_rxml(input.as_bytes()), "{input}");
        assert!(is_stricter(refusal, input.as_bytes()), "{input}");
    }
}

/// If a difference is gone, its ground can be taken out.
#[test]
fn what_only_rxml_refuses_is_real() {
    let prologs = [" ", "<?xml version='1.0' standalone='yes'?>"];
    let headers = prologs.map(|prolog| HEADER.replace("<?xml version='1.0'?>", prolog));
    let lone = format!("{HEADER}<a x='\ry'/>");
    for input in headers.iter().map(String::as_str).chain(["<?xml version='1.0'<", &lone]) {
        let refusal = by_the_gate(input.as_bytes()).1.map(|refusal| refusal.kind);
        assert_eq!(refusal, Some(RefusalKind::Truncated), "{input}");
        assert_eq!(by_rxml(input.as_bytes()).verdict, Verdict::Refused, "{input}");
        assert!(rxml_is_stricter(input.as_bytes()), "{input}");
    }
    assert!(!rxml_is_stricter(HEADER.as_bytes()));
    assert!(!rxml_is_stricter(HEADER.replace("?>", " encoding='UTF-8' standalone='yes'?>").as_bytes()));
}

#[test]
fn rxml_loses_a_carriage_return_before_the_quote() {
    let input = format!("{HEADER}<a to='b\r'/></stream:stream>");
    let (by_the_gate, by_rxml) = (by_the_gate(input.as_bytes()), by_rxml(input.as_bytes()));
    assert_eq!((by_the_gate.1, by_rxml.verdict), (None, Verdict::Complete));
    let value = |to: &str| Some(to.to_owned());
    assert_eq!(by_the_gate.0[1].attributes[0], value("b "));
    assert_eq!(by_rxml.frames[1].attributes[0], value("b"));
}

/// A gate that refused such inputs would not be excused.
#[test]
fn what_is_well_formed_so_far_is_not_refused_by_rxml() {
    let in_a_tag =
        ["<", "<a", "<a ", "<a x", "<a x=", "<a x='", "<a x='1", "<a x='1'", "<a x='1' ", "<a x=\"1", "<a/"];
    let in_content =
        ["", "<a>", "<a>text", "<a>&#65", "<a>]]", "<a><![CDATA[", "<a><![CDATA[x", "<a><b/></a"];
    let at_the_end = ["</stream:stream", "</stream:stream>", "</stream:stream>\n"];
    for tail in in_a_tag.iter().chain(&in_content).chain(&at_the_end) {
        assert!(!refused_by_rxml([HEADER, tail].concat().as_bytes()), "{tail}");
    }
}

/// A gate that refused such inputs would not be excused, whatever it said.
#[test]
fn no_ground_holds_where_there_is_none() {
    for tail in ["<a xmlns='urn:a'/>", "<a xmlns:p='urn:a'/>", "<a to='a@b'>x</a>"] {
        let input = [HEADER, tail].concat();
        for offset in [HEADER.len(), HEADER.len() + 3].map(|offset| offset as u64) {
            let grounds = RefusalKind::ALL
                .iter()
                .filter(|kind| is_stricter(Refusal { kind: **kind, offset }, input.as_bytes()));
            assert_eq!(grounds.collect::<Vec<_>>(), [&RefusalKind::Truncated; 0], "{input}");
        }
    }
}

#[test]
fn references_of_more_than_eight_digits_are_refused_by_both() {
    let input = [HEADER, "<a>&#x0000000000041;</a>"].concat();
    let refusal = by_the_gate(input.as_bytes()).1.map(|refusal| refusal.kind);
    assert_eq!(refusal, Some(RefusalKind::BadReference));
    assert!(refused_by_rxml(input.as_bytes()));
}
