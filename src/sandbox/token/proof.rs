//! What a client signs with its own key to prove that it holds it: the gatekeeper's challenge, in the form of DPoP
//! (RFC 9449, section 4.2), with the public key in the header.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::{DecodingKey, Header};
use serde::{Deserialize, Serialize};

use super::LONGEST;
use super::key::{Algorithm, KeyError, SigningKey, thumbprint};
use super::verification::signature_only;

/// The `typ` of a proof, so that nothing else that was signed can be taken for one (RFC 8725, section 3.11).
const TYPE: &str = "enlistment-proof+jwt";

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The gatekeeper's domain.
    pub aud: String,
    pub challenge: String,
    /// The hash of the token that it goes with, as [`token_hash`] makes it.
    pub ath: String,
}

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the proof is no JWT of the type {TYPE} with its key in the header, signed with EdDSA or ES256")]
    Malformed,
    #[error("the proof's signature is wrong")]
    Signature,
    #[error("the proof is for another audience")]
    Audience,
    #[error("the proof is signed by another key than the one that the token names")]
    OtherKey,
    #[error("the proof goes with another token")]
    OtherToken,
    #[error("the proof does not answer a challenge that is open for this key")]
    Challenge,
}

/// A token's hash, which ties a proof to it (RFC 9449, section 4.2, `ath`): SHA-256 in base64url.
pub fn token_hash(token: &str) -> String {
    BASE64URL.encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

/// Signs a proof.
pub fn prove(key: &SigningKey, proof: &Proof) -> Result<String, KeyError> {
    let mut header = Header::new(key.algorithm().of_library());
    header.typ = Some(TYPE.to_owned());
    header.jwk = Some(key.public().clone());
    key.sign_with(&header, proof)
}

/// The challenge that was signed, by the key of this thumbprint, for this audience and with this token. Whether the
/// challenge is open is for who gave it to say.
pub fn verify_proof(proof: &str, token: &str, key: &str, audience: &str) -> Result<String, ProofError> {
    if proof.len() > LONGEST || shows_private_key(proof) {
        return Err(ProofError::Malformed);
    }
    let header = jsonwebtoken::decode_header(proof).map_err(|_| ProofError::Malformed)?;
    let known = Algorithm::ALL.map(Algorithm::of_library).contains(&header.alg);
    let is_proof = header.typ.as_deref() == Some(TYPE) && header.crit.is_none();
    let public = header.jwk.filter(|_| known && is_proof);
    let public = public.ok_or(ProofError::Malformed)?;
    if thumbprint(&public).map_err(|_| ProofError::Malformed)? != key {
        return Err(ProofError::OtherKey);
    }
    let decoding = DecodingKey::from_jwk(&public).map_err(|_| ProofError::Malformed)?;
    let proof = jsonwebtoken::decode::<Proof>(proof, &decoding, &signature_only(header.alg))
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => ProofError::Signature,
            _ => ProofError::Malformed,
        })?
        .claims;
    if proof.aud != audience {
        Err(ProofError::Audience)
    } else if proof.ath != token_hash(token) {
        Err(ProofError::OtherToken)
    } else {
        Ok(proof.challenge)
    }
}

/// Whether the key in the header is told with its private part, which is then nobody's secret any more (RFC 9449,
/// section 4.3). The library reads the public members only.
fn shows_private_key(proof: &str) -> bool {
    let header = proof.split('.').next().and_then(|header| BASE64URL.decode(header).ok());
    let header = header.and_then(|header| serde_json::from_slice::<serde_json::Value>(&header).ok());
    header.is_some_and(|header| header["jwk"].get("d").is_some())
}
