//! A party that fails at each step: the others say so in bounded time, lose nothing, and go on when it is back.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use vestibule::sandbox::client::{ApiError, Client, ClientError, Resumption};
use vestibule::sandbox::http::CallError;
use vestibule::sandbox::token::{Proof, prove, token_hash};

use super::fault::Mode::{self, Cut, Pass, Refuse, Stall};
use super::fault::Way::{ToClient, ToServer};
use super::system::{HOST, System, bearer, catch_up, hear, key, say, talk};

/// How a party fails: its connections are refused, are silent, or break at the beginning of an answer, within it, and
/// within a question.
const FAILURES: [Mode; 5] = [Refuse, Stall, Cut(ToClient, 1), Cut(ToClient, 40), Cut(ToServer, 100)];
const UNAVAILABLE: ApiError = ApiError::Refused { status: 503, problem: "provider-unavailable" };
/// More than some records of TLS, and less than a client may send at once.
const LONG: usize = 200_000;

/// Nothing may take longer, however a party fails.
async fn in_time<T>(outcome: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), outcome).await.expect("it ends")
}

fn stream_error<T>(condition: &str) -> Result<T, ClientError> {
    Err(ClientError::StreamError(condition.to_owned()))
}

fn is_lost(error: &ClientError) -> bool {
    matches!(error, ClientError::Connection(_))
}

#[tokio::test]
async fn who_enlists_while_the_provider_fails_is_told_so_and_enlists_later() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (system.online(&user).await, system.bob().await);
    let key = key();
    let token = system.token("carol", &key).await;
    for failure in FAILURES {
        system.to_provider.set(failure);
        let enlisted = in_time(system.enlisting.enlist(&token, &key)).await;
        assert_eq!(enlisted, Err(UNAVAILABLE), "{failure:?}");
        assert_eq!(in_time(system.enlisting.list(&token)).await, Err(UNAVAILABLE), "{failure:?}");
        // Whom the provider is not needed for does not notice.
        talk(&mut alice, &user.jid(), &mut bob, "1").await;
    }
    system.to_provider.set(Pass);
    // What was refused has not used the token up.
    assert!(system.enlisting.enlist(&token, &key).await.is_ok());
}

#[tokio::test]
async fn a_provider_whose_keys_were_never_had_can_be_asked_after_the_time_that_is_told() {
    let mut systems = tokio::task::JoinSet::new();
    for failure in FAILURES {
        systems.spawn(async move {
            let system = System::start().await;
            let key = key();
            let token = system.token("alice", &key).await;
            system.to_provider.set(failure);
            let caller = &system.enlisting.caller;
            let listing = || {
                caller
                    .client()
                    .get(format!("{}/enlistments", system.enlisting.api))
                    .bearer_auth(&token)
                    .send()
            };
            let refused = in_time(listing()).await.unwrap();
            assert_eq!(refused.status(), 503, "{failure:?}");
            let told: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            system.to_provider.set(Pass);
            // Not before, however often: the provider is left in peace until then.
            assert_eq!(listing().await.unwrap().status(), 503, "{failure:?}");
            tokio::time::sleep(Duration::from_secs(told)).await;
            assert_eq!(listing().await.unwrap().status(), 200, "{failure:?}");
        });
    }
    systems.join_all().await;
}

#[tokio::test]
async fn who_logs_in_while_the_provider_fails_is_told_so_and_logs_in_later() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (alice, mut bob) = (system.online(&user).await, system.bob().await);
    let resumption = alice.cut().unwrap();
    for failure in FAILURES {
        system.to_provider.set(failure);
        let mut client = system.connect().await.unwrap();
        let credentials = bearer(&user.token);
        let authenticated = in_time(client.authenticate(&credentials)).await;
        assert_eq!(authenticated, Err(ClientError::CannotAuthenticate), "{failure:?}");
        let resumed = in_time(system.resumed(&user.token, &resumption)).await;
        assert_eq!(resumed.err(), Some(ClientError::CannotAuthenticate), "{failure:?}");
        // Those who have a password do not need the provider.
        system.bob().await.close().await.unwrap();
        system.to_provider.set(Pass);
        client.authenticate(&credentials).await.unwrap();
    }
    let mut alice = system.resumed(&user.token, &resumption).await.unwrap();
    talk(&mut alice, &user.jid(), &mut bob, "1").await;
}

#[tokio::test]
async fn a_new_key_that_cannot_be_fetched_stops_only_its_own_tokens() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    system.provider.rotate_keys().unwrap();
    let new = system.token("carol", &key()).await;
    system.to_provider.set(Stall);
    let refused = in_time(system.enlisting.list(&new)).await;
    assert_eq!(refused, Err(ApiError::Refused { status: 503, problem: "provider-unavailable" }));
    system.to_provider.set(Pass);
    assert!(system.authenticated(&user.token).await.is_ok());
}

