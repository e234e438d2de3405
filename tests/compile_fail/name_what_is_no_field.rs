//! Content and credentials have no field.

use vestibule::disclosure::{Field, Value};

fn main() {
    let _ = (Field::Body, Value::Body("wherefore art thou"));
    let _ = Value::SaslMessage("AGp1bGlldAByMG0zMG15cjBtMzA=");
}
