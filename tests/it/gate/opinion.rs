//! What the gate says of an input, and what rxml says, in the same words.

use std::sync::Arc;

use rxml::error::{EndOrError, Error};
use rxml::parser::WithOptions;
use rxml::{Event, Parse};
use vestibule::framing::{Decoded, Frame, FrameDecoder, FrameKind, Limits, NameSet, Refusal, Vocabulary};

pub(super) const STREAMS: &str = "http://etherx.jabber.org/streams";

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
pub(super) struct Seen {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) name: (String, String),
    /// Indices of the known names among the children.
    children: Vec<usize>,
    watched: bool,
    /// `to`, `from`, `type`, `id`.
    pub(super) attributes: [Option<String>; 4],
}

/// The gate's frames, and what it says at the end of the input.
pub(super) fn by_the_gate(input: &[u8]) -> (Vec<Seen>, Option<Refusal>) {
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
pub(super) enum Verdict {
    /// A whole document.
    Complete,
    /// The beginning of one.
    Incomplete,
    Refused,
}

/// What rxml says of an input.
pub(super) struct Opinion {
    pub(super) frames: Vec<Seen>,
    pub(super) verdict: Verdict,
    /// How many tags, texts and declarations it has accepted.
    pub(super) events: usize,
}

/// rxml's frames and its verdict.
pub(super) fn by_rxml(mut input: &[u8]) -> Opinion {
    let options = rxml::Options { max_token_length: 1 << 20, ..rxml::Options::default() };
    let mut parser = rxml::Parser::with_options(options);
    let (mut seen, mut depth, length) = (Vec::new(), 0, input.len());
    let (mut frame, mut events) = (Seen::default(), 0);
    loop {
        let closed = depth == 0 && !seen.is_empty();
        let event = match next_event(&mut parser, &mut input, closed) {
            Ok(event) => event,
            Err(verdict) => return Opinion { frames: seen, verdict, events },
        };
        events += 1;
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

/// rxml's next event, or its verdict if there is none. Where the root is `closed`, the input may end.
fn next_event(parser: &mut rxml::Parser, input: &mut &[u8], closed: bool) -> Result<Event, Verdict> {
    match parser.parse(input, closed) {
        Ok(Some(event)) => Ok(event),
        Ok(None) if closed && input.is_empty() => Err(Verdict::Complete),
        Ok(None) | Err(EndOrError::NeedMoreData | EndOrError::Error(Error::InvalidEof(_))) => {
            Err(Verdict::Incomplete)
        }
        Err(EndOrError::Error(_)) => Err(Verdict::Refused),
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
