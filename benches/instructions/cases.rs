//! What is measured: stanzas as they come, each with its count in docs/performance.md, and the worst input that an
//! attacker can send, at growing sizes.

use std::hint::black_box;

use vestibule::framing::{FrameDecoder, Limits};
use vestibule::relay::Side;

use crate::inputs::{LIMITS, chat, cyrillic, decoder, gate, japanese, long_message, roster};
use crate::relayed::{self, Session, VESTIBULE, XMPP};

/// How the bytes reach the gate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// All in one piece, as a read brings them.
    Whole,
    /// Piece by piece, one byte each.
    ByteByByte,
    /// Each stanza as an edit of ours, checked again.
    Verify,
    /// Each stanza in one piece, through the relay of a session and out of it.
    Relay(Session),
}

/// Stanzas as they come.
pub struct Stanza {
    pub name: &'static str,
    pub feed: Feed,
    pub text: fn() -> String,
}

pub const STANZAS: &[Stanza] = &[
    Stanza { name: "chat message", feed: Feed::Whole, text: || chat(7) },
    Stanza { name: "message with a body of 14 KB", feed: Feed::Whole, text: long_message },
    Stanza { name: "message in Cyrillic", feed: Feed::Whole, text: cyrillic },
    Stanza { name: "message in Japanese", feed: Feed::Whole, text: japanese },
    Stanza { name: "presence", feed: Feed::Whole, text: presence },
    Stanza { name: "roster of 40 elements", feed: Feed::Whole, text: roster },
    Stanza { name: "chat message, edited", feed: Feed::Verify, text: || chat(7) },
    Stanza { name: "chat message, one byte a read", feed: Feed::ByteByByte, text: || chat(7) },
    relayed("chat message relayed to the client", Side::Upstream, None),
    uninteresting("the same, of no interest to the metadata policy", Side::Upstream),
    relayed("the same, judged by the words of xmpp.yaml", Side::Upstream, Some(XMPP)),
    relayed("the same, judged by the words of vestibule.yaml", Side::Upstream, Some(VESTIBULE)),
    relayed("chat message relayed to the gatekeeper", Side::Downstream, None),
    uninteresting("the same, of no interest to the metadata policy then", Side::Downstream),
    relayed("the same, with the words of xmpp.yaml", Side::Downstream, Some(XMPP)),
    relayed("the same, with the words of vestibule.yaml", Side::Downstream, Some(VESTIBULE)),
];

const fn relayed(name: &'static str, from: Side, dialect: Option<&'static str>) -> Stanza {
    Stanza { name, feed: Feed::Relay(Session { from, dialect, metadata: false }), text: || chat(7) }
}

const fn uninteresting(name: &'static str, from: Side) -> Stanza {
    Stanza { name, feed: Feed::Relay(Session { from, dialect: None, metadata: true }), text: || chat(7) }
}

/// Input whose size can be doubled.
pub struct Worst {
    pub name: &'static str,
    pub feed: Feed,
    /// The smallest size: how often `text` repeats its parts.
    pub size: usize,
    /// What is sorted or searched takes the logarithm of its number for each item.
    pub logarithmic: bool,
    pub text: fn(usize) -> String,
}

