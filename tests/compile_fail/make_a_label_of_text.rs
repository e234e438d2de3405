//! Labels are words of ours, which outlive every peer's text.

use vestibule::relay::Side;
use vestibule::telemetry::Metrics;

fn count(metrics: &Metrics, text: &str) {
    metrics.gate_refused(Side::Downstream, text);
}

fn main() {}
