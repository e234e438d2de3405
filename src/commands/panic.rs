//! What a panic tells: its place, never its payload, which may hold what a peer sent.

use std::io::Write;
use std::panic::{self, PanicHookInfo};

/// From here on, a panic of any thread prints where it happened and nothing else.
pub fn hide_panic_payloads() {
    panic::set_hook(Box::new(tell_place));
}

fn tell_place(info: &PanicHookInfo<'_>) {
    // Nothing is left to be done when even standard error is gone.
    let _ = writeln!(std::io::stderr(), "vestibule: {}", described(info));
}

fn described(info: &PanicHookInfo<'_>) -> String {
    match info.location() {
        Some(place) => format!("panicked at {}:{}:{}", place.file(), place.line(), place.column()),
        None => "panicked".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_panic_is_described_by_its_place_and_not_by_its_payload() {
        static DESCRIPTION: Mutex<String> = Mutex::new(String::new());
        let before = panic::take_hook();
        panic::set_hook(Box::new(|info| *DESCRIPTION.lock().unwrap() = described(info)));
        let line = line!() + 1;
        let outcome = panic::catch_unwind(|| panic!("{}", "from a peer"));
        panic::set_hook(before);
        assert!(outcome.is_err());
        let description = DESCRIPTION.lock().unwrap();
        assert!(description.starts_with(&format!("panicked at {}:{line}:", file!())), "{description}");
        assert!(!description.contains("from a peer"), "{description}");
    }
}
