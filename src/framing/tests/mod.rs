//! The gate's properties, and what the tests share: a vocabulary, limits, and a record of all that a decoder
//! says.

mod accepted;
mod chunking;
mod cost;
mod inspect;
mod limits;
mod outline;
mod refused;
mod stream;

use std::sync::Arc;

use super::{Decoded, FrameDecoder, FrameKind, Limits, Refusal, Vocabulary};

pub(super) const STREAMS: &str = "http://etherx.jabber.org/streams";
pub(super) const HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='gatekeeper.example' version='1.0'>";

pub(super) const LIMITS: Limits =
    Limits { stanza_bytes: 4096, header_bytes: 1024, depth: 8, attributes: 12, namespaces: 10, elements: 64 };

/// The names of the vocabulary, by index.
pub(super) const NAMES: &[(&str, &str)] = &[
    (STREAMS, "features"),
    ("jabber:client", "message"),
    ("jabber:client", "body"),
    ("urn:xmpp:receipts", "request"),
    (STREAMS, "stream"),
];

pub(super) fn vocabulary() -> Arc<Vocabulary> {
    Arc::new(Vocabulary::new((STREAMS, "stream"), NAMES, &["urn:watched"]))
}

pub(super) fn stream() -> FrameDecoder {
    FrameDecoder::new(vocabulary(), LIMITS)
}

pub(super) fn document() -> FrameDecoder {
    FrameDecoder::document(vocabulary(), LIMITS)
}

/// All that a decoder says of one direction. White space is left out: where it is cut may depend on the
/// chunks.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Record {
    pub(super) frames: Vec<(FrameKind, u64, Vec<u8>, String)>,
    pub(super) white_space: Vec<u8>,
    pub(super) refusal: Option<Refusal>,
}

/// Feeds `chunks` to the decoder and ends the input.
pub(super) fn record<'c>(mut decoder: FrameDecoder, chunks: impl IntoIterator<Item = &'c [u8]>) -> Record {
    let mut record = Record::default();
    for chunk in chunks {
        if let Err(refusal) = feed(&mut decoder, chunk, &mut record) {
            assert_eq!(decoder.decode(b" ").err(), Some(refusal), "a refusal is final");
            record.refusal = Some(refusal);
            return record;
        }
    }
    record.refusal = decoder.finish().err();
    record
}

fn feed(decoder: &mut FrameDecoder, mut chunk: &[u8], record: &mut Record) -> Result<(), Refusal> {
    loop {
        let (taken, decoded) = decoder.decode(chunk)?;
        match decoded {
            None => {
                assert_eq!(taken, chunk.len(), "without a frame, all of the input is taken");
                return Ok(());
            }
            Some(Decoded::WhiteSpace(space)) => record.white_space.extend(space),
            Some(Decoded::Frame(frame)) => {
                let outline = format!("{:?}", frame.outline);
                record.frames.push((frame.kind, frame.offset, frame.bytes.to_vec(), outline));
            }
        }
        chunk = &chunk[taken..];
    }
}

/// The refusal of `input`, which must be the same as a whole and byte by byte.
pub(super) fn verdict(decoder: impl Fn() -> FrameDecoder, input: &[u8]) -> Option<Refusal> {
    let whole = record(decoder(), [input]);
    assert_eq!(whole, record(decoder(), input.chunks(1)), "byte by byte: {}", input.escape_ascii());
    whole.refusal
}
