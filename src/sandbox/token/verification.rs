//! Whether a provider's token says what it has to, at this time.

use std::time::{Duration, SystemTime};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};

use super::LONGEST;
use super::claims::{Claims, over, seconds_since_epoch};
use super::key::Algorithm;
use crate::sandbox::limits::{LONGEST_TIME, is_name};

/// Clocks of two companies differ (RFC 7519, section 4.1.4), hardly by more.
pub(super) const LEEWAY: Duration = Duration::from_secs(30);
/// The `typ` of a token, if it has one (RFC 7519, section 5.1; RFC 9068, section 2.1), so that nothing else that was
/// signed can be taken for one (RFC 8725, section 3.11).
const TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is no plain JWT with the claims iss, aud, sub, exp, nbf, iat and jti")]
    Malformed,
    #[error("the token is signed with an algorithm other than EdDSA and ES256, or than its key's")]
    Algorithm,
    #[error("the token names a key that its issuer does not publish")]
    UnknownKey,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token is of no provider that there is an agreement with")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token's times contradict each other, or it is valid for more than thirty days")]
    Times,
}

/// What a token has to say.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub audience: &'a str,
}

/// What a token claims of itself before anything of it is proven: enough to know where its key is to be found.
#[derive(Clone, PartialEq, Eq)]
pub struct Hint {
    pub issuer: String,
    pub key_id: String,
    algorithm: jsonwebtoken::Algorithm,
}

impl Hint {
    pub fn read(token: &str) -> Result<Self, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|error| refusal(&error))?;
        if !Algorithm::ALL.map(Algorithm::of_library).contains(&header.alg) {
            return Err(TokenError::Algorithm);
        }
        let is_of_type =
            header.typ.is_none_or(|typ| TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known)));
        // What has to be understood, is not (RFC 7515, section 4.1.11).
        if !is_of_type || header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let claims: Claims =
            jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| TokenError::Malformed)?;
        Ok(Self {
            issuer: claims.iss,
            key_id: header.kid.ok_or(TokenError::Malformed)?,
            algorithm: header.alg,
        })
    }
}

/// The claims of a token, if one of the issuer's keys has signed it and it is what is expected, now.
pub fn verify(
    token: &str,
    keys: &JwkSet,
    expected: Expected<'_>,
    now: SystemTime,
) -> Result<Claims, TokenError> {
    let hint = Hint::read(token)?;
    if hint.issuer != expected.issuer {
        return Err(TokenError::Issuer);
    }
    let key = keys.find(&hint.key_id).ok_or(TokenError::UnknownKey)?;
    if Algorithm::of_key(key).ok_or(TokenError::UnknownKey)?.of_library() != hint.algorithm {
        return Err(TokenError::Algorithm);
    }
    let key = DecodingKey::from_jwk(key).map_err(|_| TokenError::UnknownKey)?;
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &signature_only(hint.algorithm))
        .map_err(|error| refusal(&error))?
        .claims;
    judge(claims, expected, now)
}

/// What the claims mean is judged here, where the time is an argument and each refusal has its name. The algorithm is
/// one of ours.
pub(super) fn signature_only(algorithm: jsonwebtoken::Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

fn judge(claims: Claims, expected: Expected<'_>, now: SystemTime) -> Result<Claims, TokenError> {
    let now = seconds_since_epoch(now);
    let (first, last) = (claims.nbf.min(claims.iat), claims.nbf.max(claims.iat));
    if !is_name(&claims.sub) || !is_name(&claims.jti) {
        Err(TokenError::Malformed)
    } else if !claims.aud.includes(expected.audience) {
        Err(TokenError::Audience)
    } else if over(claims.exp) <= now {
        Err(TokenError::Expired)
    } else if last > now.saturating_add(LEEWAY.as_secs()) {
        Err(TokenError::NotYetValid)
    } else if claims.exp < last || claims.exp.saturating_sub(first) > LONGEST_TIME.as_secs() {
        Err(TokenError::Times)
    } else {
        Ok(claims)
    }
}

fn refusal(error: &jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            TokenError::Algorithm
        }
        _ => TokenError::Malformed,
    }
}
