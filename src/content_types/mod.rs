//! Content types: what clients can receive, how the gatekeeper is told, and what becomes of anything else.

mod advertise;
mod capabilities;
mod counts;
mod dialect;
mod document;
mod enforce;
mod media_type;
mod model;
mod policy;
mod recipient;
mod rules;
mod select;
#[cfg(test)]
mod tests;

pub use advertise::{Advertisement, Advertiser};
pub use capabilities::{
    CacheLimits, Capabilities, CapabilitiesCache, CapabilitiesOutcome, DiscoAdvertisement, SeedError,
    SeedFault,
};
pub use counts::ContentCounts;
pub use dialect::{
    ClassRule, ContentRule, Dialect, DialectError, DiscoWords, ExpandedName, ListWords, Source, TypeRule,
};
pub use document::{ContentTypesDocument, ContentTypesFile, DialectDocument, DocumentError, single};
pub use enforce::Enforcer;
pub use media_type::{MediaType, MediaTypeError};
pub use model::{Accept, ContentClass, ContentTypes, ContentTypesError, Conversation};
pub use policy::{
    Action, Carrier, Carriers, ContentTypesPolicy, Enforcement, EnforcementRule, FallbackText, Profile,
    Reason,
};
pub use recipient::{ContentEdit, Recipient};
pub use rules::Rules;
pub use select::{Facts, Needs, Selected, Selection};
