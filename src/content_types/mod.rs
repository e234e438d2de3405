//! Content types: what clients can receive, how the gatekeeper is told, and what becomes of anything else.

mod advertise;
mod counts;
mod dialect;
mod document;
mod media_type;
mod model;
mod policy;
mod select;
#[cfg(test)]
mod tests;
mod version;

pub use advertise::Advertiser;
pub use counts::ContentCounts;
pub use dialect::{
    ClassRule, ContentRule, Dialect, DialectError, DiscoWords, ExpandedName, FeatureMeaning, ListWords,
    Source, TypeRule,
};
pub use document::{ContentTypesDocument, ContentTypesFile, DialectDocument, DocumentError};
pub use media_type::{MediaType, MediaTypeError};
pub use model::{Accept, ContentClass, ContentTypes, ContentTypesError, Conversation};
pub use policy::{
    Action, Carrier, Carriers, ContentTypesPolicy, Enforcement, EnforcementRule, FallbackText, Profile,
    Reason,
};
pub use select::{
    Case, Explanation, Fact, FactSet, Facts, Fit, Found, Mismatch, Pattern, PatternError, Selected,
    Selection, Software,
};
pub use version::{Version, VersionRange};
