//! Keys that sign, and how they are published.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What tokens may be signed with; nothing else is accepted (RFC 8725, section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    #[default]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    #[serde(rename = "ES256")]
    Es256,
}

impl Algorithm {
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// What this public key checks, if it is a key for signatures and of a kind that is used here.
    pub fn of_key(key: &Jwk) -> Option<Self> {
        let (algorithm, name) = match &key.algorithm {
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
                (Self::EdDsa, KeyAlgorithm::EdDSA)
            }
            AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
                (Self::Es256, KeyAlgorithm::ES256)
            }
            _ => return None,
        };
        let signs = key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let fits = key.common.key_algorithm.is_none_or(|named| named == name);
        (signs && fits && DecodingKey::from_jwk(key).is_ok()).then_some(algorithm)
    }

    pub(super) fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
        }
    }
}

/// A key could not be made, or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the key could not be made")]
    Generate,
    #[error("the key could not sign")]
    Sign,
    #[error("this is no public key of Ed25519 or P-256")]
    Unusable,
}

/// A private key in memory. Its id is the thumbprint of its public key.
pub struct SigningKey {
    algorithm: Algorithm,
    private: EncodingKey,
    public: Jwk,
    id: String,
}

impl SigningKey {
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let private = match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Generate)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Generate)?;
                EncodingKey::from_ed_der(der.as_ref())
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                    .map_err(|_| KeyError::Generate)?;
                let der = pair.to_pkcs8v1().map_err(|_| KeyError::Generate)?;
                EncodingKey::from_ec_der(der.as_ref())
            }
        };
        let mut public =
            Jwk::from_encoding_key(&private, algorithm.of_library()).map_err(|_| KeyError::Generate)?;
        let id = thumbprint(&public)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { algorithm, private, public, id })
    }

    /// The key id of what it signs: the public key's thumbprint.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key (RFC 7517).
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs claims as a JWT that names this key by its id.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, KeyError> {
        let mut header = Header::new(self.algorithm.of_library());
        header.kid = Some(self.id.clone());
        self.sign_with(&header, claims)
    }

    pub(super) fn sign_with(&self, header: &Header, claims: &impl Serialize) -> Result<String, KeyError> {
        jsonwebtoken::encode(header, claims, &self.private).map_err(|_| KeyError::Sign)
    }
}

/// The name of a public key by what it is (RFC 7638, SHA-256, base64url).
pub fn thumbprint(key: &Jwk) -> Result<String, KeyError> {
    // The thumbprint is over the key's parts as they are written, so that they have to be what they claim to be.
    DecodingKey::from_jwk(key).map_err(|_| KeyError::Unusable)?;
    key.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyError::Unusable)
}
