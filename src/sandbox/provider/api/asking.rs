//! Who is asking: each of these is taken from a request's header `Authorization`, or the request is refused.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::sandbox::http::{Problem, bearer};
use crate::sandbox::provider::Shared;
use crate::sandbox::token::Claims;

/// A gatekeeper, by its domain.
pub struct Gatekeeper(pub String);

/// A user, by the visible identifier.
pub struct User(pub String);

impl FromRequestParts<Arc<Shared>> for Gatekeeper {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let shown = bearer(&parts.headers)?;
        let asking = shared.gatekeepers.iter().find(|gatekeeper| gatekeeper.credential.matches(shown));
        Ok(Self(asking.ok_or_else(Problem::wrong_credential)?.audience.clone()))
    }
}

impl FromRequestParts<Arc<Shared>> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let claims = shared.claims(bearer(&parts.headers)?).ok_or_else(Problem::wrong_credential)?;
        Ok(Self(claims.sub))
    }
}

impl Shared {
    /// What a good token says, whichever gatekeeper it is for.
    pub(super) fn claims(&self, token: &str) -> Option<Claims> {
        let now = SystemTime::now();
        self.gatekeepers.iter().find_map(|gatekeeper| self.tokens.claims(token, &gatekeeper.audience, now))
    }
}
