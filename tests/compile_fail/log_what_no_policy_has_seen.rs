//! A log takes neither text nor what was observed.

use vestibule::disclosure::{Observation, Value};
use vestibule::telemetry::AccessLog;

fn log(log: &AccessLog, text: &str, value: Value<'_>, observation: Observation<'_>) {
    log.write(text);
    log.write(value);
    log.write(observation);
}

fn main() {}
