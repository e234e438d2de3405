//! The gate against a second opinion: what it accepts, rxml accepts and sees the same way; what it refuses
//! although rxml accepts it is a closed list.

use std::sync::Arc;

use proptest::prelude::*;
use rxml::error::EndOrError;
use rxml::parser::WithOptions;
use rxml::{Event, Parse};
use vestibule::framing::{
    Decoded, Frame, FrameDecoder, FrameKind, Limits, NameSet, Refusal, RefusalKind, Vocabulary,
};

const STREAMS: &str = "http://etherx.jabber.org/streams";
const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='gatekeeper.example' version='1.0'>";

const LIMITS: Limits = Limits {
    stanza_bytes: 1 << 20,
    header_bytes: 1 << 20,
    depth: 1000,
    attributes: 1000,
    namespaces: 1000,
    elements: 1000,
};

const NAMES: &[(&str, &str)] = &[
    ("jabber:client", "message"),
    ("jabber:client", "body"),
    ("urn:a", "x"),
    ("urn:a", "y"),
    (STREAMS, "error"),
];
const WATCHED: &str = "urn:watched";

/// What both parsers can say of a top-level frame.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    start: usize,
    end: usize,
    name: (String, String),
    /// Indices of the known names among the children.
    children: Vec<usize>,
    watched: bool,
    /// `to`, `from`, `type`, `id`.
    attributes: [Option<String>; 4],
}

/// The gate's frames, and what it says at the end of the input.
fn by_the_gate(input: &[u8]) -> (Vec<Seen>, Option<Refusal>) {
    let vocabulary = Arc::new(Vocabulary::new((STREAMS, "stream"), NAMES, &[WATCHED]));
    let mut decoder = FrameDecoder::new(vocabulary, LIMITS);
    let (mut seen, mut at) = (Vec::new(), 0);
    loop {
        match decoder.decode(&input[at..]) {
            Ok((_, None)) => return (seen, decoder.finish().err()),
            Ok((taken, Some(decoded))) => {
                at += taken;
                if let Decoded::Frame(frame) = decoded {
                    seen.push(describe(&frame));
                }
            }
            Err(refusal) => return (seen, Some(refusal)),
        }
    }
}

