//! What people send each other, encrypted from device to device: all that a gatekeeper and a proxy see of it is its class.
//!
//! Olm's double ratchet (vodozemac) stands in for libsignal's. A [`Device`] has keys of its own and a session with each
//! device of those it writes to, and with its user's other ones. It does no IO: its public half is `publication`, what is
//! said is `payload`, what goes over the wire `envelope`. The client's part is to ask a gatekeeper for keys, the
//! gatekeeper's to keep them (`gatekeeper/keys`). The forms are the sandbox's own choice (`docs/interop.md`).

mod contact;
mod device;
mod envelope;
mod payload;
mod publication;
mod saved;
mod secrets;
#[cfg(test)]
mod tests;

pub use device::{Device, LearnError, Learnt, OpenError, Opened, SealError};
pub use envelope::{Envelope, EnvelopeError};
pub use payload::{Document, Payload, PayloadError, ReceiptState};
pub use publication::{
    DeviceId, OfferedKey, PublicDevice, Publication, PublicationError, SignedKey, read_devices, read_ids,
    read_offers, write_devices, write_offers,
};
pub use saved::SavedError;

/// Devices that one account has published at a time.
pub const MOST_DEVICES: usize = 8;
/// One-time keys that are published of one device at a time.
pub const MOST_ONE_TIME_KEYS: usize = 50;
