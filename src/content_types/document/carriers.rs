//! Where the gatekeeper is told, as written.

use super::{DocumentError, Findings};
use crate::content_types::{Carrier, Carriers};
use crate::policy::{Located, Position};

pub(super) fn default() -> Vec<Located<Carrier>> {
    vec![Located { value: Carrier::Bind, at: Position::START }]
}

pub(super) fn build(
    documents: &[Located<Carrier>],
    seeds: &[Located<String>],
    findings: &mut Findings<'_>,
) -> Carriers {
    let mut carriers = Carriers::default();
    for carrier in documents {
        if carriers.contains(carrier.value) {
            findings.problem(carrier.at, &DocumentError::DuplicateCarrier);
            continue;
        }
        match carrier.value {
            Carrier::Bind => carriers.bind = true,
            Carrier::Presence => {
                carriers.presence = true;
                findings.warning(carrier.at, &DocumentError::PresenceIsSeen);
            }
            Carrier::Disco => {
                carriers.disco = true;
                findings.warning(carrier.at, &DocumentError::CapabilitiesAreSeen);
            }
        }
    }
    if let Some(seed) = seeds.first()
        && !carriers.disco
    {
        findings.warning(seed.at, &DocumentError::UnusedSeeds);
    }
    carriers
}
