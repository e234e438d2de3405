//! Content types: what clients can receive, how the gatekeeper is told, and what becomes of anything else.

mod advertise;
mod capabilities;
mod counts;
mod dialect;
mod document;
mod enforce;
mod import;
mod media_type;
mod model;
mod policy;
mod recipient;
mod rehearsal;
mod rules;
mod select;
#[cfg(test)]
mod tests;
mod version;

pub use advertise::{Advertisement, Advertiser};
pub use capabilities::{
    CacheLimits, Capabilities, CapabilitiesCache, CapabilitiesOutcome, DiscoAdvertisement, SeedError,
    SeedFault, Seeds,
};
pub use counts::ContentCounts;
pub use dialect::{
    ClassRule, ContentRule, Dialect, DialectError, DiscoWords, ExpandedName, FeatureMeaning, ListWords,
    Source, TypeRule,
};
pub use document::{
    ContentTypesDocument, ContentTypesFile, ContentTypesTest, DialectDocument, DialectFile, DialectTest,
    DocumentError,
};
pub use enforce::{Enforcer, ReadContent};
pub use import::{ImportError, Imported};
pub use media_type::{MediaType, MediaTypeError};
pub use model::{Accept, ContentClass, ContentTypes, ContentTypesError, Conversation};
pub use policy::{
    Action, Carrier, Carriers, ContentTypesPolicy, Enforcement, EnforcementRule, FallbackText, Profile,
    Reason,
};
pub use recipient::{ContentEdit, Recipient};
pub use rehearsal::{Rehearsal, RehearsalError, vocabulary_of};
pub use rules::Rules;
pub use select::{
    Case, Explanation, Fact, FactSet, Facts, Fit, Found, Mismatch, Pattern, PatternError, Selected,
    Selection, Software,
};
pub use version::{Version, VersionRange};