fn describe(frame: &Frame<'_>) -> Seen {
    let outline = frame.outline;
    let start = frame.offset as usize;
    let value = |span: Option<vestibule::framing::Span>| span.map(|span| meaning(span.of(frame.bytes)));
    let closing = frame.kind == FrameKind::Closing;
    Seen {
        start,
        end: start + frame.bytes.len(),
        name: if closing { <_>::default() } else { (text(frame.namespace()), text(frame.local_name())) },
        children: indices(outline.children),
        watched: outline.watched,
        attributes: [outline.to, outline.from, outline.type_, outline.id].map(value),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn indices(names: NameSet) -> Vec<usize> {
    (0..NAMES.len()).filter(|index| names.contains(*index)).collect()
}

/// What a raw attribute value means (XML 1.0, 2.11 and 3.3.3).
fn meaning(raw: &[u8]) -> String {
    let raw = text(raw).replace("\r\n", " ").replace(['\r', '\n', '\t'], " ");
    quick_xml::escape::unescape(&raw).map_or_else(|error| format!("{error:?}"), std::borrow::Cow::into_owned)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// A whole document.
    Complete,
    /// The beginning of one.
    Incomplete,
    Refused,
}

/// rxml's frames and its verdict.
fn by_rxml(mut input: &[u8]) -> (Vec<Seen>, Verdict) {
    let options = rxml::Options { max_token_length: 1 << 20, ..rxml::Options::default() };
    let mut parser = rxml::Parser::with_options(options);
    let (mut seen, mut depth, length) = (Vec::new(), 0, input.len());
    let mut frame = Seen::default();
    loop {
        let event = match parser.parse(&mut input, false) {
            Ok(Some(event)) => event,
            Ok(None) | Err(EndOrError::NeedMoreData) if depth == 0 && !seen.is_empty() => {
                let complete = matches!(parser.parse(&mut input, true), Ok(None)) && input.is_empty();
                return (seen, if complete { Verdict::Complete } else { Verdict::Incomplete });
            }
            Ok(None) | Err(EndOrError::NeedMoreData) => return (seen, Verdict::Incomplete),
            Err(EndOrError::Error(_)) => return (seen, Verdict::Refused),
        };
        // Lengths are not summed up: rxml counts an empty CDATA section as no bytes at all.
        let end = length - input.len();
        let start = end - event.metrics().len();
        match event {
            Event::XmlDeclaration(..) | Event::Text(..) => continue,
            Event::StartElement(_, name, attributes) => {
                depth += 1;
                note_element(&mut frame, depth, start, (name.0.to_string(), name.1.to_string()), &attributes);
            }
            Event::EndElement(_) => {
                depth -= 1;
                if depth == 0 {
                    frame = Seen { start, ..Seen::default() };
                }
            }
        }
        let header = seen.is_empty();
        if header || depth <= 1 {
            let start = if header { 0 } else { frame.start };
            seen.push(Seen { start, end, ..std::mem::take(&mut frame) });
        }
    }
}

/// Notes in `frame` what an element at `depth` (the root's is 1) means for it.
fn note_element(
    frame: &mut Seen,
    depth: usize,
    start: usize,
    name: (String, String),
    attributes: &rxml::AttrMap,
) {
    frame.watched |= name.0 == WATCHED || attributes.iter().any(|((namespace, _), _)| namespace == WATCHED);
    if depth <= 2 {
        frame.start = start;
        let value = |wanted: &str| {
            let mut unprefixed = attributes.iter().filter(|((namespace, _), _)| namespace.is_none());
            unprefixed.find(|((_, name), _)| *name == wanted).map(|(_, value)| value.clone())
        };
        frame.attributes = ["to", "from", "type", "id"].map(value);
        frame.name = name;
    } else if depth == 3 {
        frame.children.extend(NAMES.iter().position(|known| (known.0, known.1) == (&name.0, &name.1)));
        frame.children.sort_unstable();
        frame.children.dedup();
    }
}

/// Whether the gate may refuse although rxml accepts: the whole list, each with the reason.
fn is_stricter(refusal: Refusal, input: &[u8]) -> bool {
    match refusal.kind {
        RefusalKind::AmbiguousNamespace => true, // Our restriction.
        RefusalKind::NestedStream
        | RefusalKind::TextBetweenStanzas
        | RefusalKind::WrongNamespace
        | RefusalKind::WrongRoot
        | RefusalKind::EmptyRoot => true, // rxml knows no streams.
        // rxml lets a prefix be bound to the namespace of `xmlns`.
        RefusalKind::ReservedNamespace => text(input).contains("http://www.w3.org/2000/xmlns/"),
        // rxml's names are the fifth edition's, which differ beyond ASCII.
        RefusalKind::BadName => input.get(refusal.offset as usize).is_some_and(|byte| !byte.is_ascii()),
        // rxml takes the last of two declarations of the default namespace.
        RefusalKind::DuplicateAttribute => {
            let name = input.get(refusal.offset as usize..).unwrap_or_default();
            name.starts_with(b"xmlns") && !name.starts_with(b"xmlns:")
        }
        _ => false,
    }
}

/// Whether rxml may refuse although the gate accepts: the whole list.
fn rxml_is_stricter(input: &[u8]) -> bool {
    // It takes no white space before a root without a declaration, and no `standalone` without `encoding`.
    let header = !input.starts_with(b"<?xml version='1.0'?>");
    // It takes a carriage return in an attribute's value only before a line feed.
    header || input.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n')
}

/// Holds the two against each other on one input.
fn compare(input: &[u8]) -> Result<(), TestCaseError> {
    let (gate, refusal) = by_the_gate(input);
    let (rxml, verdict) = by_rxml(input);
    let truncated = refusal.is_some_and(|refusal| refusal.kind == RefusalKind::Truncated);
    match refusal {
        Some(refusal) if !truncated => {
            let known = verdict != Verdict::Complete || is_stricter(refusal, input);
            prop_assert!(known, "only the gate refuses ({refusal}) {}", input.escape_ascii());
        }
        _ if verdict == Verdict::Refused => {
            prop_assert!(rxml_is_stricter(input), "only the gate accepts {}", input.escape_ascii());
        }
        _ => {
            prop_assert!(truncated || verdict == Verdict::Complete, "{}", input.escape_ascii());
            prop_assert_eq!(gate, rxml, "{}", input.escape_ascii());
        }
    }
    Ok(())
}

fn attribute() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["to", "from", "type", "id", "a:b", "xml:lang", "é", "c-1._"]);
    let value = prop::sample::select(vec![
        "a@b",
        "",
        "x y",
        "&lt;&amp;&#x41;",
        "é漢😀",
        "a\tb\nc",
        "jabber:client",
        ">",
        "]]>",
        "&#10;",
        "\u{fffd}",
    ]);
    let declared = prop::sample::select(vec!["", ":a", ":b"]);
    let uri = prop::sample::select(vec!["urn:a", "urn:watched", "jabber:client", STREAMS, "é"]);
    let quote = prop::sample::select(vec!['\'', '"']);
    let equals = prop::sample::select(vec!["=", "=", " = ", "\n=\t"]);
    prop_oneof![
        4 => (name, equals.clone(), quote.clone(), value)
            .prop_map(|(name, eq, q, value)| format!(" {name}{eq}{q}{value}{q}")),
        2 => (declared, equals, quote, uri)
            .prop_map(|(prefix, eq, q, uri)| format!(" xmlns{prefix}{eq}{q}{uri}{q}")),
    ]
}