pub const WORST: &[Worst] = &[
    linear("deep nesting", 2_000, |size| format!("{}{}", "<a>".repeat(size), "</a>".repeat(size))),
    linear("long names", 4_000, |size| {
        let name = "n".repeat(size);
        format!("<{name} {name}=''></{name}>")
    }),
    linear("long values", 16_000, |size| format!("<a b='{}'/>", "v".repeat(size))),
    linear("values of white space", 4_000, |size| format!("<a b='{}'/>", "\n".repeat(size))),
    linear("references", 4_000, |size| format!("<a>{}</a>", "&#x10ffff;".repeat(size))),
    linear("CDATA sections", 4_000, |size| format!("<a>{}</a>", "<![CDATA[x]]>".repeat(size))),
    linear("many stanzas", 1_000, |size| "<a/>".repeat(size)),
    logarithmic("attributes", 1_000, |size| format!("<a{}/>", number(size, |index| format!(" a{index}=''")))),
    logarithmic("attributes with as many prefixes", 1_000, |size| {
        let declared = number(size, |index| format!(" xmlns:p{index}='u{index}'"));
        format!("<a{declared}{}/>", number(size, |index| format!(" p{index}:a=''")))
    }),
    logarithmic("namespaces", 1_000, |size| {
        let declared = number(size, |index| format!(" xmlns:p{index}='u{index}'"));
        format!("<a{declared}>{}</a>", number(size, |index| format!("<p{index}:b/>")))
    }),
    logarithmic("namespaces, one inside of the other", 1_000, |size| {
        let declared = number(size, |index| format!("<p{index}:a xmlns:p{index}='u'>"));
        let closed = (0..size).rev().map(|index| format!("</p{}:a>", digits(index)));
        format!("{declared}{}", closed.collect::<String>())
    }),
    Worst {
        feed: Feed::ByteByByte,
        ..linear("one byte a read", 100, |size| {
            format!("<a>{}</a>", "<body xml:lang='de'>Grüße &amp; Küsse</body>".repeat(size))
        })
    },
];

/// The smallest size, doubled up to eight times.
pub const SIZES: [usize; 4] = [1, 2, 4, 8];

const fn linear(name: &'static str, size: usize, text: fn(usize) -> String) -> Worst {
    Worst { name, feed: Feed::Whole, size, logarithmic: false, text }
}

const fn logarithmic(name: &'static str, size: usize, text: fn(usize) -> String) -> Worst {
    Worst { name, feed: Feed::Whole, size, logarithmic: true, text }
}

/// `size` parts that differ in a number of a fixed width, so that the text doubles with its size.
fn number(size: usize, part: impl Fn(String) -> String) -> String {
    (0..size).map(|index| part(digits(index))).collect()
}

/// Numbers that do not come in order, as sorting what is sorted costs less. (The multiples of a number by a prime have
/// different remainders.)
fn digits(index: usize) -> String {
    format!("{:06}", index * 7_919 % 999_983)
}

fn presence() -> String {
    "<presence from='anna@provider.example/desktop'><show>away</show><c xmlns='http://jabber.org/protocol/caps' \
     hash='sha-1' node='https://client.example' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>"
        .to_owned()
}

/// Passes a stanza as often as `times` says, and asserts that it passes.
pub fn pass_stanza(stanza: &Stanza, times: usize) {
    let text = (stanza.text)();
    match stanza.feed {
        Feed::Verify => {
            let decoder = decoder(LIMITS);
            assert!((0..times).all(|_| verify(&decoder, text.as_bytes())));
        }
        Feed::Relay(session) => relayed::pass_message(session, &text, times),
        feed => assert_eq!(pass(&mut decoder(LIMITS), text.repeat(times).as_bytes(), feed), times),
    }
}

/// Passes the worst input of a size, and asserts that it passes.
pub fn pass_worst(worst: &Worst, size: usize) {
    let unlimited = usize::MAX;
    let limits = Limits {
        stanza_bytes: unlimited,
        header_bytes: unlimited,
        depth: unlimited,
        attributes: unlimited,
        namespaces: unlimited,
        elements: unlimited,
    };
    assert!(pass(&mut decoder(limits), (worst.text)(size).as_bytes(), worst.feed) > 0);
}

/// What the measuring counts, by its name ([`crate::callgrind`]): nothing else of the process.
#[inline(never)]
fn pass(decoder: &mut FrameDecoder, input: &[u8], feed: Feed) -> usize {
    match feed {
        Feed::ByteByByte => input.chunks(1).map(|byte| gate(decoder, byte)).sum(),
        _ => gate(decoder, input),
    }
}

/// What the measuring counts, as [`pass`].
#[inline(never)]
fn verify(decoder: &FrameDecoder, edited: &[u8]) -> bool {
    black_box(decoder.verify(black_box(edited))).is_ok()
}
