//! What a decoder keeps, and that its work grows with the input and not with its square.

use super::super::{Decoded, FrameDecoder, Limits, RefusalKind};
use super::{HEADER, LIMITS, record, stream, vocabulary};

/// Limits that let the worst cases through.
const WIDE: Limits = Limits {
    stanza_bytes: 1 << 24,
    header_bytes: 1 << 24,
    depth: 1 << 20,
    attributes: 1 << 20,
    namespaces: 1 << 20,
    elements: 1 << 20,
};

const MANY: usize = 20_000;

/// Passes one stanza, whole and in small pieces. If work grew with the square of its size, this would not end
/// soon.
fn passes(stanza: &str) {
    for length in [usize::MAX, 7] {
        let decoder = FrameDecoder::new(vocabulary(), WIDE);
        let record = record(decoder, [HEADER.as_bytes()].into_iter().chain(stanza.as_bytes().chunks(length)));
        assert_eq!(
            (record.frames.len(), record.refusal.map(|refusal| refusal.kind)),
            (2, Some(RefusalKind::Truncated))
        );
    }
}

fn repeat(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect()
}

#[test]
fn many_attributes_take_their_number_in_time() {
    passes(&format!("<a{}/>", repeat(MANY, |index| format!(" a{index}=''"))));
    passes(&format!("<a xmlns:p='u'{}/>", repeat(MANY, |index| format!(" p:a{index}=''"))));
}

#[test]
fn many_namespaces_take_their_number_in_time() {
    let declared = repeat(MANY, |index| format!(" xmlns:p{index}='u{index}'"));
    let used = repeat(MANY, |index| format!(" p{index}:a=''"));
    passes(&format!("<a{declared}{used}/>"));
    passes(&format!("<a{declared}>{}</a>", repeat(MANY, |index| format!("<p{index}:b/>"))));
    let nested = repeat(MANY, |index| format!("<p:a xmlns:p='u{index}'>"));
    passes(&format!("{nested}{}", "</p:a>".repeat(MANY)));
}

#[test]
fn long_namespaces_that_differ_at_the_end_are_not_compared_for_long() {
    let stanza = |length: usize| {
        let namespace = "u".repeat(length - 2);
        let declared = repeat(30, |index| format!(" xmlns:p{index}='{namespace}{index:02}'"));
        let used = repeat(30, |index| format!(" p{index}:a=''"));
        format!("<a{declared}>{}</a>", format!("<x{used}/>").repeat(MANY / 30))
    };
    passes(&stanza(1024));
    let long = stanza(34_000);
    let refusal = record(FrameDecoder::new(vocabulary(), WIDE), [HEADER.as_bytes(), long.as_bytes()]).refusal;
    assert_eq!(refusal.map(|refusal| refusal.kind), Some(RefusalKind::NamespaceTooLong));
}

#[test]
fn depth_and_long_names_take_their_length_in_time() {
    passes(&format!("{}{}", "<a>".repeat(MANY), "</a>".repeat(MANY)));
    let name = "n".repeat(MANY);
    passes(&format!("<{name} {name}='{name}'></{name}>"));
}

#[test]
fn namespaces_beyond_a_few_are_found_and_forgotten_like_the_first() {
    let declared = |count: usize| repeat(count, |index| format!(" xmlns:p{index}='u'"));
    for count in 1..60 {
        passes(&format!(
            "<a><b{0}><p0:c/><c xmlns:p0='v'><p0:d/></c><p0:e/></b><b{0}><p0:c/></b></a>",
            declared(count)
        ));
        let stanza = format!("<a><b{}></b><p0:c/></a>", declared(count));
        let refusal =
            record(FrameDecoder::new(vocabulary(), WIDE), [HEADER.as_bytes(), stanza.as_bytes()]).refusal;
        assert_eq!(refusal.map(|refusal| refusal.kind), Some(RefusalKind::UndeclaredPrefix), "{count}");
    }
}

#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<FrameDecoder>() <= 300, "{} bytes", size_of::<FrameDecoder>());
}

#[test]
fn what_is_held_for_a_frame_counts_until_it_is_released() {
    let mut decoder = stream();
    decoder.decode(HEADER.as_bytes()).expect("valid");
    decoder.decode(b"<a>").expect("valid");
    assert_eq!(decoder.buffered(), 3);
    let text = vec![b'x'; LIMITS.stanza_bytes - 7];
    decoder.decode(&text).expect("valid");
    assert_eq!(decoder.buffered(), LIMITS.stanza_bytes - 4);
    let (taken, decoded) = decoder.decode(b"</a><b").expect("valid");
    assert!(
        taken == 4
            && matches!(decoded, Some(Decoded::Frame(frame)) if frame.bytes.len() == LIMITS.stanza_bytes)
    );
    assert!(decoder.buffered() >= LIMITS.stanza_bytes);
    decoder.release();
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn the_next_call_releases_what_was_held_for_a_frame() {
    let mut decoder = stream();
    for part in [HEADER.as_bytes(), b"<a>", b"</a>"] {
        decoder.decode(part).expect("valid");
    }
    assert!(decoder.buffered() > 0);
    assert!(matches!(decoder.decode(b""), Ok((0, None))));
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn a_release_leaves_a_frame_that_is_partly_read() {
    let (mut decoder, end) = (stream(), HEADER.len() as u64);
    for part in [HEADER.as_bytes(), b"<a>", b"</a"] {
        decoder.decode(part).expect("valid");
        decoder.release();
    }
    assert_eq!(
        (decoder.buffered(), decoder.finish().err().map(|refusal| refusal.offset)),
        (6, Some(end + 6))
    );
    let (_, decoded) = decoder.decode(b">").expect("valid");
    assert!(matches!(decoded, Some(Decoded::Frame(frame)) if frame.bytes == b"<a></a>"));
    assert_eq!(decoder.finish().err().map(|refusal| refusal.offset), Some(end + 7));
}
