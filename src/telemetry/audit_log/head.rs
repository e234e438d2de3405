//! The head of a chain: the sequence of its last record and the SHA-256 of that record's line.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;

/// The last record of a chain, or any record in it. Displayed as `SEQUENCE:HEX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Head {
    /// The first record's is 1; that of an empty chain is 0.
    pub sequence: u64,
    /// The SHA-256 of the record's line without its line feed; zeros for an empty chain.
    pub hash: [u8; 32],
}

/// A text is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head is a record's sequence, a colon and 64 hexadecimal digits in lower case")]
pub struct NoHead;

impl Head {
    /// Of a chain without records.
    pub const EMPTY: Self = Self { sequence: 0, hash: [0; 32] };

    /// The hash as text.
    pub fn hexadecimal(&self) -> impl fmt::Display {
        Hexadecimal(self.hash)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hexadecimal())
    }
}

impl FromStr for Head {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (sequence, hash) = text.split_once(':').ok_or(NoHead)?;
        let is_number = !sequence.is_empty() && sequence.bytes().all(|digit| digit.is_ascii_digit());
        // There is no record 0: it stands for an empty chain.
        let sequence = sequence.parse().ok().filter(|sequence| is_number && *sequence > 0).ok_or(NoHead)?;
        Ok(Self { sequence, hash: parse_hash(hash).ok_or(NoHead)? })
    }
}

/// The SHA-256 of a record's line.
pub(super) fn hash(line: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, line).as_ref());
    hash
}

/// Reads 64 hexadecimal digits in lower case.
pub(super) fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut hash = [0; 32];
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(hash)
}

struct Hexadecimal([u8; 32]);

impl fmt::Display for Hexadecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
