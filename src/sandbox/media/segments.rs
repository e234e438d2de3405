//! How a sealed blob is laid out, and the nonce of each of its segments.
//!
//! A header of 8 bytes (the version and 7 random bytes) comes first, then segments of 64 KiB, each with its tag of 16
//! bytes behind it; the last one may be shorter. The nonce of a segment is the header's random bytes, the segment's number
//! in 4 bytes and one byte that says whether it is the last: the construction STREAM (Hoang, Reyhanitabar, Rogaway and
//! Vizár, *Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance*, 2015, section 7). A segment that is
//! missing, moved, doubled or put behind the end is opened with another nonce than it was sealed with, and so refused.

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};

/// Of what is sealed at a time, in bytes.
pub const SEGMENT: usize = 64 * 1024;
/// Of a segment's proof, behind it.
pub const TAG: usize = 16;
pub const SEALED_SEGMENT: usize = SEGMENT + TAG;
const PREFIX: usize = 7;
pub const HEADER: usize = 1 + PREFIX;
/// The layout that is described above.
const VERSION: u8 = 1;

/// How large a blob is for so many bytes. `None` for more than can be sealed.
pub fn sealed_size(plain: u64) -> Option<u64> {
    let segments = plain.div_ceil(SEGMENT as u64).max(1);
    let _number_of_last = u32::try_from(segments - 1).ok()?;
    plain.checked_add(segments * TAG as u64)?.checked_add(HEADER as u64)
}

/// How many bytes are in a blob of this size. `None` if there is no blob of this size.
pub fn plain_size(sealed: u64) -> Option<u64> {
    let segments = sealed.checked_sub(HEADER as u64)?.div_ceil(SEALED_SEGMENT as u64);
    let plain = sealed.checked_sub(HEADER as u64)?.checked_sub(segments * TAG as u64)?;
    (sealed_size(plain) == Some(sealed)).then_some(plain)
}

/// The nonces of one blob, in their order.
pub struct Nonces {
    prefix: [u8; PREFIX],
    /// Of the segment that comes next.
    number: u32,
}

impl Nonces {
    pub fn new(prefix: [u8; PREFIX]) -> Self {
        Self { prefix, number: 0 }
    }

    /// Those of the blob that begins so, if this layout is its.
    pub fn read(header: &[u8]) -> Option<Self> {
        let (version, prefix) = header.split_first()?;
        (*version == VERSION).then_some(Self::new(prefix.try_into().ok()?))
    }

    pub fn header(&self) -> [u8; HEADER] {
        let mut header = [VERSION; HEADER];
        header[1..].copy_from_slice(&self.prefix);
        header
    }

    /// `None` if there are no more numbers.
    pub fn next(&mut self, is_last: bool) -> Option<Nonce> {
        let mut nonce = [0; NONCE_LEN];
        nonce[..PREFIX].copy_from_slice(&self.prefix);
        nonce[PREFIX..NONCE_LEN - 1].copy_from_slice(&self.number.to_be_bytes());
        nonce[NONCE_LEN - 1] = is_last.into();
        if !is_last {
            self.number = self.number.checked_add(1)?;
        }
        Some(Nonce::assume_unique_for_key(nonce))
    }

    /// What every segment is bound to besides.
    pub fn context(&self) -> Aad<[u8; HEADER]> {
        Aad::from(self.header())
    }
}
