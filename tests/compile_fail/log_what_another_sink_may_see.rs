//! A sink takes disclosures of its own kind only.

use vestibule::disclosure::{Audit, Diagnostics, Disclosed, Gatekeeper, Metrics};
use vestibule::telemetry::AccessLog;

fn log(
    log: &AccessLog,
    audit: Disclosed<Audit>,
    diagnostics: Disclosed<Diagnostics>,
    metrics: Disclosed<Metrics>,
    gatekeeper: Disclosed<Gatekeeper>,
) {
    log.write(audit);
    log.write(diagnostics);
    log.write(metrics);
    log.write(gatekeeper);
}

fn main() {}
