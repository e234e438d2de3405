//! Tokens: who gets one, what it says, and when it is good no more.

use std::time::{Duration, SystemTime};

use reqwest::Method;
use serde_json::{Value, json};
use vestibule::sandbox::token::{Algorithm, Claims, Confirmation, Expected, SigningKey, TokenError, verify};

use super::{ANN, BEN, CREDENTIAL, GATEKEEPER, ISSUER, OPERATOR, OTHER_CREDENTIAL, Sandbox, token_request};

#[tokio::test]
async fn a_token_says_who_asked_and_is_verified_with_the_published_keys() {
    for algorithm in Algorithm::ALL {
        let sandbox = Sandbox::start_with(|config| config.algorithm = algorithm).await;
        let key = SigningKey::generate(algorithm).unwrap();
        let mut request = token_request(ANN);
        request["key_thumbprint"] = key.id().into();
        let answer = sandbox.request_token(&request).await;
        assert_eq!((answer.status, &answer.body["expires_in"]), (201, &json!(3600)));
        assert_eq!(answer.headers["cache-control"], "no-store");
        let claims = sandbox.verify(answer.body["token"].as_str().unwrap()).await.unwrap();
        assert_eq!((claims.sub.as_str(), claims.exp - claims.iat), (ANN, 3600));
        assert_eq!(claims.cnf, Some(Confirmation { jkt: key.id().to_owned() }));
        let other = sandbox.verify(&sandbox.token(ANN).await).await.unwrap();
        assert_ne!(other.jti, claims.jti);
        assert_eq!(other.cnf, None);
    }
}

#[tokio::test]
async fn who_cannot_have_a_token_is_told_why() {
    let sandbox = Sandbox::start().await;
    let refused = async |member: &str, value: Value| {
        let mut request = token_request(ANN);
        request[member] = value;
        let answer = sandbox.request_token(&request).await;
        (answer.problem().0, answer.problem().1.to_owned())
    };
    let wrong = (401, "wrong-password".to_owned());
    assert_eq!(refused("password", "x".into()).await, wrong);
    assert_eq!(refused("account", "nobody@provider.example".into()).await, wrong);
    assert_eq!(refused("account", "\0".into()).await, wrong);
    assert_eq!(refused("audience", "elsewhere.example".into()).await, (403, "unknown-audience".to_owned()));
    let undescribed = (422, "not-as-described".to_owned());
    for member in ["account", "password", "audience"] {
        for value in [json!(1), json!(null), json!(""), json!("x".repeat(321)), json!([ANN])] {
            assert_eq!(refused(member, value.clone()).await, undescribed, "{member} {value}");
        }
    }
    for value in [json!(null), json!(""), json!("a".repeat(44)), json!("+".repeat(43))] {
        assert_eq!(refused("key_thumbprint", value.clone()).await, undescribed, "{value}");
    }
    assert_eq!(refused("scope", "all".into()).await, undescribed);
}

#[tokio::test]
async fn an_account_with_many_wrong_passwords_is_closed_for_a_while_and_others_are_not() {
    let sandbox = Sandbox::start().await;
    let mut guess = token_request(ANN);
    guess["password"] = "x".into();
    for _ in 0..10 {
        assert_eq!(sandbox.request_token(&guess).await.problem(), (401, "wrong-password"));
    }
    let closed = sandbox.request_token(&token_request(ANN)).await;
    assert_eq!(closed.problem(), (429, "too-many-attempts"));
    let seconds: u64 = closed.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    sandbox.token(BEN).await;
}

#[tokio::test]
async fn a_gatekeeper_is_told_of_good_tokens_for_itself_only() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.token(ANN).await;
    let answer = sandbox.introspect(&token, CREDENTIAL).await;
    let mut said = answer.body.clone();
    assert_eq!(said["active"].take(), json!(true));
    let claims: Claims = serde_json::from_value(said).unwrap();
    assert_eq!(claims, sandbox.verify(&token).await.unwrap());
    assert!(!sandbox.is_active(&token, OTHER_CREDENTIAL).await);
    let forged = SigningKey::generate(Algorithm::EdDsa).unwrap().sign(&claims).unwrap();
    for other in [forged.as_str(), "x", "\0", "a.b.c"] {
        assert!(!sandbox.is_active(other, CREDENTIAL).await, "{other}");
    }
    for credential in ["x", OPERATOR, &token] {
        let refused = sandbox.introspect(&token, credential).await;
        assert_eq!(refused.problem(), (401, "wrong-credential"), "{credential}");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
    }
    let hinted = [("token", token.as_str()), ("token_type_hint", "access_token"), ("unknown", "x")];
    let answer = sandbox
        .ask(Method::POST, "/introspect", |request| request.bearer_auth(CREDENTIAL).form(&hinted))
        .await;
    assert_eq!(answer.body["active"], true);
}

#[tokio::test]
async fn whoever_holds_a_token_can_revoke_it() {
    let sandbox = Sandbox::start().await;
    let (token, other) = (sandbox.token(ANN).await, sandbox.token(ANN).await);
    for _ in 0..2 {
        assert_eq!(sandbox.revoke(&token).await, 200);
    }
    assert_eq!(sandbox.revoke("x").await, 200);
    assert!(!sandbox.is_active(&token, CREDENTIAL).await);
    assert!(sandbox.is_active(&other, CREDENTIAL).await);
    assert_eq!(sandbox.get("/pushes", &token).await.problem(), (401, "wrong-credential"));
    assert_eq!((sandbox.provider.revoke_tokens_of(ANN), sandbox.provider.revoke_tokens_of(ANN)), (1, 0));
    assert!(!sandbox.is_active(&other, CREDENTIAL).await);
}

#[tokio::test]
async fn a_token_expires() {
    let sandbox = Sandbox::start_with(|config| config.token_lifetime = Duration::from_secs(1)).await;
    let token = sandbox.token(ANN).await;
    while sandbox.is_active(&token, CREDENTIAL).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sandbox.get("/operator/accounts", OPERATOR).await.body["accounts"][0]["tokens"], 0);
}

#[tokio::test]
async fn after_a_rotation_old_tokens_are_still_verified_and_new_ones_have_the_new_key() {
    let sandbox = Sandbox::start().await;
    let old = sandbox.token(ANN).await;
    let before = sandbox.keys().await;
    sandbox.provider.rotate_keys().unwrap();
    let new = sandbox.token(ANN).await;
    assert_eq!(sandbox.keys().await.keys.len(), 2);
    for token in [&old, &new] {
        assert!(sandbox.verify(token).await.is_ok() && sandbox.is_active(token, CREDENTIAL).await);
    }
    let expected = Expected { issuer: ISSUER, audience: GATEKEEPER };
    assert_eq!(verify(&new, &before, expected, SystemTime::now()), Err(TokenError::UnknownKey));
}

#[tokio::test]
async fn keys_rotate_by_themselves() {
    let sandbox = Sandbox::start_with(|config| config.rotation = Some(Duration::from_secs(1))).await;
    let first = sandbox.keys().await;
    while sandbox.keys().await == first {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // It has signed nothing, so that nobody needs it any more.
    assert_eq!(sandbox.keys().await.keys.len(), 1);
}
