//! There are disclosures for sinks only.

use vestibule::disclosure::Disclosed;

struct Elsewhere;

fn write(_: Disclosed<Elsewhere>) {}

fn main() {}
