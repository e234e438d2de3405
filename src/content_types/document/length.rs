//! How long the gatekeeper may be told of a profile.

use super::{DocumentError, Findings};
use crate::content_types::{Advertisement, Carriers, Dialect, DiscoAdvertisement, Profile};
use crate::policy::Position;

/// Bytes of a list that leave room for the rest of a request: with Bind 2 it stands inside of the one that
/// authenticates, which servers hold to 8 KiB.
const LONG: usize = 6 << 10;

/// Bytes of a list or of its form in disco#info. Longer answers are not learnt, and hold up everything else.
const LONGEST: usize = 64 << 10;

pub(super) fn check(
    profile: &Profile,
    at: Position,
    carriers: Carriers,
    dialect: &Dialect,
    findings: &mut Findings<'_>,
) {
    let content_types = &profile.content_types;
    let list = if carriers.bind || carriers.presence {
        Advertisement::new(content_types, &dialect.list).list().len()
    } else {
        0
    };
    let words = dialect.disco.as_ref().filter(|_| carriers.disco);
    let form = words.map_or(0, |words| DiscoAdvertisement::new(content_types, words).bytes().len());
    if list.max(form) > LONGEST {
        findings.problem(at, &DocumentError::TooLongAdvertisement);
    } else if list > LONG {
        findings.warning(at, &DocumentError::LongAdvertisement);
    }
}
