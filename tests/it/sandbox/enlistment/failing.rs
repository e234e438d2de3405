//! Providers that fail, and keys that come and go.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use vestibule::sandbox::token::{Algorithm, SigningKey};

use super::provider::{Answer, CONFIGURATION, INTROSPECTION, KEYS};
use super::{CALM, HASTE, HOST, World, key, settle};

const UNAVAILABLE: &str = "503 provider-unavailable";

/// How it ends when one path of the provider is answered by this.
async fn outcome(path: &'static str, answer: Answer) -> String {
    let world = World::start(HASTE).await;
    world.provider.misbehave(move |asked, _| (asked == path).then(|| answer.clone()));
    world.outcome().await
}

#[tokio::test]
async fn a_provider_that_fails_at_any_step_is_unavailable() {
    for path in [CONFIGURATION, KEYS, INTROSPECTION] {
        let failures = [
            ("cut", Answer::Cut),
            ("silent", Answer::Silence),
            ("500", Answer::Status(500)),
            ("404", Answer::Status(404)),
            ("redirected", Answer::Status(302)),
            ("no JSON", Answer::Text("<html>".to_owned())),
            ("other JSON", Answer::Json(json!({ "keys": 1 }))),
            ("too large", Answer::Text(" ".repeat(300_000))),
        ];
        for (failure, answer) in failures {
            assert_eq!(outcome(path, answer).await, UNAVAILABLE, "{path} {failure}");
        }
    }
}

#[tokio::test]
async fn who_is_unavailable_can_be_asked_later() {
    let mut world = World::start(HASTE).await;
    world.provider.stop();
    let token = world.token("ann", &key());
    let response = world.get("/enlistments").bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 503);
    let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds >= 10, "{seconds}");
}

#[tokio::test]
async fn a_failure_that_passes_is_not_noticed() {
    let world = World::start(HASTE).await;
    world.provider.misbehave(|_, count| (count == 1).then_some(Answer::Status(500)));
    assert_eq!(world.outcome().await, "enlisted");
    for path in [CONFIGURATION, KEYS, INTROSPECTION] {
        assert_eq!(world.provider.calls(path).len(), 2, "{path}");
    }
}

#[tokio::test]
async fn a_configuration_that_leads_elsewhere_is_not_followed() {
    let elsewhere: [fn(&World, &mut Value); 6] = [
        |_, configuration| configuration["issuer"] = json!("https://elsewhere.example"),
        |world, configuration| configuration["issuer"] = json!(format!("{}/", world.provider.issuer)),
        |world, configuration| configuration["jwks_uri"] = json!(format!("{}{KEYS}", world.other.issuer)),
        |world, configuration| {
            configuration["introspection_endpoint"] = json!(format!("{}{INTROSPECTION}", world.other.issuer));
        },
        |world, configuration| {
            configuration["push_endpoint"] = json!(world.provider.issuer.replace("https", "http"));
        },
        |_, configuration| configuration["jwks_uri"] = json!(KEYS),
    ];
    for (index, change) in elsewhere.into_iter().enumerate() {
        let world = World::start(HASTE).await;
        world.other.publish(&[&world.key]);
        let mut configuration = world.provider.configuration();
        change(&world, &mut configuration);
        world
            .provider
            .misbehave(move |path, _| (path == CONFIGURATION).then(|| Answer::Json(configuration.clone())));
        assert_eq!(world.outcome().await, UNAVAILABLE, "{index}");
        for path in [KEYS, INTROSPECTION] {
            assert_eq!(world.provider.calls(path).len() + world.other.calls(path).len(), 0, "{index} {path}");
        }
    }
}

#[tokio::test]
async fn a_key_that_is_of_no_use_is_unknown() {
    let of_id = |world: &World, mut key: Value| {
        key["kid"] = json!(world.key.id());
        Answer::Json(json!({ "keys": [key] }))
    };
    let point = SigningKey::generate(Algorithm::Es256).unwrap();
    let cases = [
        (json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }), "403 token-unknown-key"),
        (json!({ "kty": "oct", "k": "c2VjcmV0" }), "403 token-unknown-key"),
        (serde_json::to_value(point.public()).unwrap(), "403 token-wrong-algorithm"),
        (serde_json::to_value(key().public()).unwrap(), "403 token-wrong-signature"),
    ];
    for (published, expected) in cases {
        let world = World::start(HASTE).await;
        let answer = of_id(&world, published);
        world.provider.misbehave(move |path, _| (path == KEYS).then(|| answer.clone()));
        assert_eq!(world.outcome().await, expected);
    }
    assert_eq!(outcome(KEYS, Answer::Json(json!({ "keys": [] }))).await, "403 token-unknown-key");
}

