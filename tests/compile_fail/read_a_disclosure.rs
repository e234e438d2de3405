//! What a disclosure holds is for the sink that it was made for, not for whoever gets hold of it.

use vestibule::disclosure::{Access, Disclosed};

fn read(disclosed: &Disclosed<Access>) -> usize {
    disclosed.fields().len() + disclosed.fields.len()
}

fn main() {}
