//! Tokens and providers' answers that are wrong when a stream is opened, and pushes that are answered wrongly; through
//! Vestibule.

use serde_json::json;
use tokio::task::JoinSet;
use vestibule::sandbox::client::{Client, ClientError, TokenStatus};

use super::failing::until_called;
use super::provider::{Answer, CREDENTIAL, INTROSPECTION, PUSH};
use super::requests::refused_tokens;
use super::{CALM, HASTE, HOST, World, key, settle};
use crate::sandbox::sasl::{Refused, oauthbearer, plain};
use crate::sandbox::system::{Front, bearer, catch_up, hear, say};

/// A Vestibule before the world's gatekeeper.
pub fn front(world: &World) -> Front {
    Front::start(&world.authority, world.gatekeeper.address(), "{}")
}

pub async fn connect(front: &Front) -> Client {
    Client::connect(&front.server).await.unwrap()
}

/// Bound and available.
async fn online(front: &Front, token: &str) -> Client {
    let mut client = connect(front).await;
    client.authenticate(&bearer(token)).await.unwrap();
    client.bind("desk", "").await.unwrap();
    client.send(b"<presence/>").await.unwrap();
    catch_up(&mut client).await;
    client
}

/// The words of the problem that the same token is over HTTP.
async fn words_over_http(world: &World, token: &str) -> String {
    let (status, problem) = settle(world.get("/enlistments").bearer_auth(token)).await;
    assert_eq!(status, 401);
    problem["title"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_refused_token_opens_no_stream_and_says_why() {
    let world = World::start(CALM).await;
    world.enlisted("ann", &key()).await;
    let front = front(&world);
    for (token, problem) in refused_tokens(&world) {
        let condition = if problem == "token-expired" { "credentials-expired" } else { "not-authorized" };
        let expected = Refused {
            condition: condition.to_owned(),
            ..Refused::of_token(&words_over_http(&world, &token).await)
        };
        // What is no token has a space in it, which no bearer token has.
        if token.contains(' ') {
            continue;
        }
        let mut client = connect(&front).await;
        assert_eq!(oauthbearer(&mut client, &token).await, expected, "{problem}");
        let as_password = plain(&mut client, "ann@provider.example", &token).await;
        if problem == "token-malformed" {
            assert_eq!(as_password.text, "the account is unknown, or its password is wrong");
        } else {
            assert_eq!(as_password, Refused { status: None, ..expected }, "{problem}");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_provider_is_not_the_same_user() {
    let world = World::start(CALM).await;
    world.enlisted("ann", &key()).await;
    world.other.publish(&[&world.key]);
    let mut claims = world.claims("ann", &key());
    claims.iss.clone_from(&world.other.issuer);
    let token = world.key.sign(&claims).unwrap();
    let refused = oauthbearer(&mut connect(&front(&world)).await, &token).await;
    assert_eq!(refused, Refused::not_enlisted());
}

#[tokio::test]
async fn a_provider_that_answers_wrongly_lets_nobody_in_and_nobody_is_blamed() {
    let world = World::start(HASTE).await;
    let client = key();
    world.enlisted("ann", &client).await;
    let (front, token) = (front(&world), world.token("ann", &client));
    let of = |member: &str| {
        let mut answer =
            json!({ "active": true, "sub": "ann@provider.example", "iss": world.provider.issuer });
        answer[member] = json!("mallory@provider.example");
        Answer::Json(answer)
    };
    let answers = [
        ("500", Answer::Status(500)),
        ("401", Answer::Status(401)),
        ("elsewhere", Answer::Status(302)),
        ("no JSON", Answer::Text("<html>".to_owned())),
        ("other JSON", Answer::Json(json!({ "active": "true" }))),
        ("too much", Answer::Text(" ".repeat(300_000))),
        ("another user", of("sub")),
        ("another issuer", of("iss")),
        ("nobody", Answer::Json(json!({ "active": true }))),
        ("cut", Answer::Cut),
        ("silent", Answer::Silence),
    ];
    for (failure, answer) in answers {
        let scripted = answer.clone();
        world.provider.misbehave(move |path, _| (path == INTROSPECTION).then(|| scripted.clone()));
        let mut client = connect(&front).await;
        let authenticated = client.authenticate(&bearer(&token)).await;
        assert_eq!(authenticated, Err(ClientError::CannotAuthenticate), "{failure}");
        world.provider.misbehave(|_, _| None);
        client.authenticate(&bearer(&token)).await.unwrap();
    }
    world
        .provider
        .misbehave(|path, _| (path == INTROSPECTION).then(|| Answer::Json(json!({ "active": false }))));
    let refused = connect(&front).await.authenticate(&bearer(&token)).await;
    assert_eq!(refused, Err(ClientError::TokenRefused(TokenStatus::InvalidToken)));
}

#[tokio::test]
async fn a_push_is_tried_again_as_the_same_one_and_the_message_waits() {
    let mut worlds = JoinSet::new();
    for (failure, attempts) in [
        (Answer::Status(500), 2),
        (Answer::Status(429), 2),
        (Answer::Cut, 2),
        (Answer::Silence, 2),
        // What is no failure of the moment is not tried again.
        (Answer::Status(404), 1),
        (Answer::Text(" ".repeat(300_000)), 1),
    ] {
        worlds.spawn(fail_to_wake(failure, attempts));
    }
    worlds.join_all().await;
}

async fn fail_to_wake(failure: Answer, attempts: usize) {
    let world = World::start(HASTE).await;
    let (anns, bens) = (key(), key());
    let ann = world.enlisted("ann", &anns).await;
    world.enlisted("ben", &bens).await;
    let front = front(&world);
    let mut ben = online(&front, &world.token("ben", &bens)).await;
    world.provider.misbehave(move |path, _| (path == PUSH).then(|| failure.clone()));
    say(&mut ben, &format!("{ann}@{HOST}"), "waits", "The kitchen closes at nine").await;
    until_called(&world, PUSH, attempts).await;

    let mut ann = connect(&front).await;
    ann.authenticate(&bearer(&world.token("ann", &anns))).await.unwrap();
    ann.bind("desk", "").await.unwrap();
    ann.send(b"<presence/>").await.unwrap();
    assert_eq!(hear(&mut ann).await.attribute("id"), Some("waits"));
    let calls = world.provider.calls(PUSH);
    assert_eq!(calls.len(), attempts);
    assert!(calls.iter().all(|headers| headers["idempotency-key"] == calls[0]["idempotency-key"]));
    assert!(calls.iter().all(|headers| headers["authorization"] == format!("Bearer {CREDENTIAL}")));
}
