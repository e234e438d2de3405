//! Who is asking, by the header `Authorization`: a user by a token, or a provider by its credential.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::{Enlistment, refusal};
use crate::sandbox::gatekeeper::Shared;
use crate::sandbox::http::{Problem, bearer};

/// Who may see and end enlistments.
pub enum Asker {
    /// A user of a provider.
    User { issuer: String, visible_id: String },
    /// A provider.
    Provider { issuer: String },
}

impl Asker {
    /// Whether this enlistment is the asker's own, or of one of the asker's users.
    pub fn may_end(&self, enlistment: &Enlistment) -> bool {
        match self {
            Self::User { issuer, visible_id } => {
                *issuer == enlistment.issuer && *visible_id == enlistment.visible_id
            }
            Self::Provider { issuer } => *issuer == enlistment.issuer,
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let shown = bearer(&parts.headers)?;
        if let Some(issuer) = shared.providers.issuer_with(shown) {
            return Ok(Self::Provider { issuer: issuer.to_owned() });
        }
        let subject = shared.providers.authenticate(shown).await.map_err(refusal::in_header)?;
        Ok(Self::User { issuer: subject.issuer, visible_id: subject.visible_id })
    }
}