#[tokio::test]
async fn the_provider_has_the_last_word_on_a_token() {
    // What is changed in an answer that says no more than it must; `null` is as if it were not there.
    let answers = [
        (json!({}), "enlisted"),
        (json!({ "aud": [HOST, "elsewhere.example"], "scope": "any" }), "enlisted"),
        (json!({ "active": false }), "403 token-revoked"),
        (json!({ "iss": null }), UNAVAILABLE),
        (json!({ "sub": null }), UNAVAILABLE),
        (json!({ "iss": "https://x.example" }), UNAVAILABLE),
        (json!({ "sub": "mallory@provider.example" }), UNAVAILABLE),
        (json!({ "jti": "another" }), UNAVAILABLE),
        (json!({ "exp": 1 }), UNAVAILABLE),
        (json!({ "aud": "elsewhere.example" }), UNAVAILABLE),
        (json!({ "cnf": { "jkt": key().id() } }), UNAVAILABLE),
    ];
    for (change, expected) in answers {
        let world = World::start(HASTE).await;
        let mut answer =
            json!({ "active": true, "iss": world.provider.issuer, "sub": "ann@provider.example" });
        let changed = change.as_object().unwrap().clone();
        answer.as_object_mut().unwrap().extend(changed);
        let answer = Answer::Json(answer);
        world.provider.misbehave(move |path, _| (path == INTROSPECTION).then(|| answer.clone()));
        assert_eq!(world.outcome().await, expected, "{change}");
    }
    assert_eq!(outcome(INTROSPECTION, Answer::Status(401)).await, UNAVAILABLE);
}

#[tokio::test]
async fn a_rotated_key_is_fetched_and_the_old_one_stays_good_while_it_is_published() {
    let mut world = World::start(CALM).await;
    assert_eq!(world.outcome().await, "enlisted");
    let new = SigningKey::generate(Algorithm::Es256).unwrap();
    world.provider.publish(&[&world.key, &new]);
    let old = std::mem::replace(&mut world.key, new);
    assert_eq!(world.outcome().await, "enlisted");
    world.key = old;
    assert_eq!(world.outcome().await, "enlisted");
    assert_eq!(world.provider.calls(KEYS).len(), 2);
}

#[tokio::test]
async fn a_key_that_cannot_be_looked_for_is_no_reason_to_refuse_a_token_for_good() {
    let mut world = World::start(HASTE).await;
    assert_eq!(world.outcome().await, "enlisted");
    world.key = key();
    world.provider.stop();
    for _ in 0..2 {
        assert_eq!(world.outcome().await, UNAVAILABLE);
    }
}

#[tokio::test]
async fn many_tokens_with_unknown_keys_make_one_fetch() {
    let world = Arc::new(World::start(CALM).await);
    assert_eq!(world.outcome().await, "enlisted");
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let world = world.clone();
        asking.spawn(async move {
            let client = key();
            let forged = key().sign(&world.claims("ann", &client)).unwrap();
            settle(world.get("/enlistments").bearer_auth(forged)).await.0
        });
    }
    assert_eq!(asking.join_all().await, [401; 50]);
    assert_eq!(world.provider.calls(CONFIGURATION).len(), 2);
    assert_eq!(world.provider.calls(KEYS).len(), 2);
}

#[tokio::test]
async fn the_first_tokens_make_one_fetch_and_a_new_key_is_found_by_all_who_wait() {
    let world = Arc::new(World::start(CALM).await);
    for expected in 1..3 {
        let (new, mut asking) = (Arc::new(key()), JoinSet::new());
        world.provider.publish(&[&new]);
        for _ in 0..50 {
            let (world, new) = (world.clone(), new.clone());
            asking.spawn(async move {
                let token = new.sign(&world.claims("ann", &key())).unwrap();
                settle(world.get("/enlistments").bearer_auth(token)).await.0
            });
        }
        assert_eq!(asking.join_all().await, [200; 50]);
        assert_eq!(world.provider.calls(KEYS).len(), expected);
    }
}

#[tokio::test]
async fn whose_key_is_known_does_not_wait_for_who_looks_for_another() {
    let world = World::start(CALM).await;
    assert_eq!(world.outcome().await, "enlisted");
    world.provider.misbehave(|path, _| (path == CONFIGURATION).then_some(Answer::Silence));
    let forged = key().sign(&world.claims("ann", &key())).unwrap();
    let waiting = tokio::spawn(settle(world.get("/enlistments").bearer_auth(forged)));
    until_called(&world, CONFIGURATION, 2).await;
    assert_eq!(world.outcome().await, "enlisted");
    assert!(!waiting.is_finished());
}

#[tokio::test]
async fn a_silent_provider_stops_only_its_own_users() {
    let world = World::start(CALM).await;
    world.provider.misbehave(|path, _| (path == INTROSPECTION).then_some(Answer::Silence));
    let mut waiting = JoinSet::new();
    for _ in 0..80 {
        let token = world.token("ann", &key());
        waiting.spawn(settle(world.get("/enlistments").bearer_auth(token)));
    }
    // More than may be under way at the same time do not come through.
    until_called(&world, INTROSPECTION, 64).await;
    world.other.publish(&[&world.key]);
    let mut claims = world.claims("ben", &key());
    claims.iss.clone_from(&world.other.issuer);
    let token = world.key.sign(&claims).unwrap();
    assert_eq!(settle(world.get("/enlistments").bearer_auth(token)).await.0, 200);
    assert_eq!(world.provider.calls(INTROSPECTION).len(), 64);
    assert!(waiting.try_join_next().is_none());
}

/// Waits until the provider has been called this often.
pub async fn until_called(world: &World, path: &str, count: usize) {
    let called = async {
        while world.provider.calls(path).len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), called).await.expect("the provider is called");
}
