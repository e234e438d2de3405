//! Signed tokens (JWT, RFC 7519): what a provider says of a user, and what a client says with a key of its own.
//!
//! Pure: the time is an argument, and where keys come from is the callers' part. An error never holds the token.

mod claims;
mod key;
mod proof;
#[cfg(test)]
mod tests;
mod verification;

pub use claims::{Audience, Claims, Confirmation, over, seconds_since_epoch};
pub use jsonwebtoken::jwk::{Jwk, JwkSet};
pub use key::{Algorithm, KeyError, SigningKey, thumbprint};
pub use proof::{Proof, ProofError, prove, token_hash, verify_proof};
pub use verification::{Expected, Hint, TokenError, verify};

/// A longer one is not looked at, in bytes. Tokens of the sandbox have some 400.
const LONGEST: usize = 8 * 1024;
