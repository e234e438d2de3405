//! The gatekeeper's Enlistment API, over real HTTP, with a provider that does what the test says.

mod connecting;
mod failing;
mod fast;
mod provider;
mod requests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use vestibule::sandbox::certificates::Authority;
use vestibule::sandbox::gatekeeper::{Config, Gatekeeper, Listeners, ProviderConfig};
use vestibule::sandbox::http::{Caller, Patience};
use vestibule::sandbox::token::{
    Algorithm, Audience, Claims, Confirmation, Proof, SigningKey, prove, token_hash,
};

use provider::{CREDENTIAL, Provider};

const HOST: &str = "gatekeeper.example";
/// How long the gatekeeper tries in tests of providers that do not answer.
const HASTE: Patience =
    Patience { attempt: Duration::from_millis(300), attempts: 2, pause: Duration::from_millis(10) };
/// A call that is not answered outlives the test.
const CALM: Patience =
    Patience { attempt: Duration::from_secs(600), attempts: 1, pause: Duration::from_millis(10) };

/// A gatekeeper, and two providers that it has agreements with.
struct World {
    authority: Authority,
    provider: Provider,
    other: Provider,
    /// What the first provider signs with.
    key: SigningKey,
    gatekeeper: Gatekeeper,
    caller: Caller,
}

impl World {
    async fn start(patience: Patience) -> Self {
        let authority = Authority::new("test").unwrap();
        let (provider, other) = (Provider::start(&authority).await, Provider::start(&authority).await);
        let key = key();
        provider.publish(&[&key]);
        let tls = authority.client_config().unwrap();
        let agreement = |provider: &Provider, credential: &str| ProviderConfig {
            issuer: provider.issuer.clone(),
            credential: credential.to_owned(),
            tls: tls.clone(),
        };
        let providers = vec![agreement(&provider, CREDENTIAL), agreement(&other, "another credential")];
        let config = Config { providers, patience, ..Config::new(HOST) };
        let identity = authority.issue(&[HOST, "127.0.0.1"]).unwrap();
        let gatekeeper =
            Gatekeeper::start(config, Listeners::on_loopback().await.unwrap(), &identity).unwrap();
        let caller = Caller::new(&tls, CALM).unwrap();
        Self { authority, provider, other, key, gatekeeper, caller }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.gatekeeper.api())
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.caller.client().get(self.url(path))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.caller.client().post(self.url(path))
    }

    fn delete(&self, internal_id: &str) -> RequestBuilder {
        self.caller.client().delete(self.url(&format!("/enlistments/{internal_id}")))
    }

    /// What the provider says of a user, bound to this key.
    fn claims(&self, user: &str, client: &SigningKey) -> Claims {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Claims {
            iss: self.provider.issuer.clone(),
            aud: Audience::One(HOST.to_owned()),
            sub: format!("{user}@provider.example"),
            exp: now + 600,
            nbf: now,
            iat: now,
            jti: key().id().to_owned(),
            cnf: Some(Confirmation { jkt: client.id().to_owned() }),
        }
    }

    fn token(&self, user: &str, client: &SigningKey) -> String {
        self.key.sign(&self.claims(user, client)).unwrap()
    }

    async fn challenge(&self, thumbprint: &str) -> String {
        let body = json!({ "key_thumbprint": thumbprint });
        let (status, challenge) = settle(self.post("/challenges").json(&body)).await;
        assert_eq!(status, 200, "{challenge}");
        challenge["challenge"].as_str().unwrap().to_owned()
    }

    async fn proof(&self, token: &str, client: &SigningKey) -> String {
        let challenge = self.challenge(client.id()).await;
        prove(client, &Proof { aud: HOST.to_owned(), challenge, ath: token_hash(token) }).unwrap()
    }

    /// Status and body of an attempt to enlist.
    async fn enlist(&self, token: &str, proof: &str) -> (u16, Value) {
        settle(self.post("/enlistments").json(&json!({ "token": token, "proof": proof }))).await
    }

    /// The same, all else being right.
    async fn enlist_with(&self, token: &str, client: &SigningKey) -> (u16, Value) {
        self.enlist(token, &self.proof(token, client).await).await
    }

    /// The internal identifier of a user who has been enlisted from this client.
    async fn enlisted(&self, user: &str, client: &SigningKey) -> String {
        let (status, enlistment) = self.enlist_with(&self.token(user, client), client).await;
        assert!([200, 201].contains(&status), "{enlistment}");
        enlistment["internal_id"].as_str().unwrap().to_owned()
    }

    /// Tries to enlist, and says how that ended: `enlisted`, or the status and the problem.
    async fn outcome(&self) -> String {
        let client = key();
        let (status, body) = self.enlist_with(&self.token("ann", &client), &client).await;
        if status < 300 { "enlisted".to_owned() } else { format!("{status} {}", problem(&body)) }
    }
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa).unwrap()
}

async fn settle(request: RequestBuilder) -> (u16, Value) {
    let response: Response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// The last word of a problem's type.
fn problem(body: &Value) -> &str {
    body["type"].as_str().and_then(|kind| kind.strip_prefix("urn:x-vestibule:problem:")).unwrap_or("none")
}
