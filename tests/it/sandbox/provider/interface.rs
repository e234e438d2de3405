//! The interface as a whole: what is where, for whom, and what is refused everywhere alike.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use vestibule::sandbox::http::CallError;
use vestibule::sandbox::token::Algorithm;

use super::{ANN, BEN, CREDENTIAL, ISSUER, OPERATOR, Sandbox};

#[tokio::test]
async fn the_configuration_says_where_everything_is() {
    let sandbox = Sandbox::start_with(|config| config.algorithm = Algorithm::Es256).await;
    let configuration = sandbox.get("/.well-known/openid-configuration", "").await.body;
    assert_eq!(configuration["issuer"], ISSUER);
    assert_eq!(configuration["id_token_signing_alg_values_supported"], json!(["ES256"]));
    let endpoints = ["jwks_uri", "token_endpoint", "introspection_endpoint", "revocation_endpoint"];
    for endpoint in endpoints.into_iter().chain(["push_endpoint", "media_endpoint", "service_documentation"])
    {
        let path = configuration[endpoint].as_str().unwrap().strip_prefix(ISSUER).unwrap();
        let answer = sandbox.client().get(sandbox.url(path)).send().await.unwrap();
        assert_ne!(answer.status(), 404, "{endpoint}");
    }
}

#[tokio::test]
async fn an_operator_rotates_and_revokes() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.token(ANN).await;
    let rotated = sandbox.ask(Method::POST, "/operator/keys/rotate", |post| post.bearer_auth(OPERATOR)).await;
    assert_eq!((rotated.status, sandbox.keys().await.keys.len()), (204, 2));
    let accounts = sandbox.get("/operator/accounts", OPERATOR).await.body;
    let expected = [json!({ "visible_id": ANN, "tokens": 1 }), json!({ "visible_id": BEN, "tokens": 0 })];
    assert_eq!(accounts["accounts"], json!(expected));
    let revoke = async |visible_id: &str| {
        let body = json!({ "visible_id": visible_id });
        let path = "/operator/revocations";
        sandbox.ask(Method::POST, path, |request| request.bearer_auth(OPERATOR).json(&body)).await
    };
    assert_eq!(revoke(ANN).await.body, json!({ "revoked": 1 }));
    assert_eq!(revoke("nobody").await.problem(), (404, "unknown-account"));
    assert!(!sandbox.is_active(&token, CREDENTIAL).await);
}

#[tokio::test]
async fn nobody_is_an_operator_without_the_credential_or_where_there_is_none() {
    let with = Sandbox::start().await;
    let without = Sandbox::start_with(|config| config.operator = None).await;
    let operations = with.description.operations();
    let operations: Vec<_> = operations.iter().filter(|(_, path)| path.starts_with("/operator/")).collect();
    assert_eq!(operations.len(), 4);
    for (method, path) in operations {
        for credential in ["x", CREDENTIAL] {
            let refused = with.ask(method.clone(), path, |request| request.bearer_auth(credential)).await;
            assert_eq!(refused.problem(), (401, "wrong-credential"), "{path}");
        }
        let refused = with.ask(method.clone(), path, |request| request).await;
        assert_eq!(refused.problem(), (401, "no-credentials"), "{path}");
        let absent = without.ask(method.clone(), path, |request| request.bearer_auth(OPERATOR)).await;
        assert_eq!(absent.problem(), (404, "not-found"), "{path}");
    }
}

#[tokio::test]
async fn every_operation_refuses_a_body_that_is_not_as_described() {
    let sandbox = Sandbox::start().await;
    for (method, path) in sandbox.description.operations() {
        let Some(body_type) = sandbox.description.body_type(&method, &path) else { continue };
        // A blob is whatever bytes it is.
        if path == "/media" {
            continue;
        }
        let credential = if path.starts_with("/operator/") { OPERATOR } else { CREDENTIAL };
        let send = async |body_type: &str, body: Vec<u8>| {
            let request = |request: RequestBuilder| {
                let request = request.bearer_auth(credential).header("idempotency-key", "\"1\"");
                request.header("content-type", body_type).body(body)
            };
            sandbox.ask(method.clone(), &path, request).await
        };
        assert_eq!(send(body_type, vec![b' '; 70_000]).await.problem(), (413, "too-large"), "{path}");
        assert_eq!(send("text/plain", vec![]).await.problem(), (415, "media-type"), "{path}");
        assert_eq!(send(body_type, b"{}".to_vec()).await.problem(), (422, "not-as-described"), "{path}");
        if body_type == "application/json" {
            for body in [&b""[..], b"{", b"\0", b"\"\xff\"", br#"{"\ud800":1}"#] {
                assert_eq!(send(body_type, body.to_vec()).await.problem(), (400, "malformed"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn every_path_has_its_methods_and_no_others() {
    let sandbox = Sandbox::start().await;
    let operations = sandbox.description.operations();
    for path in operations.iter().map(|(_, path)| path) {
        let has = |method: &Method| operations.contains(&(method.clone(), path.clone()));
        let all = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS];
        let allowed = all.iter().find(|method| has(method)).unwrap();
        for method in all.clone() {
            if has(&method) {
                continue;
            }
            let refused = sandbox.ask(method.clone(), path, |request| request).await;
            assert_eq!(refused.problem(), (405, "method-not-allowed"), "{method} {path}");
            assert!(refused.headers["allow"].to_str().unwrap().starts_with(allowed.as_str()), "{path}");
        }
    }
}

#[tokio::test]
async fn peers_that_say_nothing_keep_nobody_else_waiting() {
    let sandbox = Sandbox::start().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(sandbox.provider.address()).await.unwrap());
    }
    sandbox.token(ANN).await;
    drop(silent);
}

#[tokio::test]
async fn nothing_is_served_once_the_provider_is_dropped() {
    let Sandbox { provider, caller, .. } = Sandbox::start().await;
    let request = caller.client().get(format!("https://{}/jwks.json", provider.address()));
    assert!(caller.ask::<Value>(request.try_clone().unwrap()).await.is_ok());
    drop(provider);
    assert_eq!(caller.ask::<Value>(request).await, Err(CallError::Unreachable));
}
