//! Which frame at one end of a stream is which at the other: in order, as Vestibule passes frames one for one.
//!
//! What came without having been sent is Vestibule's own; what was sent and never came went no further than it.

use std::time::Instant;

/// A frame at one end, and when it was there.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub at: Instant,
    pub bytes: Vec<u8>,
}

/// One frame at both ends, or at one of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Pair<'f> {
    pub sent: Option<&'f Frame>,
    pub received: Option<&'f Frame>,
}

/// All frames of one direction, each once.
pub fn pair<'f>(sent: &'f [Frame], received: &'f [Frame]) -> Vec<Pair<'f>> {
    let mut pairs = Vec::new();
    let mut rest = received;
    for frame in sent {
        let Some(at) = rest.iter().position(|other| is_of(other, frame)) else {
            pairs.push(Pair { sent: Some(frame), received: None });
            continue;
        };
        let (own, behind) = rest.split_at(at);
        pairs.extend(own.iter().map(|own| Pair { sent: None, received: Some(own) }));
        pairs.push(Pair { sent: Some(frame), received: behind.first() });
        rest = behind.get(1..).unwrap_or_default();
    }
    pairs.extend(rest.iter().map(|own| Pair { sent: None, received: Some(own) }));
    pairs
}

/// An edit leaves the element's name, and nothing comes before it was sent.
fn is_of(received: &Frame, sent: &Frame) -> bool {
    received.at >= sent.at && name(&received.bytes) == name(&sent.bytes)
}

/// The name with which a frame begins, behind a declaration of XML; of a closing tag with the slash.
pub fn name(frame: &[u8]) -> &[u8] {
    let mut frame = frame.trim_ascii_start();
    if frame.starts_with(b"<?") {
        let end = frame.windows(2).position(|window| window == b"?>").map_or(frame.len(), |at| at + 2);
        frame = frame.get(end..).unwrap_or_default().trim_ascii_start();
    }
    let frame = frame.strip_prefix(b"<").unwrap_or(frame);
    let from = usize::from(frame.starts_with(b"/"));
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    let length = frame.get(from..).and_then(|rest| rest.iter().position(ends));
    length.and_then(|length| frame.get(..from + length)).unwrap_or(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Each with the millisecond at which it was there.
    fn frames(start: Instant, frames: &[(u64, &str)]) -> Vec<Frame> {
        let frame = |(at, text): &(u64, &str)| Frame {
            at: start + Duration::from_millis(*at),
            bytes: text.as_bytes().to_vec(),
        };
        frames.iter().map(frame).collect()
    }

    fn shown(sent: &[(u64, &str)], received: &[(u64, &str)]) -> Vec<String> {
        let start = Instant::now();
        let (sent, received) = (frames(start, sent), frames(start, received));
        let text = |frame: Option<&Frame>| {
            frame.map_or("-".to_owned(), |frame| String::from_utf8(frame.bytes.clone()).unwrap())
        };
        pair(&sent, &received)
            .iter()
            .map(|pair| format!("{} {}", text(pair.sent), text(pair.received)))
            .collect()
    }

    #[test]
    fn names_stand_behind_declarations() {
        assert_eq!(name(b"<?xml version='1.0'?> <stream:stream to='x'>"), b"stream:stream");
        assert_eq!(name(b"<a/>"), b"a");
        assert_eq!(name(b"</stream:stream>"), b"/stream:stream");
        assert_eq!(name(b"<a"), b"a");
        assert_eq!(name(b""), b"");
        assert_eq!(name(b"<?xml"), b"");
    }

    #[test]
    fn frames_meet_in_their_order_edited_or_not() {
        let found = shown(&[(1, "<a/>"), (2, "<a x=''/>")], &[(3, "<a/>"), (4, "<a y=''/>")]);
        assert_eq!(found, ["<a/> <a/>", "<a x=''/> <a y=''/>"]);
    }

    #[test]
    fn what_is_refused_does_not_arrive_and_what_ends_the_stream_is_vestibules_own() {
        let found = shown(&[(1, "<p/>"), (2, "<m>")], &[(2, "<p/>"), (3, "</s>")]);
        assert_eq!(found, ["<p/> <p/>", "<m> -", "- </s>"]);
    }

    #[test]
    fn nothing_comes_before_it_was_sent() {
        let found = shown(&[(1, "<f/>"), (9, "</s>")], &[(2, "<f/>"), (4, "<e/>"), (4, "</s>")]);
        assert_eq!(found, ["<f/> <f/>", "</s> -", "- <e/>", "- </s>"]);
    }
}
