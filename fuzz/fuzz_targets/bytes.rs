//! Any bytes, as a document and after a stream's header, judged by the gate and by others.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule_fuzz::gate::Grammar;
use vestibule_fuzz::properties::all_agree;

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

fuzz_target!(|bytes: &[u8]| {
    let stream = [HEADER, bytes].concat();
    let closed = [&stream, b"</stream:stream>".as_slice()].concat();
    for (grammar, input) in [
        (Grammar::Document, bytes),
        (Grammar::Stream, bytes),
        (Grammar::Stream, &stream),
        (Grammar::Stream, &closed),
    ] {
        if let Err(what) = all_agree(grammar, input) {
            panic!("{what}");
        }
    }
});