#[tokio::test]
async fn a_message_waits_although_nobody_can_be_woken() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (system.online(&user).await, system.bob().await);
    for (round, failure) in (1..).zip(FAILURES) {
        alice.close().await.unwrap();
        system.to_provider.set(failure);
        say(&mut bob, &user.bare_jid(), "waits", "The kitchen closes at nine").await;
        in_time(system.until_pushes_failed(&user, round)).await;
        system.to_provider.set(Pass);
        alice = system.online(&user).await;
        assert_eq!(hear(&mut alice).await.attribute("id"), Some("waits"), "{failure:?}");
        talk(&mut alice, &user.jid(), &mut bob, "between").await;
    }
}

#[tokio::test]
async fn a_gatekeeper_that_cannot_be_reached_is_a_failed_remote_connection() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    // The last two break within the handshake.
    for failure in [Refuse, Stall, Cut(ToClient, 1), Cut(ToClient, 300), Cut(ToServer, 100)] {
        system.to_streams.set(failure);
        let connected = in_time(system.connect()).await.map(|_| ());
        assert_eq!(connected, stream_error("remote-connection-failed"), "{failure:?}");
    }
    system.to_streams.set(Pass);
    system.authenticated(&user.token).await.unwrap().close().await.unwrap();
}

/// What the client is told when the gatekeeper fails so after it has begun to speak.
async fn assert_ended<T>(failure: Mode, outcome: impl Future<Output = Result<T, ClientError>>) {
    let error = in_time(outcome).await.err().unwrap();
    match failure {
        Stall => assert_eq!(error, ClientError::StreamError("connection-timeout".to_owned())),
        _ => assert!(is_lost(&error), "{failure:?}: {error}"),
    }
    assert!(error.may_pass(), "{failure:?}: {error}");
}

const IMPATIENT: &str = "timeouts: { authentication: 2s, idle: 3s }\n";

#[tokio::test]
async fn a_gatekeeper_that_fails_during_authentication_ends_the_session() {
    let system = System::start_with(IMPATIENT).await;
    let user = system.enlisted("alice").await;
    for failure in FAILURES {
        let mut client = system.connect().await.unwrap();
        system.to_streams.set(failure);
        assert_ended(failure, client.authenticate(&bearer(&user.token))).await;
        system.to_streams.set(Pass);
    }
    system.authenticated(&user.token).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_gatekeeper_that_fails_during_binding_ends_the_session() {
    let system = System::start_with(IMPATIENT).await;
    let user = system.enlisted("alice").await;
    for failure in FAILURES {
        let mut client = system.authenticated(&user.token).await.unwrap();
        system.to_streams.set(failure);
        assert_ended(failure, client.bind("desk", "")).await;
        system.to_streams.set(Pass);
    }
    system.online(&user).await.close().await.unwrap();
}

/// As far as a log-in gets.
async fn log_in(system: &System, token: &str) -> Result<(), ClientError> {
    let mut client = system.authenticated(token).await?;
    client.bind("desk", "").await?;
    Ok(())
}

#[tokio::test]
async fn wherever_a_log_in_is_cut_the_client_can_tell_that_it_may_pass() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    for way in [ToClient, ToServer] {
        let mut outcomes = BTreeSet::new();
        for after in (0..).step_by(97) {
            system.to_streams.set(Cut(way, after));
            let outcome = match in_time(log_in(&system, &user.token)).await {
                Ok(()) => break,
                Err(ClientError::StreamError(condition)) => condition,
                Err(ClientError::Connection(_)) => "lost".to_owned(),
                Err(other) => panic!("{way:?} {after}: {other}"),
            };
            outcomes.insert(outcome);
        }
        // Before there is a stream, and within it.
        assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), ["lost", "remote-connection-failed"], "{way:?}");
    }
}

#[tokio::test]
async fn a_gatekeeper_that_is_silent_for_a_while_loses_nothing() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (system.online(&user).await, system.bob().await);
    system.to_streams.set(Stall);
    say(&mut bob, &user.jid(), "1", "Are you there?").await;
    say(&mut alice, &format!("bob@{HOST}"), "2", "I am").await;
    catch_up(&mut bob).await;
    system.to_streams.set(Pass);
    assert_eq!(hear(&mut alice).await.attribute("id"), Some("1"));
    assert_eq!(hear(&mut bob).await.attribute("id"), Some("2"));
}

