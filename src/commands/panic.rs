//! What a panic tells: its place, never its payload, which may hold what a peer sent.

use std::io::Write;
use std::panic::{self, PanicHookInfo};

/// From here on, a panic of any thread prints where it happened and nothing else.
pub fn hide_panic_payloads() {
    panic::set_hook(Box::new(tell_place));
}

fn tell_place(info: &PanicHookInfo<'_>) {
    let mut error = std::io::stderr().lock();
    let _ = match info.location() {
        Some(place) => {
            writeln!(error, "vestibule: panicked at {}:{}:{}", place.file(), place.line(), place.column())
        }
        None => writeln!(error, "vestibule: panicked"),
    };
}
