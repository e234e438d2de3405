//! The sandbox's provider over HTTP. Every answer is checked against the description that the provider serves.

mod interface;
mod pushes;
mod tokens;

use std::net::Ipv4Addr;
use std::time::SystemTime;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use vestibule::sandbox::certificates::Authority;
use vestibule::sandbox::http::{Caller, Patience};
use vestibule::sandbox::provider::{Account, Config, GatekeeperAccess, Provider};
use vestibule::sandbox::token::{Claims, Expected, JwkSet, TokenError, verify};

use super::description::{Answer, Description};

const ISSUER: &str = "https://provider.example";
const GATEKEEPER: &str = "gatekeeper.example";
const CREDENTIAL: &str = "gatekeeper's credential";
const OTHER_CREDENTIAL: &str = "other's credential";
const OPERATOR: &str = "operator's credential";
const ANN: &str = "ann@provider.example";
const BEN: &str = "ben@provider.example";

/// A provider with ann and ben, two gatekeepers and an operator.
struct Sandbox {
    provider: Provider,
    description: Description,
    caller: Caller,
}

impl Sandbox {
    async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let account = |name: &str| Account { visible_id: name.to_owned(), password: password(name) };
        let access = |audience: &str, credential: &str| GatekeeperAccess {
            audience: audience.to_owned(),
            credential: credential.to_owned(),
        };
        let mut config = Config {
            accounts: vec![account(ANN), account(BEN)],
            gatekeepers: vec![access(GATEKEEPER, CREDENTIAL), access("other.example", OTHER_CREDENTIAL)],
            operator: Some(OPERATOR.to_owned()),
            ..Config::new(ISSUER)
        };
        change(&mut config);
        let authority = Authority::new("test").unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let identity = authority.issue(&["127.0.0.1"]).unwrap();
        let provider = Provider::start(config, listener, &identity).unwrap();
        let caller = Caller::new(&authority.client_config().unwrap(), Patience::default()).unwrap();
        let description = caller.client().get(format!("https://{}/openapi.yaml", provider.address()));
        let description = description.send().await.unwrap().text().await.unwrap();
        Self { provider, description: Description::new(&description), caller }
    }

    fn client(&self) -> &Client {
        self.caller.client()
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.provider.address())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        request: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Answer {
        let request = request(self.client().request(method.clone(), self.url(path)));
        self.description.check(&method, path, request.send().await.unwrap()).await
    }

    async fn get(&self, path: &str, credential: &str) -> Answer {
        self.ask(Method::GET, path, |request| request.bearer_auth(credential)).await
    }

    async fn request_token(&self, body: &Value) -> Answer {
        self.ask(Method::POST, "/tokens", |request| request.json(body)).await
    }

    async fn token(&self, account: &str) -> String {
        let answer = self.request_token(&token_request(account)).await;
        assert_eq!(answer.status, 201);
        answer.body["token"].as_str().unwrap().to_owned()
    }

    async fn introspect(&self, token: &str, credential: &str) -> Answer {
        let form = [("token", token)];
        self.ask(Method::POST, "/introspect", |request| request.bearer_auth(credential).form(&form)).await
    }

    async fn is_active(&self, token: &str, credential: &str) -> bool {
        let answer = self.introspect(token, credential).await;
        let active = answer.body["active"].as_bool().unwrap();
        // Nothing is said of a token that is not active.
        assert_eq!(answer.body.as_object().unwrap().len() == 1, !active);
        active
    }

    async fn revoke(&self, token: &str) -> u16 {
        self.ask(Method::POST, "/revoke", |request| request.form(&[("token", token)])).await.status
    }

    async fn push(&self, key: &str, visible_id: &str, credential: &str) -> Answer {
        let body = json!({ "visible_id": visible_id });
        self.ask(Method::POST, "/push", |request| {
            request.bearer_auth(credential).header("idempotency-key", key).json(&body)
        })
        .await
    }

    async fn keys(&self) -> JwkSet {
        let answer = self.get("/jwks.json", "").await;
        assert_eq!(answer.headers["cache-control"], "public, max-age=300");
        serde_json::from_value(answer.body).unwrap()
    }

    async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let expected = Expected { issuer: ISSUER, audience: GATEKEEPER };
        verify(token, &self.keys().await, expected, SystemTime::now())
    }
}

fn password(account: &str) -> String {
    format!("{account}'s password")
}

fn token_request(account: &str) -> Value {
    json!({ "account": account, "password": password(account), "audience": GATEKEEPER })
}