/// A stanza: mostly well-formed, but for repeated attributes and prefixes that nobody declared.
fn stanza() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "",
        "text",
        " ",
        "&amp;",
        "&#x10FFFF;",
        "é漢😀 и ещё",
        "<![CDATA[<&]]]>",
        "<![CDATA[]]>",
        "]] >",
        "]]&gt;",
        "\r\n",
        ">",
        "a longer text that goes on for more bytes than are looked at together",
    ]);
    let name = prop::sample::select(vec!["message", "body", "x", "y", "a:x", "a:y", "stream:error", "имя"]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let end = prop::sample::select(vec!["", " ", "\n"]);
        (name.clone(), prop::collection::vec(attribute(), 0..4), prop::collection::vec(inner, 0..4), end)
            .prop_map(|(name, attributes, children, end)| {
                let declared = if name.starts_with("a:") { " xmlns:a='urn:a'" } else { "" };
                let (attributes, children) = (attributes.concat(), children.concat());
                match children.as_str() {
                    "" => format!("<{name}{declared}{attributes}{end}/>"),
                    _ => format!("<{name}{declared}{attributes}>{children}</{name}{end}>"),
                }
            })
    })
    .prop_filter("a stanza is an element", |text| text.starts_with('<') && !text.starts_with("<!"))
}

/// A change to some bytes: where (in parts of 65,536), how many are taken out, what is put in.
fn mutation() -> impl Strategy<Value = (u16, usize, Vec<u8>)> {
    let fragment = prop::sample::select(vec![
        "<",
        ">",
        "/",
        "&",
        ";",
        "'",
        "\"",
        "=",
        " ",
        ":",
        "]]>",
        "<!--",
        "<?",
        "<![CDATA[",
        "x",
        "1",
        "-",
        "\n",
        "&#0;",
        "&#xD800;",
        "&#38;",
        "&lt;",
        "&unknown;",
        "xmlns",
        "xmlns:a",
        "xmlns:b=''",
        "xml",
        "<a:x/>",
        "<a>",
        "</a>",
        "\u{ffff}",
        "\u{b7}",
        "\u{10000}",
        "\u{202e}",
        "<stream:stream>",
        "</stream:stream>",
        " to='x'",
    ]);
    let fragment = prop_oneof![
        8 => fragment.prop_map(|text| text.as_bytes().to_vec()),
        2 => Just(Vec::new()),
        2 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    (any::<u16>(), 0..3_usize, fragment)
}

fn mutate(mut bytes: Vec<u8>, mutations: &[(u16, usize, Vec<u8>)]) -> Vec<u8> {
    for (place, length, fragment) in mutations {
        let start = bytes.len() * usize::from(*place) / 65_536;
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, fragment.iter().copied());
    }
    bytes
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let space = prop::sample::select(vec!["", "\n", " \t"]);
    let end = prop::sample::select(vec!["", "</stream:stream>", "</stream:stream >\n"]);
    (prop::collection::vec((stanza(), space), 0..4), end).prop_map(|(stanzas, end)| {
        let stanzas: String = stanzas.into_iter().map(|(stanza, space)| stanza + space).collect();
        format!("{HEADER}{stanzas}{end}").into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn streams_are_seen_as_rxml_sees_them(input in stream()) {
        compare(&input)?;
    }

    #[test]
    fn damaged_streams_are_judged_as_rxml_judges_them(
        input in stream(),
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let stanzas = mutate(input[HEADER.len()..].to_vec(), &mutations);
        compare(&[HEADER.as_bytes(), &stanzas].concat())?;
        compare(&[HEADER.as_bytes(), &stanzas, b"</stream:stream>"].concat())?;
    }

    #[test]
    fn damaged_headers_are_judged_as_rxml_judges_them(mutations in prop::collection::vec(mutation(), 1..4)) {
        compare(&mutate(HEADER.as_bytes().to_vec(), &mutations))?;
    }
}

/// rxml's quirks that the comparison knows of are still there; if one is gone, the comparison can be
/// stricter.
#[test]
fn the_known_differences_are_real() {
    for (input, gate_accepts, rxml_accepts) in [
        ("<a:x xmlns:a='http://www.w3.org/2000/xmlns/'/>", false, true),
        ("<a xmlns='b&#x41;c'/>", false, true),
        ("<\u{370}/>", false, true),
        ("<a x='\ry'/>", true, false),
        ("<a xmlns='u' xmlns='v'/>", false, true),
        ("<a>&#x0000000000041;</a>", false, false),
    ] {
        let input = [HEADER, input].concat();
        let refusal = by_the_gate(input.as_bytes()).1.map(|refusal| refusal.kind);
        assert_eq!(refusal == Some(RefusalKind::Truncated), gate_accepts, "{input}");
        assert_eq!(by_rxml(input.as_bytes()).1 != Verdict::Refused, rxml_accepts, "{input}");
    }
    for header in [" <stream:stream", "<?xml version='1.0' standalone='yes'?><stream:stream"] {
        let input = HEADER.replace("<?xml version='1.0'?><stream:stream", header);
        assert_eq!(by_the_gate(input.as_bytes()).1.map(|refusal| refusal.kind), Some(RefusalKind::Truncated));
        assert_eq!(by_rxml(input.as_bytes()).1, Verdict::Refused, "{input}");
    }
}