#[tokio::test]
async fn a_session_that_is_broken_between_vestibule_and_the_gatekeeper_can_be_resumed() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (system.online(&user).await, system.bob().await);
    for (failure, id) in [(Refuse, "1"), (Cut(ToClient, 10), "2"), (Cut(ToClient, LONG / 2), "3")] {
        system.to_streams.set(failure);
        say(&mut bob, &user.jid(), id, &"x".repeat(LONG)).await;
        let resumption = lose(alice, failure).await;
        system.to_streams.set(Pass);
        alice = in_time(system.resumed(&user.token, &resumption)).await.unwrap();
        let heard = hear(&mut alice).await;
        assert_eq!(heard.attribute("id"), Some(id));
        assert_eq!(heard.children[0].text.len(), LONG, "all of it came");
        talk(&mut alice, &user.jid(), &mut bob, "between").await;
    }
}

#[tokio::test]
async fn what_was_cut_on_its_way_to_the_gatekeeper_is_sent_again_once() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (system.online(&user).await, system.bob().await);
    for (after, id) in [(1, "1"), (LONG / 2, "2"), (LONG + 1000, "3")] {
        let failure = Cut(ToServer, after);
        system.to_streams.set(failure);
        say(&mut alice, &format!("bob@{HOST}"), id, &"x".repeat(LONG)).await;
        // Something more, so that what is behind the whole message is cut, too.
        say(&mut alice, &format!("bob@{HOST}"), "more", &"x".repeat(2000)).await;
        let resumption = lose(alice, failure).await;
        system.to_streams.set(Pass);
        alice = in_time(system.resumed(&user.token, &resumption)).await.unwrap();
        for expected in [id, "more"] {
            assert_eq!(hear(&mut bob).await.attribute("id"), Some(expected));
        }
        talk(&mut alice, &user.jid(), &mut bob, "between").await;
    }
}

/// Waits for the end of the connection, which comes without the closing of the stream.
async fn lose(mut client: Client, failure: Mode) -> Resumption {
    let lost = in_time(client.receive_where(|_| false)).await.err().unwrap();
    assert!(is_lost(&lost), "{failure:?}: {lost}");
    client.cut().unwrap()
}

#[tokio::test]
async fn a_gatekeeper_that_stops_can_be_reached_no_more_and_nobody_hangs() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let alice = system.online(&user).await;
    let System { gatekeeper, front, to_streams: _to_streams, .. } = system;
    drop(gatekeeper);
    lose(alice, Refuse).await;
    let connected = in_time(Client::connect(&front.server)).await.map(|_| ());
    assert_eq!(connected, stream_error("remote-connection-failed"));
}

#[tokio::test]
async fn an_enlistment_whose_answer_was_cut_is_found_again() {
    let system = System::start().await;
    let key = key();
    let token = system.token("alice", &key).await;
    let post = |path: &str, body: serde_json::Value| {
        let client = system.enlisting.caller.client();
        client.post(format!("{}{path}", system.enlisting.api)).json(&body)
    };
    let given = post("/challenges", json!({ "key_thumbprint": key.id() })).send().await.unwrap();
    let given: serde_json::Value = given.json().await.unwrap();
    let challenge = given["challenge"].as_str().unwrap().to_owned();
    let proof = prove(&key, &Proof { aud: HOST.to_owned(), challenge, ath: token_hash(&token) }).unwrap();
    // The connection is the same one, so that nothing but the answer is cut.
    system.to_api.set(Cut(ToClient, 50));
    let cut =
        system.enlisting.caller.attempt(post("/enlistments", json!({ "token": token, "proof": proof })));
    assert_eq!(in_time(cut).await.err(), Some(CallError::Unreachable));
    system.to_api.set(Pass);

    let listed = system.enlisting.list(&token).await.unwrap();
    assert_eq!(listed.len(), 1);
    let again = system.enlisting.enlist(&token, &key).await;
    assert_eq!(again, Err(ApiError::Refused { status: 403, problem: "token-replayed" }));
    let token = system.token("alice", &key).await;
    assert_eq!(system.enlisting.enlist(&token, &key).await.as_ref(), Ok(&listed[0]));
}

#[tokio::test]
async fn an_enlistment_api_that_fails_is_told_from_one_that_refuses() {
    let system = System::start().await;
    let key = key();
    let token = system.token("alice", &key).await;
    for failure in [Refuse, Cut(ToClient, 1), Cut(ToClient, 500), Cut(ToServer, 100), Stall] {
        system.to_api.set(failure);
        let error = in_time(system.enlisting.enlist(&token, &key)).await.err().unwrap();
        let expected = if failure == Stall { CallError::TimedOut } else { CallError::Unreachable };
        assert_eq!(error, ApiError::Call(expected), "{failure:?}");
        assert!(error.may_pass());
    }
    system.to_api.set(Pass);
    assert!(system.enlisting.enlist(&token, &key).await.is_ok());
}
