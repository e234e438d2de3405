//! Keys that sign, and how they are published.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
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
    #[error("this is no private key of Ed25519 or P-256 in PEM (PKCS #8)")]
    Unreadable,
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
        Self::of(algorithm, private)
    }

    /// Reads a key that [`to_pem`](Self::to_pem) has written.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Unreadable)?;
        let der = der.secret_pkcs8_der();
        if Ed25519KeyPair::from_pkcs8(der).is_ok() {
            Self::of(Algorithm::EdDsa, EncodingKey::from_ed_der(der))
        } else if EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).is_ok() {
            Self::of(Algorithm::Es256, EncodingKey::from_ec_der(der))
        } else {
            Err(KeyError::Unreadable)
        }
    }

    /// The private key in PEM (RFC 7468, section 10).
    pub fn to_pem(&self) -> String {
        let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
        for (index, character) in BASE64.encode(self.private.as_bytes()).chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem + "\n-----END PRIVATE KEY-----\n"
    }

    fn of(algorithm: Algorithm, private: EncodingKey) -> Result<Self, KeyError> {
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
