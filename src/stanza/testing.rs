//! Frames for unit tests, as only the gate can make them.

use std::sync::Arc;

use crate::framing::{Decoded, Frame, FrameDecoder, Limits, Vocabulary};

const HEADER: &str = "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>";
const LIMITS: Limits = Limits {
    stanza_bytes: 1 << 20,
    header_bytes: 1 << 20,
    depth: 64,
    attributes: 64,
    namespaces: 64,
    elements: 4096,
};

/// Shows `element` as a frame of a stream whose root has no default namespace. The shipped dialect is watched.
pub(crate) fn with_frame<R>(element: &str, see: impl FnOnce(&Frame<'_>) -> R) -> R {
    with_frame_after(HEADER, element, see)
}

/// Shows `element` as a frame of the stream that `header` opens.
pub(crate) fn with_frame_after<R>(header: &str, element: &str, see: impl FnOnce(&Frame<'_>) -> R) -> R {
    let mut decoder = decoder();
    decode(&mut decoder, header, |_| ());
    decode(&mut decoder, element, see)
}

/// Shows `header` as the frame that opens a stream.
pub(crate) fn with_header<R>(header: &str, see: impl FnOnce(&Frame<'_>) -> R) -> R {
    decode(&mut decoder(), header, see)
}

/// What the gate of these frames tells apart.
pub(crate) fn vocabulary() -> Vocabulary {
    super::vocabulary(&["urn:x-vestibule:content-types:0"], &[])
}

fn decoder() -> FrameDecoder {
    FrameDecoder::new(Arc::new(vocabulary()), LIMITS)
}

fn decode<R>(decoder: &mut FrameDecoder, bytes: &str, see: impl FnOnce(&Frame<'_>) -> R) -> R {
    match decoder.decode(bytes.as_bytes()) {
        Ok((_, Some(Decoded::Frame(frame)))) => see(&frame),
        _ => panic!("the gate refuses {bytes}"),
    }
}
