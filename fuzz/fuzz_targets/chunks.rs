//! Any bytes and any choices, cut anywhere: the gate's verdict, frames and offsets stay the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule_fuzz::gate::Grammar;
use vestibule_fuzz::properties::{chunks_do_not_matter, cut_input_gives_the_same};

fuzz_target!(|bytes: &[u8]| {
    let lengths: Vec<usize> = bytes.iter().take(4).map(|byte| usize::from(*byte)).collect();
    for grammar in [Grammar::Document, Grammar::Stream] {
        if let Err(what) = cut_input_gives_the_same(grammar, bytes, &lengths) {
            panic!("{what}");
        }
    }
    if let Err(what) = chunks_do_not_matter(bytes) {
        panic!("{what}");
    }
});
