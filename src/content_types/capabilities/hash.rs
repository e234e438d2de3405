//! The hashes that stand for a set of capabilities: their kinds, how they are written, and the nodes they name.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::stanza::namespace::CAPABILITIES_2;

/// The longest digest that can be computed, in bytes.
const LONGEST: usize = 64;

/// Which specification says what is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Family {
    /// XEP-0115, 5.1. Different sets can have the same string: see [`admission`](super::admission).
    Capabilities,
    /// XEP-0390, 4.1.
    Capabilities2,
}

/// The hash functions that can be computed, of those that XEP-0300 and IANA's registry of textual names list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Algorithm {
    /// What XEP-0115 makes mandatory: its security is not ours to better.
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha3_256,
    Sha3_384,
    Sha3_512,
}

/// What a hash function gives.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest {
    /// Filled up with zeros.
    bytes: [u8; LONGEST],
    length: u8,
}

/// What is hashed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct HashKind {
    pub family: Family,
    pub algorithm: Algorithm,
}

/// The hash of one set of capabilities, as a client advertises it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CapabilityHash {
    pub kind: HashKind,
    pub digest: Digest,
}

impl Family {
    pub const ALL: [Family; 2] = [Family::Capabilities, Family::Capabilities2];
}

impl Algorithm {
    pub const ALL: [Algorithm; 8] = [
        Algorithm::Sha1,
        Algorithm::Sha224,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Sha3_256,
        Algorithm::Sha3_384,
        Algorithm::Sha3_512,
    ];

    /// Its name on the wire (XEP-0300, 4).
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "sha-1",
            Algorithm::Sha224 => "sha-224",
            Algorithm::Sha256 => "sha-256",
            Algorithm::Sha384 => "sha-384",
            Algorithm::Sha512 => "sha-512",
            Algorithm::Sha3_256 => "sha3-256",
            Algorithm::Sha3_384 => "sha3-384",
            Algorithm::Sha3_512 => "sha3-512",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn function(self) -> &'static digest::Algorithm {
        match self {
            Algorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha224 => &digest::SHA224,
            Algorithm::Sha256 => &digest::SHA256,
            Algorithm::Sha384 => &digest::SHA384,
            Algorithm::Sha512 => &digest::SHA512,
            Algorithm::Sha3_256 => &digest::SHA3_256,
            Algorithm::Sha3_384 => &digest::SHA3_384,
            Algorithm::Sha3_512 => &digest::SHA3_512,
        }
    }

    pub fn digest(self, input: &[u8]) -> Digest {
        let digest = digest::digest(self.function(), input);
        let mut bytes = [0; LONGEST];
        let length = digest.as_ref().len().min(LONGEST);
        bytes[..length].copy_from_slice(&digest.as_ref()[..length]);
        Digest { bytes, length: length as u8 }
    }

    /// Reads a digest as both specifications write it: in Base64 without white space (RFC 4648, 4). Each digest is
    /// written in one way only, so that what was read can be written again.
    pub fn parse(self, text: &str) -> Option<Digest> {
        // The decoder wants room for whole groups of three bytes.
        let mut decoded = [0; LONGEST + 2];
        let length = STANDARD.decode_slice(text, &mut decoded).ok()?;
        if length != self.function().output_len() {
            return None;
        }
        let mut bytes = [0; LONGEST];
        bytes[..length].copy_from_slice(&decoded[..length]);
        Some(Digest { bytes, length: length as u8 })
    }
}

impl Digest {
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length as usize]
    }

    /// As it stands on the wire.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.as_bytes())
    }
}

impl HashKind {
    pub fn all() -> impl Iterator<Item = HashKind> {
        Family::ALL.into_iter().flat_map(|family| {
            Algorithm::ALL.into_iter().map(move |algorithm| HashKind { family, algorithm })
        })
    }
}

impl CapabilityHash {
    /// The node at which the set is asked for: of the `software` that the presence names (XEP-0115, 6.2), or by itself
    /// (XEP-0390, 4.3).
    pub fn node(&self, software: &str) -> String {
        let digest = self.digest.to_base64();
        match self.kind.family {
            Family::Capabilities => format!("{software}#{digest}"),
            Family::Capabilities2 => format!("{CAPABILITIES_2}#{}.{digest}", self.kind.algorithm.name()),
        }
    }

    /// The hashes that a node may name, and the software before it. XEP-0115 leaves out the hash function.
    pub fn of_node(node: &str) -> impl Iterator<Item = (&str, Self)> {
        let (software, name) = node.rsplit_once('#').unwrap_or_default();
        HashKind::all().filter_map(move |kind| {
            let digest = match kind.family {
                Family::Capabilities => name,
                Family::Capabilities2 if software == CAPABILITIES_2 => {
                    name.strip_prefix(kind.algorithm.name())?.strip_prefix('.')?
                }
                Family::Capabilities2 => return None,
            };
            Some((software, CapabilityHash { kind, digest: kind.algorithm.parse(digest)? }))
        })
    }
}
