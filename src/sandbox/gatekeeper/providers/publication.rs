//! What a provider publishes: where it is called (OpenID Connect Discovery 1.0, section 4), and its keys (RFC 7517).

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use super::ProviderError;
use crate::sandbox::http::{CallError, Caller, OPENID_CONFIGURATION, base_url, has_credentials};
use crate::sandbox::token::{Algorithm, Jwk, JwkSet};

/// Of a provider; more are not kept.
const MOST_KEYS: usize = 32;

/// An issuer's name, from which its URLs are made.
#[derive(Clone)]
pub struct Issuer {
    name: String,
    url: Url,
}

/// What one fetch brought.
pub struct Publication {
    pub introspection: Url,
    pub push: Url,
    pub keys: JwkSet,
    /// How long the provider says that its keys may be kept.
    pub max_age: Option<Duration>,
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
    introspection_endpoint: String,
    push_endpoint: String,
}

/// Keys of any kind: one that is not understood does not make the others worthless (RFC 7517, section 5).
#[derive(Deserialize)]
struct PublishedKeys {
    keys: Vec<serde_json::Value>,
}

impl Issuer {
    pub fn new(name: &str) -> Result<Self, ProviderError> {
        let url = base_url(name).ok_or(ProviderError::Issuer)?;
        Ok(Self { name: name.to_owned(), url })
    }

    pub async fn fetch(&self, caller: &Caller) -> Result<Publication, CallError> {
        let url = format!("{}{OPENID_CONFIGURATION}", self.name);
        let configuration: Configuration = caller.ask(caller.client().get(url)).await?;
        // Section 4.3: another issuer's configuration is not to be used.
        if configuration.issuer != self.name {
            return Err(CallError::Unexpected);
        }
        let introspection = self.endpoint(&configuration.introspection_endpoint)?;
        let push = self.endpoint(&configuration.push_endpoint)?;
        let jwks = self.endpoint(&configuration.jwks_uri)?;
        let (PublishedKeys { keys }, max_age) = caller.fetch(caller.client().get(jwks)).await?;
        Ok(Publication { introspection, push, keys: usable(keys), max_age })
    }

    /// A URL of the issuer itself. Whoever can change the configuration shall not send our calls, which carry tokens
    /// and a credential, to somebody else, nor to what only this machine can reach.
    fn endpoint(&self, text: &str) -> Result<Url, CallError> {
        let url = Url::parse(text).map_err(|_| CallError::Unexpected)?;
        let is_ours = url.origin() == self.url.origin() && !has_credentials(&url);
        if is_ours { Ok(url) } else { Err(CallError::Unexpected) }
    }
}

fn usable(keys: Vec<serde_json::Value>) -> JwkSet {
    let keys = keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    let signing = keys.filter(|key| key.common.key_id.is_some() && Algorithm::of_key(key).is_some());
    JwkSet { keys: signing.take(MOST_KEYS).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::token::SigningKey;

    #[test]
    fn only_an_https_url_to_build_on_is_an_issuer() {
        assert!(Issuer::new("https://a.example/tenant").is_ok());
        assert_eq!(Issuer::new("http://a.example").err(), Some(ProviderError::Issuer));
    }

    #[test]
    fn endpoints_are_the_issuers_own() {
        let issuer = Issuer::new("https://a.example:8443").unwrap();
        assert!(issuer.endpoint("https://a.example:8443/x?y").is_ok());
        let elsewhere = [
            "/x",
            "http://a.example:8443/x",
            "https://a.example/x",
            "https://b.example:8443/x",
            "https://a.example:8443@b.example/x",
            "https://b@a.example:8443/x",
            "file:///x",
        ];
        for elsewhere in elsewhere {
            assert_eq!(issuer.endpoint(elsewhere), Err(CallError::Unexpected), "{elsewhere}");
        }
    }

    #[test]
    fn keys_that_sign_nothing_here_are_left_out() {
        let keys = Algorithm::ALL.map(|algorithm| SigningKey::generate(algorithm).unwrap());
        let published = |key: &SigningKey| serde_json::to_value(key.public()).unwrap();
        let changed = |member: &str, value: serde_json::Value| {
            let mut key = published(&keys[0]);
            key[member] = value;
            key
        };
        let all = vec![
            json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0" }),
            json!({ "kty": "RSA", "kid": "b", "n": "AQAB", "e": "AQAB" }),
            json!({ "kty": "EC", "crv": "P-384", "kid": "c", "x": "AA", "y": "AA" }),
            json!({ "kty": "something else", "kid": "d" }),
            json!("no key"),
            changed("use", json!("enc")),
            changed("alg", json!("ES256")),
            changed("kid", json!(null)),
            changed("x", json!("no key")),
            published(&keys[0]),
            published(&keys[1]),
        ];
        let found: Vec<_> = usable(all).keys.into_iter().filter_map(|key| key.common.key_id).collect();
        assert_eq!(found, keys.map(|key| key.id().to_owned()));
    }

    #[test]
    fn there_are_not_more_keys_than_are_looked_through_in_no_time() {
        let key = serde_json::to_value(SigningKey::generate(Algorithm::EdDsa).unwrap().public()).unwrap();
        assert_eq!(usable(vec![key; MOST_KEYS + 1]).keys.len(), MOST_KEYS);
    }
}
