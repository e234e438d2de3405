//! Who is asking, by what only they know.

use std::sync::Arc;

use aws_lc_rs::{constant_time, digest};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::Problem;

/// What a party shows as `Authorization: Bearer`, kept as its hash.
pub struct Credential([u8; digest::SHA256_OUTPUT_LEN]);

impl Credential {
    pub fn new(text: &str) -> Self {
        let mut hash = [0; digest::SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Self(hash)
    }

    /// Whether this is the credential. How long that takes tells nothing of it, not even its length.
    pub fn matches(&self, shown: &str) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &Self::new(shown).0).is_ok()
    }
}

/// That who asks is the operator of the sandbox.
pub struct Operator;

/// What may have an operator.
pub trait HasOperator {
    /// What the operator shows, if there is one.
    fn operator(&self) -> Option<&Credential>;
}

impl<S: HasOperator + Send + Sync> FromRequestParts<Arc<S>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<S>) -> Result<Self, Problem> {
        let shown = bearer(&parts.headers)?;
        let is_operator = shared.operator().is_some_and(|operator| operator.matches(shown));
        if is_operator { Ok(Self) } else { Err(Problem::wrong_credential()) }
    }
}

/// The token of `Authorization: Bearer` (RFC 6750, section 2.1).
pub fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) =
        value.and_then(|value| value.split_once(' ')).ok_or_else(Problem::no_credentials)?;
    if scheme.eq_ignore_ascii_case("Bearer") { Ok(token.trim()) } else { Err(Problem::no_credentials()) }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_credential_is_itself_and_nothing_else() {
        let credential = Credential::new("secret");
        assert!(credential.matches("secret"));
        for other in ["", "secre", "secret ", "Secret"] {
            assert!(!credential.matches(other), "{other}");
        }
    }

    #[test]
    fn only_a_bearer_token_is_taken_from_the_header() {
        let shown = |value: &'static [u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(shown(b"Bearer a.b").as_deref(), Ok("a.b"));
        assert_eq!(shown(b"bearer  a.b ").as_deref(), Ok("a.b"));
        for other in [b"".as_slice(), b"Bearer", b"Basic a.b", b"Bearer \xff"] {
            assert_eq!(shown(other), Err(Problem::no_credentials()));
        }
        assert_eq!(bearer(&HeaderMap::new()), Err(Problem::no_credentials()));
    }
}
