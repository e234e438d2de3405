//! Keys are in one place, and sessions' ids are not shown.

use vestibule::disclosure::{PseudonymKeys, SessionId};

fn copy(keys: &PseudonymKeys) -> PseudonymKeys {
    keys.clone()
}

fn show(id: SessionId) -> [u8; 16] {
    *id.as_bytes()
}

fn main() {}
