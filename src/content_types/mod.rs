//! What a client can receive: the model, the profile a policy selects, and its advertisement to the gatekeeper.

pub mod document;   // the YAML of policies/content-types/*.yaml and policies/dialects/*.yaml as written
mod advertise;
mod media_type;
mod model;

pub use advertise::Advertiser;
pub use media_type::{MediaType, MediaTypeError};
pub use model::{Accept, Carrier, ContentClass, ContentTypes, Dialect};
