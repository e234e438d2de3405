//! The sinks are a closed list: what `Sink` demands cannot be implemented elsewhere.

struct Elsewhere;

impl vestibule::disclosure::disclosed::sealed::Sealed for Elsewhere {}

fn main() {}
