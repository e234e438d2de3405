//! Right and damaged streams and documents, written by the grammar, judged by the gate and by others.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule_fuzz::properties::{damaged_input_is_judged_alike, right_input_is_accepted};

fuzz_target!(|choices: &[u8]| {
    if let Err(what) = right_input_is_accepted(choices).and_then(|()| damaged_input_is_judged_alike(choices))
    {
        panic!("{what}");
    }
});
