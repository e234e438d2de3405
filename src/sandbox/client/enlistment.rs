//! What a client does over HTTP before it opens a stream: it asks its provider for a token, and enlists at the
//! gatekeeper with it.

use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::sandbox::http::{Answer, CallError, Caller, OPENID_CONFIGURATION};
use crate::sandbox::token::{KeyError, Proof, SigningKey, prove, token_hash};

const PROBLEM: &str = "urn:x-vestibule:problem:";

/// Of a problem document, in bytes.
const LARGEST_PROBLEM: usize = 4096;

/// The types of problem documents in the descriptions of both interfaces (`docs/openapi/`), in their order.
const PROBLEMS: [&str; 57] = [
    "busy",
    "enlisting-too-often",
    "idempotency-key",
    "idempotency-key-reused",
    "internal",
    "malformed",
    "media-account-full",
    "media-address",
    "media-busy",
    "media-full",
    "media-origin",
    "media-too-large",
    "media-too-many",
    "media-too-slow",
    "media-type",
    "media-unreachable",
    "media-url",
    "media-vanished",
    "media-wrong-answer",
    "media-wrong-range",
    "method-not-allowed",
    "no-credentials",
    "no-host",
    "not-as-described",
    "not-found",
    "proof-malformed",
    "proof-other-key",
    "proof-other-token",
    "proof-wrong-audience",
    "proof-wrong-challenge",
    "proof-wrong-signature",
    "provider-unavailable",
    "query",
    "range",
    "token-expired",
    "token-malformed",
    "token-not-yet-valid",
    "token-replayed",
    "token-revoked",
    "token-unbound",
    "token-unknown-key",
    "token-wrong-algorithm",
    "token-wrong-audience",
    "token-wrong-issuer",
    "token-wrong-signature",
    "token-wrong-times",
    "too-large",
    "too-many-attempts",
    "too-many-enlisting",
    "too-many-keys",
    "too-many-users",
    "too-slow",
    "unknown-account",
    "unknown-audience",
    "unreadable",
    "wrong-credential",
    "wrong-password",
];

/// Why something that was asked for was not done. Nothing in it is the other party's free text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("it refused with the status {status} and a problem of the type `{problem}`")]
    Refused {
        status: u16,
        /// The last word of the problem's type, or `unknown`.
        problem: &'static str,
    },
    #[error("its OpenID configuration is of another issuer")]
    OtherIssuer,
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl ApiError {
    /// Whether the same may succeed a little later.
    pub fn may_pass(self) -> bool {
        match self {
            Self::Call(error) => error.may_pass(),
            Self::Refused { status, .. } => CallError::Status(status).may_pass(),
            Self::OtherIssuer | Self::Key(_) => false,
        }
    }
}

/// An account at a provider.
#[derive(Clone)]
pub struct ProviderAccount {
    /// The provider's issuer URL.
    pub issuer: String,
    pub visible_id: String,
    pub password: String,
}

/// A provider's token, as it is given to a client.
#[derive(Deserialize)]
pub struct Token {
    pub token: String,
    /// How long it is valid, in seconds from when it was asked for.
    pub expires_in: u64,
}

/// What a gatekeeper knows of a user who has opted in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Enlisted {
    /// The local part of the user's JID at the gatekeeper.
    pub internal_id: String,
    pub visible_id: String,
    /// The bare JID.
    pub jid: String,
}

/// A gatekeeper's Enlistment API.
#[derive(Clone)]
pub struct Enlisting {
    /// Its URL.
    pub api: String,
    /// The gatekeeper's domain: the audience of tokens and proofs.
    pub host: String,
    pub caller: Caller,
}

impl ProviderAccount {
    /// A token for this audience. It is bound to the key, if there is one: then it is worth nothing without the key
    /// where a proof is asked for.
    pub async fn token(
        &self,
        caller: &Caller,
        audience: &str,
        key: Option<&SigningKey>,
    ) -> Result<Token, ApiError> {
        #[derive(Serialize)]
        struct Request<'a> {
            account: &'a str,
            password: &'a str,
            audience: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            key_thumbprint: Option<&'a str>,
        }
        let endpoint = self.token_endpoint(caller).await?;
        let request = Request {
            account: &self.visible_id,
            password: &self.password,
            audience,
            key_thumbprint: key.map(SigningKey::id),
        };
        ask(caller, caller.client().post(endpoint).json(&request)).await
    }

    /// Where tokens are given out, as the provider says itself (OpenID Connect Discovery 1.0, section 4).
    async fn token_endpoint(&self, caller: &Caller) -> Result<String, ApiError> {
        #[derive(Deserialize)]
        struct Configuration {
            issuer: String,
            token_endpoint: String,
        }
        let url = below(&self.issuer, OPENID_CONFIGURATION);
        let Configuration { issuer, token_endpoint } = ask(caller, caller.client().get(url)).await?;
        // Section 4.3: another issuer's configuration is not to be used.
        if issuer == self.issuer { Ok(token_endpoint) } else { Err(ApiError::OtherIssuer) }
    }
}

