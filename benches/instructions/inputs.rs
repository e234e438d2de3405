//! What the gate's benches pass through it: stanzas as they come, and a decoder that awaits them.

use std::hint::black_box;
use std::sync::Arc;

use vestibule::framing::{Decoded, FrameDecoder, Limits, Vocabulary};

const STREAMS: &str = "http://etherx.jabber.org/streams";
const HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='gatekeeper.example' version='1.0'>";

pub const LIMITS: Limits = Limits {
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
pub fn decoder(limits: Limits) -> FrameDecoder {
    let vocabulary = Vocabulary::new((STREAMS, "stream"), NAMES, &["urn:x-vestibule:content-types:0"]);
    let mut decoder = FrameDecoder::new(Arc::new(vocabulary), limits);
    assert!(decoder.decode(HEADER.as_bytes()).is_ok_and(|(taken, _)| taken == HEADER.len()));
    decoder
}

/// Counts the stanzas that are complete with `input`; all of it must pass.
pub fn gate(decoder: &mut FrameDecoder, mut input: &[u8]) -> usize {
    let mut stanzas = 0;
    while let Ok((taken, decoded)) = decoder.decode(input) {
        input = &input[taken..];
        let Some(Decoded::Frame(frame)) = decoded else { break };
        black_box((frame.bytes, frame.outline));
        stanzas += 1;
    }
    assert!(input.is_empty(), "all of the input passes");
    stanzas
}

/// A chat message of 320 bytes.
pub fn chat(number: usize) -> String {
    format!(
        "<message to='user{number:03}@gatekeeper.example/phone' from='anna@provider.example/desktop' type='chat' \
         id='7f3a9c{number:02}-5b1e-4d68'><body>Shall we meet at the station at half past seven? I will bring the \
         tickets with me.</body><request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' \
         id='7f3a9c{number:02}-5b1e-4d68'/></message>"
    )
}

/// A message whose body is `text`, over and over.
pub fn message(text: &str, times: usize) -> String {
    format!(
        "<message to='anna@provider.example' type='chat' id='1'><body>{}</body></message>",
        text.repeat(times)
    )
}

/// A message with a body of 14 KB.
pub fn long_message() -> String {
    message("Shall we meet at the station? ", 470)
}

pub fn cyrillic() -> String {
    message("Давай встретимся на вокзале в половине восьмого? ", 4)
}

pub fn japanese() -> String {
    message("明日の七時半に駅で会いましょう。切符を持って行きます。", 4)
}

/// A roster: 40 elements, three levels deep.
pub fn roster() -> String {
    let items = (0..38).map(|number| {
        format!("<item jid='user{number:02}@provider.example' name='User {number:02}' subscription='both'/>")
    });
    format!(
        "<iq to='anna@provider.example/desktop' type='result' id='r1'><query xmlns='jabber:iq:roster' ver='7'>{}\
         </query></iq>",
        items.collect::<String>()
    )
}
