//! Frames that passed, edited: the tree behind the gate is what the others see, and an edit changes only what it is meant
//! to change.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule_fuzz::edits::edits_change_what_they_are_meant_to;

fuzz_target!(|choices: &[u8]| {
    if let Err(what) = edits_change_what_they_are_meant_to(choices) {
        panic!("{what}");
    }
});