impl Enlisting {
    /// Opts in: proves that the client holds the key that the token is bound to. A user who has opted in already, from
    /// another client, is the same user here.
    pub async fn enlist(&self, token: &str, key: &SigningKey) -> Result<Enlisted, ApiError> {
        #[derive(Serialize)]
        struct Request<'a> {
            token: &'a str,
            proof: &'a str,
        }
        let challenge = self.challenge(key).await?;
        let proof = prove(key, &Proof { aud: self.host.clone(), challenge, ath: token_hash(token) })?;
        let request = self.caller.client().post(self.url("/enlistments"));
        ask(&self.caller, request.json(&Request { token, proof: &proof })).await
    }

    /// The enlistments of the token's user.
    pub async fn list(&self, token: &str) -> Result<Vec<Enlisted>, ApiError> {
        #[derive(Deserialize)]
        struct Listed {
            enlistments: Vec<Enlisted>,
        }
        let request = self.caller.client().get(self.url("/enlistments")).bearer_auth(token);
        Ok(ask::<Listed>(&self.caller, request).await?.enlistments)
    }

    /// Opts out, which ends the user's sessions at the gatekeeper.
    pub async fn opt_out(&self, token: &str, internal_id: &str) -> Result<(), ApiError> {
        let request = self.caller.client().delete(self.url(&format!("/enlistments/{internal_id}")));
        answer(&self.caller, request.bearer_auth(token)).await.map(drop)
    }

    async fn challenge(&self, key: &SigningKey) -> Result<String, ApiError> {
        #[derive(Serialize)]
        struct Request<'a> {
            key_thumbprint: &'a str,
        }
        #[derive(Deserialize)]
        struct Given {
            challenge: String,
        }
        let request = self.caller.client().post(self.url("/challenges"));
        let given: Given = ask(&self.caller, request.json(&Request { key_thumbprint: key.id() })).await?;
        Ok(given.challenge)
    }

    fn url(&self, path: &str) -> String {
        below(&self.api, path)
    }
}

fn below(url: &str, path: &str) -> String {
    format!("{}{path}", url.trim_end_matches('/'))
}

/// The JSON that is answered.
async fn ask<T: DeserializeOwned>(caller: &Caller, request: RequestBuilder) -> Result<T, ApiError> {
    let body = answer(caller, request).await?;
    Ok(serde_json::from_slice(&body).map_err(|_| CallError::Unexpected)?)
}

/// The body of an answer that is no refusal. Nothing is asked for twice: a person is there who can try again.
async fn answer(caller: &Caller, request: RequestBuilder) -> Result<Vec<u8>, ApiError> {
    let Answer { status, body } = caller.attempt(request).await?;
    let succeeded = StatusCode::from_u16(status).is_ok_and(|status| status.is_success());
    if succeeded { Ok(body) } else { Err(ApiError::Refused { status, problem: problem(&body) }) }
}

/// Why a request was refused, as far as it is said.
pub(super) async fn refused(mut response: Response) -> ApiError {
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    while let Ok(Some(chunk)) = response.chunk().await
        && body.len() + chunk.len() <= LARGEST_PROBLEM
    {
        body.extend_from_slice(&chunk);
    }
    ApiError::Refused { status, problem: problem(&body) }
}

/// The type of a problem document, if it is one of those that are known.
fn problem(body: &[u8]) -> &'static str {
    #[derive(Deserialize)]
    struct Problem {
        #[serde(rename = "type")]
        kind: String,
    }
    let problem = serde_json::from_slice::<Problem>(body).ok();
    let word = problem.as_ref().and_then(|problem| problem.kind.strip_prefix(PROBLEM));
    PROBLEMS.into_iter().find(|known| Some(*known) == word).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_problem_that_an_interface_describes_is_known() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi");
        let mut described = BTreeSet::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let words = text.split(PROBLEM).skip(1).filter_map(|rest| {
                let end = rest.find(|character: char| !(character.is_ascii_lowercase() || character == '-'));
                Some(rest[..end?].to_owned()).filter(|word| !word.is_empty())
            });
            described.extend(words);
        }
        assert!(described.len() > 10, "{described:?}");
        for word in described {
            assert!(PROBLEMS.contains(&word.as_str()), "{word}");
        }
    }

    #[test]
    fn what_is_no_known_problem_is_unknown() {
        assert_eq!(
            problem(br#"{"type":"urn:x-vestibule:problem:token-expired","title":"x"}"#),
            "token-expired"
        );
        for body in ["", "{}", r#"{"type":"about:blank"}"#, r#"{"type":"urn:x-vestibule:problem:you-fool"}"#]
        {
            assert_eq!(problem(body.as_bytes()), "unknown", "{body}");
        }
    }
}
