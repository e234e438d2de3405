//! Who is asking: each of these is taken from a request's header `Authorization`, or the request is refused.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::sandbox::http::{Problem, bearer};
use crate::sandbox::provider::Shared;
use crate::sandbox::provider::refusal::Refusal;
use crate::sandbox::token::Claims;

/// A gatekeeper, by its domain.
pub struct Gatekeeper(pub String);

/// A user, by the visible identifier.
pub struct User(pub String);

/// An operator of the sandbox.
pub struct Operator;

impl FromRequestParts<Arc<Shared>> for Gatekeeper {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let shown = bearer(&parts.headers)?;
        let asking = shared.gatekeepers.iter().find(|gatekeeper| gatekeeper.credential.matches(shown));
        Ok(Self(asking.ok_or(Refusal::WrongCredential)?.audience.clone()))
    }
}

impl FromRequestParts<Arc<Shared>> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let claims = shared.claims(bearer(&parts.headers)?).ok_or(Refusal::WrongCredential)?;
        Ok(Self(claims.sub))
    }
}

impl FromRequestParts<Arc<Shared>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let shown = bearer(&parts.headers)?;
        let is_operator = shared.operator.as_ref().is_some_and(|operator| operator.matches(shown));
        if is_operator { Ok(Self) } else { Err(Refusal::WrongCredential.into()) }
    }
}

impl Shared {
    /// What a good token says, whichever gatekeeper it is for.
    pub(super) fn claims(&self, token: &str) -> Option<Claims> {
        let now = SystemTime::now();
        self.gatekeepers.iter().find_map(|gatekeeper| self.tokens.claims(token, &gatekeeper.audience, now))
    }
}
