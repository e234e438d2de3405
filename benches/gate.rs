//! How fast the gate is on chat-sized stanzas and on large bodies, beside a parser that is not strict.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quick_xml::events::Event;
use vestibule::framing::{Decoded, FrameDecoder, Limits, Vocabulary};

const STREAMS: &str = "http://etherx.jabber.org/streams";
const HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='gatekeeper.example' version='1.0'>";

const LIMITS: Limits = Limits {
    stanza_bytes: 262_144,
    header_bytes: 8_192,
    depth: 64,
    attributes: 64,
    namespaces: 32,
    elements: 4_096,
};

const NAMES: &[(&str, &str)] = &[
    (STREAMS, "features"),
    (STREAMS, "error"),
    ("jabber:client", "message"),
    ("jabber:client", "presence"),
    ("jabber:client", "iq"),
    ("jabber:client", "body"),
    ("urn:xmpp:receipts", "request"),
    ("urn:xmpp:receipts", "received"),
    ("urn:xmpp:sid:0", "origin-id"),
    ("urn:xmpp:sm:3", "r"),
    ("urn:xmpp:sm:3", "a"),
];

/// A decoder that has taken the stream header.
fn decoder() -> FrameDecoder {
    let vocabulary = Vocabulary::new((STREAMS, "stream"), NAMES, &["urn:x-vestibule:content-types:0"]);
    let mut decoder = FrameDecoder::new(Arc::new(vocabulary), LIMITS);
    assert!(decoder.decode(HEADER.as_bytes()).is_ok_and(|(taken, _)| taken == HEADER.len()));
    decoder
}

/// Counts the stanzas that pass; all of them must.
fn gate(decoder: &mut FrameDecoder, mut input: &[u8]) -> usize {
    let mut stanzas = 0;
    while let Ok((taken, Some(Decoded::Frame(frame)))) = decoder.decode(input) {
        black_box((frame.bytes, frame.outline));
        stanzas += 1;
        input = &input[taken..];
    }
    assert!(input.is_empty(), "all of the input passes");
    stanzas
}

/// Counts the attributes that quick-xml reads, with its own check for repeated names.
fn quick_xml(input: &str) -> usize {
    let mut reader = quick_xml::Reader::from_str(input);
    let mut attributes = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                attributes += tag.attributes().filter(|attribute| black_box(attribute).is_ok()).count();
            }
            Ok(Event::Eof) | Err(_) => return attributes,
            Ok(event) => drop(black_box(event)),
        }
    }
}

/// A chat message of 320 bytes.
fn chat(number: usize) -> String {
    format!(
        "<message to='user{number:03}@gatekeeper.example/phone' from='anna@provider.example/desktop' type='chat' \
         id='7f3a9c{number:02}-5b1e-4d68'><body>Shall we meet at the station at half past seven? I will bring the \
         tickets with me.</body><request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' \
         id='7f3a9c{number:02}-5b1e-4d68'/></message>"
    )
}

/// A message whose body is `text`, over and over.
fn message(text: &str, times: usize) -> String {
    format!(
        "<message to='anna@provider.example' type='chat' id='1'><body>{}</body></message>",
        text.repeat(times)
    )
}

fn benches(criterion: &mut Criterion) {
    let inputs = [
        ("chat-320", (0..64).map(chat).collect::<String>()),
        ("body-14k", message("Shall we meet at the station? ", 470).repeat(8)),
        ("cyrillic", message("Давай встретимся на вокзале в половине восьмого? ", 4).repeat(32)),
        ("japanese", message("明日の七時半に駅で会いましょう。切符を持って行きます。", 4).repeat(32)),
    ];
    for (name, input) in inputs {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(input.len() as u64));
        let mut decoder = decoder();
        group.bench_function("gate", |bencher| {
            bencher.iter(|| gate(&mut decoder, black_box(input.as_bytes())))
        });
        group.bench_function("quick-xml", |bencher| bencher.iter(|| quick_xml(black_box(&input))));
        group.finish();
    }
}

criterion_group!(gate_benches, benches);
criterion_main!(gate_benches);
