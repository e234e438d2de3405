//! What a client can receive: the model, the policy and dialect files, and the advertisement to the gatekeeper. It does
//! not judge what the gatekeeper sends.

mod advertise;
mod document;
mod media_type;
mod model;

pub use advertise::Advertiser;
pub use document::{ContentTypesDocument, ContentTypesPolicy, DialectDocument, DocumentError};
pub use media_type::{MediaType, MediaTypeError};
pub use model::{Accept, Carrier, ContentClass, ContentTypes, ContentTypesError, Dialect, DialectError};

#[cfg(test)]
mod tests;
