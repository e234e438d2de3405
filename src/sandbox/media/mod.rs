//! Media on their own way: what a sender seals, a store keeps and a receiver opens, and the note that tells of it.
//!
//! A blob is sealed under a key that is made for it alone; the key, the blob's hash and its URL travel inside of an
//! encrypted message. So a store, a media proxy and whoever sees the bytes on their way learn how many there are, and no
//! more. Here is what both sides share: `seal` and `open`, the `reference`, ranges of bytes, and the `store` with its
//! HTTP interface (`receiving`, `serving`). Who may use a store is its party's own matter.

mod body;
mod digest;
mod http;
mod key;
mod open;
mod range;
mod receiving;
mod reference;
mod seal;
mod segments;
mod serving;
mod store;
#[cfg(test)]
mod tests;

pub use body::poll_data;
pub use digest::Sha256;
pub use http::{delete, download, upload};
pub use key::MediaKey;
pub use open::{OpenError, Opener};
pub use range::{ByteRange, ContentRange};
pub use receiving::{discard, receive};
pub use reference::{Dimensions, MediaClass, MediaReference, ReferenceError};
pub use seal::{SealError, Sealed, Sealer};
pub use segments::{plain_size, sealed_size};
pub use serving::{BLOB_HEADERS, entity_tag, insert_content_range, is_strong_tag, serve, unsatisfiable};
pub use store::{Blob, BlobName, Limits, Store, StoreError, Stored};

/// Where blobs are uploaded, and below which they are found.
pub const MEDIA: &str = "/media";
/// What a blob is to everybody who has no key for it.
pub const OCTETS: &str = "application/octet-stream";
/// Of a blob, in bytes, in what is read of others: more is nobody's media here.
pub const LARGEST_BLOB: u64 = 1 << 30;
