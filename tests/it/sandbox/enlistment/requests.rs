//! The API itself: what is done, and each reason to refuse.

use reqwest::Method;
use serde_json::json;
use vestibule::sandbox::token::{Algorithm, Audience, Claims, Proof, SigningKey, prove, token_hash};

use super::provider::{CREDENTIAL, INTROSPECTION};
use super::{CALM, HOST, World, key, problem, settle};

#[tokio::test]
async fn a_user_opts_in_from_two_clients_is_listed_and_opts_out() {
    let world = World::start(CALM).await;
    let (phone, desk) = (key(), SigningKey::generate(Algorithm::Es256).unwrap());
    let (status, enlistment) = world.enlist_with(&world.token("ann", &phone), &phone).await;
    assert_eq!(status, 201);
    let internal_id = enlistment["internal_id"].as_str().unwrap();
    let jid = format!("{internal_id}@{HOST}");
    let expected = json!({ "internal_id": internal_id, "visible_id": "ann@provider.example", "jid": jid });
    assert_eq!(enlistment, expected);
    let again = world.enlist_with(&world.token("ann", &desk), &desk).await;
    assert_eq!(again, (200, expected.clone()));

    let token = world.token("ann", &phone);
    let list = || settle(world.get("/enlistments").bearer_auth(&token));
    assert_eq!(list().await, (200, json!({ "enlistments": [expected] })));
    assert_eq!(settle(world.delete(internal_id).bearer_auth(&token)).await.0, 204);
    assert_eq!(list().await, (200, json!({ "enlistments": [] })));
    assert_ne!(world.enlisted("ann", &phone).await, internal_id);

    let shown = world.provider.calls(INTROSPECTION);
    assert!(!shown.is_empty());
    for headers in shown {
        assert_eq!(headers["authorization"], format!("Bearer {CREDENTIAL}"));
    }
}

