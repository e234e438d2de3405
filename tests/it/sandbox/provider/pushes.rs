//! Pushes: who can order one, and who sees it.

use reqwest::Method;
use serde_json::json;
use vestibule::sandbox::provider::Push;

use super::super::description::Answer;
use super::{ANN, BEN, CREDENTIAL, GATEKEEPER, OPERATOR, OTHER_CREDENTIAL, Sandbox};

#[tokio::test]
async fn a_push_is_done_once_for_each_idempotency_key() {
    let sandbox = Sandbox::start().await;
    for _ in 0..2 {
        assert_eq!(sandbox.push("\"1\"", ANN, CREDENTIAL).await.status, 204);
    }
    let reused = sandbox.push("\"1\"", BEN, CREDENTIAL).await;
    assert_eq!(reused.problem(), (422, "idempotency-key-reused"));
    assert_eq!(sandbox.push("\"1\"", BEN, OTHER_CREDENTIAL).await.status, 204);
    let woken = |push: &Push| (push.visible_id.clone(), push.gatekeeper.clone());
    let pushes: Vec<_> = sandbox.provider.pushes().iter().map(woken).collect();
    let expected = [(ANN, GATEKEEPER), (BEN, "other.example")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(pushes, expected);
}

#[tokio::test]
async fn users_see_their_own_pushes_and_an_operator_sees_all() {
    let sandbox = Sandbox::start().await;
    let order = sandbox.client().post(sandbox.url("/push")).bearer_auth(CREDENTIAL);
    let coming = sandbox.caller.order(order.json(&json!({ "visible_id": BEN })));
    let (push, done) = tokio::join!(sandbox.provider.push_for(BEN), coming);
    assert_eq!((push.gatekeeper.as_str(), done), (GATEKEEPER, Ok(())));
    let count = |answer: Answer| answer.body["pushes"].as_array().unwrap().len();
    for (path, credential, pushes) in [
        ("/pushes", sandbox.token(ANN).await.as_str(), 0),
        ("/pushes", sandbox.token(BEN).await.as_str(), 1),
        ("/operator/pushes", OPERATOR, 1),
    ] {
        assert_eq!(count(sandbox.get(path, credential).await), pushes);
    }
}

#[tokio::test]
async fn a_push_that_cannot_be_done_is_refused_with_the_reason() {
    let sandbox = Sandbox::start().await;
    let unknown = sandbox.push("\"1\"", "nobody@provider.example", CREDENTIAL).await;
    assert_eq!(unknown.problem(), (404, "unknown-account"));
    assert_eq!(sandbox.push("\"1\"", ANN, "x").await.problem(), (401, "wrong-credential"));
    let too_long = format!("\"{}\"", "a".repeat(65));
    for key in ["", "1", "\"\"", "\"1", "\"a b\"", "\"1\", \"2\"", &too_long] {
        assert_eq!(sandbox.push(key, ANN, CREDENTIAL).await.problem(), (400, "idempotency-key"), "{key}");
    }
    let body = json!({ "visible_id": ANN });
    let without = sandbox.ask(Method::POST, "/push", |push| push.bearer_auth(CREDENTIAL).json(&body)).await;
    assert_eq!(without.problem(), (400, "idempotency-key"));
    let twice = sandbox
        .ask(Method::POST, "/push", |push| {
            let push = push.header("idempotency-key", "\"1\"").header("idempotency-key", "\"2\"");
            push.bearer_auth(CREDENTIAL).json(&body)
        })
        .await;
    assert_eq!(twice.problem(), (400, "idempotency-key"));
    assert!(sandbox.provider.pushes().is_empty());
}
