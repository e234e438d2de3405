//! What was observed is read by the policy only.

use vestibule::disclosure::Observation;

fn read(observation: &Observation<'_>) -> usize {
    observation.values().count() + observation.values.len()
}

fn main() {}