#[tokio::test]
async fn a_provider_lists_and_ends_the_enlistments_of_its_users() {
    let world = World::start(CALM).await;
    let mut ids = Vec::new();
    for user in ["ann", "ben", "cat"] {
        ids.push(world.enlisted(user, &key()).await);
    }
    ids.sort();
    let list = |query: String, credential| {
        settle(world.get(&format!("/enlistments{query}")).bearer_auth(credential))
    };
    let found = |body: &serde_json::Value| -> Vec<String> {
        let all = body["enlistments"].as_array().unwrap().iter();
        all.map(|one| one["internal_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found(&list(String::new(), CREDENTIAL).await.1), ids);
    assert_eq!(found(&list(format!("?after={}", ids[0]), CREDENTIAL).await.1), ids[1..]);
    assert!(found(&list(String::new(), "another credential").await.1).is_empty());
    assert_eq!(settle(world.delete(&ids[0]).bearer_auth("another credential")).await.0, 404);
    assert_eq!(settle(world.delete(&ids[0]).bearer_auth(CREDENTIAL)).await.0, 204);
    assert_eq!(found(&list(String::new(), CREDENTIAL).await.1), ids[1..]);
}

#[tokio::test]
async fn a_user_who_enlists_too_often_is_refused_and_no_other_is() {
    let world = World::start(CALM).await;
    let phone = key();
    for _ in 0..64 {
        world.enlisted("ann", &phone).await;
    }
    let (status, refused) = world.enlist_with(&world.token("ann", &phone), &phone).await;
    assert_eq!((status, problem(&refused)), (429, "enlisting-too-often"));
    world.enlisted("ben", &phone).await;
}

/// Each changes what is signed, or what with.
pub fn refused_tokens(world: &World) -> Vec<(String, &'static str)> {
    let client = key();
    let changed = |change: fn(&mut Claims)| {
        let mut claims = world.claims("ann", &client);
        change(&mut claims);
        world.key.sign(&claims).unwrap()
    };
    let good = changed(|_| ());
    let (head, _) = good.rsplit_once('.').unwrap();
    let other = changed(|claims| claims.jti.push('x'));
    let (_, other_signature) = other.rsplit_once('.').unwrap();
    // {"alg":"HS256","kid":"k"}
    let symmetric = format!("eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.{}.AAAA", good.split('.').nth(1).unwrap());
    vec![
        ("no token".to_owned(), "token-malformed"),
        (changed(|claims| claims.sub.clear()), "token-malformed"),
        (changed(|claims| claims.sub.push('\u{1}')), "token-malformed"),
        (changed(|claims| claims.jti = "x".repeat(321)), "token-malformed"),
        (symmetric, "token-wrong-algorithm"),
        (key().sign(&world.claims("ann", &client)).unwrap(), "token-unknown-key"),
        (format!("{head}.{other_signature}"), "token-wrong-signature"),
        (changed(|claims| claims.iss = "https://elsewhere.example".to_owned()), "token-wrong-issuer"),
        (changed(|claims| claims.aud = Audience::One("elsewhere".to_owned())), "token-wrong-audience"),
        (changed(|claims| claims.exp -= 700), "token-expired"),
        (changed(|claims| claims.nbf += 60), "token-not-yet-valid"),
        (changed(|claims| claims.iat += 60), "token-not-yet-valid"),
        (changed(|claims| claims.exp += 30 * 24 * 60 * 60), "token-wrong-times"),
    ]
}

#[tokio::test]
async fn each_refused_token_has_its_own_problem() {
    let world = World::start(CALM).await;
    let client = key();
    for (token, expected) in refused_tokens(&world) {
        let (status, body) = world.enlist_with(&token, &client).await;
        assert_eq!((status, problem(&body)), (403, expected));
        let response = world.get("/enlistments").bearer_auth(&token).send().await.unwrap();
        assert_eq!(response.status(), 401, "{expected}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(problem(&response.json().await.unwrap()), expected);
    }
    assert_eq!(
        world.provider.calls(INTROSPECTION).len(),
        0,
        "the provider is asked about its own tokens only"
    );
}

#[tokio::test]
async fn a_token_and_a_challenge_enlist_once() {
    let world = World::start(CALM).await;
    let client = key();
    let token = world.token("ann", &client);
    let challenge = world.challenge(client.id()).await;
    let proof = |token: &str| {
        let proof = Proof { aud: HOST.to_owned(), challenge: challenge.clone(), ath: token_hash(token) };
        prove(&client, &proof).unwrap()
    };
    assert_eq!(world.enlist(&token, &proof(&token)).await.0, 201);
    let (status, body) = world.enlist_with(&token, &client).await;
    assert_eq!((status, problem(&body)), (403, "token-replayed"));
    let another = world.token("ann", &client);
    let (status, body) = world.enlist(&another, &proof(&another)).await;
    assert_eq!((status, problem(&body)), (403, "proof-wrong-challenge"));
    // It opens anything else as often as the user likes.
    for _ in 0..2 {
        assert_eq!(settle(world.get("/enlistments").bearer_auth(&token)).await.0, 200);
    }
}

#[tokio::test]
async fn a_token_without_a_key_enlists_nobody() {
    let world = World::start(CALM).await;
    let client = key();
    let unbound = Claims { cnf: None, ..world.claims("ann", &client) };
    let (status, body) = world.enlist_with(&world.key.sign(&unbound).unwrap(), &client).await;
    assert_eq!((status, problem(&body)), (403, "token-unbound"));
}

#[tokio::test]
async fn each_refused_proof_has_its_own_problem() {
    let world = World::start(CALM).await;
    let (client, thief) = (key(), key());
    let token = world.token("ann", &client);
    let of = |challenge: String| Proof { aud: HOST.to_owned(), challenge, ath: token_hash(&token) };
    let proof = |key: &SigningKey, challenge: String| prove(key, &of(challenge)).unwrap();
    let right = proof(&client, world.challenge(client.id()).await);
    let other = proof(&client, world.challenge(client.id()).await);
    let (head, _) = right.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    let elsewhere = Proof { aud: "elsewhere".to_owned(), ..of(world.challenge(client.id()).await) };
    let refused = [
        ("no proof".to_owned(), "proof-malformed"),
        (world.token("ann", &client), "proof-malformed"),
        (format!("{head}.{signature}"), "proof-wrong-signature"),
        (prove(&client, &elsewhere).unwrap(), "proof-wrong-audience"),
        (proof(&thief, world.challenge(thief.id()).await), "proof-other-key"),
        (world.proof("another token", &client).await, "proof-other-token"),
        (proof(&client, world.challenge(thief.id()).await), "proof-wrong-challenge"),
        (proof(&client, "invented".to_owned()), "proof-wrong-challenge"),
    ];
    for (proof, expected) in refused {
        let (status, body) = world.enlist(&token, &proof).await;
        assert_eq!((status, problem(&body)), (403, expected));
    }
    assert_eq!(
        world.provider.calls(INTROSPECTION).len(),
        0,
        "the provider is asked for those who prove first"
    );
    assert_eq!(world.enlist(&token, &right).await.0, 201, "what was refused has used up nothing");
}

#[tokio::test]
async fn nobody_ends_or_finds_out_somebody_elses_enlistment() {
    let world = World::start(CALM).await;
    let ann = world.enlisted("ann", &key()).await;
    let ben = world.token("ben", &key());
    let other = settle(world.delete(&ann).bearer_auth(&ben)).await;
    let unknown = settle(world.delete(&"0".repeat(32)).bearer_auth(&ben)).await;
    assert_eq!((other.0, problem(&other.1)), (404, "not-found"));
    assert_eq!(other, unknown);
    let (_, list) = settle(world.get("/enlistments").bearer_auth(CREDENTIAL)).await;
    assert_eq!(list["enlistments"][0]["internal_id"], ann);
    let response = world.delete(&ann).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["www-authenticate"]),
        (401, &"Bearer".parse().unwrap())
    );
}

#[tokio::test]
async fn a_users_clients_are_bounded() {
    let world = World::start(CALM).await;
    let first = key();
    world.enlisted("ann", &first).await;
    for _ in 1..16 {
        world.enlisted("ann", &key()).await;
    }
    let one_more = key();
    let (status, body) = world.enlist_with(&world.token("ann", &one_more), &one_more).await;
    assert_eq!((status, problem(&body)), (409, "too-many-keys"));
    world.enlisted("ann", &first).await;
    world.enlisted("ben", &one_more).await;
}

#[tokio::test]
async fn what_is_not_as_described_is_refused_with_a_problem() {
    let world = World::start(CALM).await;
    let thumbprint = "x".repeat(43);
    let json = |text: &str| {
        world.post("/challenges").header("content-type", "application/json").body(text.to_owned())
    };
    let requests = [
        (json("{"), 400, "malformed"),
        (json("\u{0}"), 400, "malformed"),
        (json(&"[".repeat(10_000)), 422, "not-as-described"),
        (json(&" ".repeat(70_000)), 413, "too-large"),
        (world.post("/challenges").body("{}"), 415, "media-type"),
        (json("{}"), 422, "not-as-described"),
        (json("[]"), 422, "not-as-described"),
        (json(&format!("[\"{thumbprint}\"]")), 422, "not-as-described"),
        (json(r#"{"key_thumbprint":"short"}"#), 422, "not-as-described"),
        (json(&format!(r#"{{"key_thumbprint":"{thumbprint}","more":1}}"#)), 422, "not-as-described"),
        (world.post("/enlistments").json(&json!({ "token": "a" })), 422, "not-as-described"),
        (world.post("/enlistments").json(&json!({ "token": "", "proof": "a" })), 422, "not-as-described"),
        (world.get("/enlistments?after=x").bearer_auth(CREDENTIAL), 400, "query"),
        (world.get("/enlistments?before=x").bearer_auth(CREDENTIAL), 400, "query"),
        (world.delete("%FF").bearer_auth(CREDENTIAL), 404, "not-found"),
        (world.get("/nothing"), 404, "not-found"),
        (world.get("/challenges"), 405, "method-not-allowed"),
    ];
    for (request, status, kind) in requests {
        let (found, body) = settle(request).await;
        assert_eq!((found, problem(&body), body["status"].as_u64()), (status, kind, Some(status.into())));
    }
    let put = world.caller.client().request(Method::PUT, world.url("/enlistments")).send().await.unwrap();
    assert_eq!(put.headers()["allow"], "GET,HEAD,POST");
}

#[tokio::test]
async fn the_description_is_served() {
    let world = World::start(CALM).await;
    let response = world.get("/openapi.yaml").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/yaml");
    assert!(response.text().await.unwrap().starts_with("openapi: 3.1.0\n"));
}
