//! The steps of docs/interop.md with the real parts: provider, gatekeeper, client, and Vestibule between the last two.

use vestibule::sandbox::client::{ApiError, Client, ClientError, Credentials, Mechanism, TokenStatus};
use vestibule::sandbox::demo;
use vestibule::sandbox::element::Element;
use vestibule::sandbox::gatekeeper::Behaviour;

use super::sasl::{Refused, oauthbearer, plain};
use super::system::{ELSEWHERE, HOST, System, bearer, catch_up, hear, key, say, talk};

const VIDEO: &str = "<video xmlns='urn:x-vestibule:content:0' type='video/mp4'>8J+OrA==</video>";

fn refused<T>(status: u16, problem: &'static str) -> Result<T, ApiError> {
    Err(ApiError::Refused { status, problem })
}

/// What ends the stream.
async fn stream_error(client: &mut Client) -> String {
    match client.receive_where(|_| false).await {
        Err(ClientError::StreamError(condition)) => condition,
        other => panic!("no stream error: {:?}", other.err()),
    }
}

#[tokio::test]
async fn who_enlists_connects_and_is_told_apart_by_the_internal_identifier_alone() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (system.online(&user).await, system.bob().await);
    talk(&mut alice, &user.jid(), &mut bob, "1").await;

    let composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    let received = "<received xmlns='urn:xmpp:receipts' id='1'/>";
    for (id, said) in [("2", composing), ("3", received)] {
        alice
            .send(format!("<message to='bob@{HOST}/desk' id='{id}'>{said}</message>").as_bytes())
            .await
            .unwrap();
        let heard = hear(&mut bob).await;
        assert_eq!((heard.attribute("id"), heard.attribute("from")), (Some(id), Some(user.jid().as_str())));
        assert_eq!(heard.children.len(), 1);
    }
    let seen = bob.transcripts();
    assert!(!String::from_utf8_lossy(seen.received().bytes()).contains("alice"));
}

#[tokio::test]
async fn contacts_see_each_other_come_through_vestibule() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (system.online(&user).await, system.bob().await);
    let asking = format!("<presence type='subscribe' to='{}'/>", user.bare_jid());
    bob.send(asking.as_bytes()).await.unwrap();
    alice.receive_where(|stanza| stanza.attribute("type") == Some("subscribe")).await.unwrap();
    alice.send(format!("<presence type='subscribed' to='bob@{HOST}'/>").as_bytes()).await.unwrap();
    let from_alice =
        |stanza: &Element| stanza.name == "presence" && stanza.attribute("from") == Some(user.jid().as_str());
    assert_eq!(bob.receive_where(from_alice).await.unwrap().root.attribute("type"), None);
    alice.close().await.unwrap();
    assert_eq!(bob.receive_where(from_alice).await.unwrap().root.attribute("type"), Some("unavailable"));
}

#[tokio::test]
async fn content_that_a_client_cannot_receive_is_not_sent_or_replaced() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (system.online(&user).await, system.bob().await);
    let video = |id: &str| format!("<message to='{}' id='{id}' type='chat'>{VIDEO}</message>", user.jid());

    let sessions = system.gatekeeper.sessions();
    let told = sessions.iter().find(|session| session.full_jid == Some(user.jid())).unwrap();
    let classes: Vec<_> =
        told.content_types[0].accepts.iter().map(|accept| accept.class.as_deref()).collect();
    assert_eq!(classes, [Some("text"), Some("image")]);

    bob.send(video("1").as_bytes()).await.unwrap();
    let refusal = hear(&mut bob).await;
    assert_eq!((refusal.attribute("id"), refusal.attribute("type")), (Some("1"), Some("error")));
    assert_eq!(refusal.children[0].children[0].name, "not-acceptable");

    system.gatekeeper.behave(Behaviour { ignore_content_types: true });
    bob.send(video("2").as_bytes()).await.unwrap();
    let replaced = hear(&mut alice).await;
    assert_eq!(replaced.attribute("id"), Some("2"), "the first never came");
    assert!(replaced.children.iter().any(|child| child.name == "body"));
    assert!(replaced.children.iter().all(|child| child.name != "video"));
}

#[tokio::test]
async fn who_is_absent_is_woken_once_and_finds_what_waits() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let mut bob = system.bob().await;
    for id in ["1", "2"] {
        say(&mut bob, &user.bare_jid(), id, "The kitchen closes at nine").await;
    }
    let push = system.provider.push_for("alice@provider.example").await;
    assert_eq!((push.visible_id.as_str(), push.gatekeeper.as_str()), ("alice@provider.example", HOST));
    let mut alice = system.online(&user).await;
    for id in ["1", "2"] {
        let heard = hear(&mut alice).await;
        assert_eq!(heard.attribute("id"), Some(id));
        assert_eq!(heard.child("urn:xmpp:delay", "delay").unwrap().attribute("from"), Some(HOST));
    }
    talk(&mut alice, &user.jid(), &mut bob, "3").await;
    assert_eq!(system.provider.pushes().len(), 1);
}

#[tokio::test]
async fn a_session_that_was_cut_goes_on_and_nothing_is_lost_or_comes_twice() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (alice, mut bob) = (system.online(&user).await, system.bob().await);
    let resumption = alice.cut().unwrap();
    for id in ["1", "2", "3"] {
        say(&mut bob, &user.jid(), id, "Are you there?").await;
    }
    catch_up(&mut bob).await;
    let mut alice = system.resumed(&user.token, &resumption).await.unwrap();
    for id in ["1", "2", "3"] {
        assert_eq!(hear(&mut alice).await.attribute("id"), Some(id));
    }
    talk(&mut alice, &user.jid(), &mut bob, "4").await;
    // A session is its user's alone.
    let resumption = alice.cut().unwrap();
    let other = system.enlisted("carol").await;
    let stolen = system.resumed(&other.token, &resumption).await;
    assert_eq!(stolen.err(), Some(ClientError::NotResumed { handled: None }));
    assert!(system.resumed(&user.token, &resumption).await.is_ok());
}

#[tokio::test]
async fn a_rotated_key_is_found_and_what_the_old_one_signed_stays_good() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    system.provider.rotate_keys().unwrap();
    let new = system.enlisted("carol").await;
    for token in [&user.token, &new.token] {
        system.authenticated(token).await.unwrap().close().await.unwrap();
    }
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_and_what_is_open_stays_open() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (system.online(&user).await, system.bob().await);
    let unused = system.token("alice", &user.key).await;
    assert_eq!(system.provider.revoke_tokens_of("alice@provider.example"), 2);

    assert_eq!(system.enlisting.enlist(&unused, &user.key).await, refused(403, "token-revoked"));
    assert_eq!(system.enlisting.list(&user.token).await, refused(401, "token-revoked"));
    assert_eq!(system.enlisting.opt_out(&user.token, &user.internal_id).await, refused(401, "token-revoked"));
    let refusal = ClientError::TokenRefused(TokenStatus::InvalidToken);
    assert_eq!(system.authenticated(&user.token).await.err(), Some(refusal.clone()));
    talk(&mut alice, &user.jid(), &mut bob, "1").await;

    let resumption = alice.cut().unwrap();
    assert_eq!(system.resumed(&user.token, &resumption).await.err(), Some(refusal));
    let token = system.token("alice", &user.key).await;
    let mut alice = system.resumed(&token, &resumption).await.unwrap();
    talk(&mut alice, &user.jid(), &mut bob, "2").await;
}

#[tokio::test]
async fn who_opts_out_is_gone_with_all_sessions_and_comes_back_as_somebody_else() {
    let system = System::start().await;
    let user = system.enlisted("alice").await;
    let (mut alice, mut bob) = (system.online(&user).await, system.bob().await);
    let mut half_way = system.authenticated(&user.token).await.unwrap();
    assert_eq!(system.enlisting.opt_out(&user.token, &user.internal_id).await, Ok(()));
    assert_eq!(stream_error(&mut alice).await, "not-authorized");
    let late = half_way.bind("sofa", "").await;
    assert_eq!(late, Err(ClientError::StreamError("not-authorized".to_owned())));

    let refused = oauthbearer(&mut system.connect().await.unwrap(), &user.token).await;
    assert_eq!(refused, Refused::not_enlisted());
    say(&mut bob, &user.bare_jid(), "1", "Are you there?").await;
    let error = hear(&mut bob).await;
    assert_eq!((error.attribute("id"), error.attribute("type")), (Some("1"), Some("error")));

    let again = system.enlisted("alice").await;
    assert_ne!(again.internal_id, user.internal_id);
    let mut alice = system.online(&again).await;
    talk(&mut alice, &again.jid(), &mut bob, "2").await;
    assert!(system.provider.pushes().is_empty(), "nobody is woken for who is gone");
}

/// However much waits for it, and however little its client acknowledges.
#[tokio::test]
async fn a_session_that_is_full_ends_too_when_its_user_opts_out() {
    for waiting in [0, 256] {
        let system = System::start().await;
        let user = system.enlisted("alice").await;
        let (mut alice, mut bob) = (system.authenticated(&user.token).await.unwrap(), system.bob().await);
        alice.bind("desk", "").await.unwrap();
        // By hand, as the client would acknowledge all by itself.
        alice.send(b"<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await.unwrap();
        alice.receive_where(|root| root.name == "enabled").await.unwrap();
        // In two parts, so that neither is more than may wait for a session that is slow to write.
        for part in [128, 128] {
            for _ in 0..part {
                say(&mut bob, &user.jid(), "1", "unacknowledged").await;
            }
            for _ in 0..part {
                hear(&mut alice).await;
            }
        }
        for _ in 0..waiting {
            say(&mut bob, &user.jid(), "2", "in the mailbox").await;
        }
        catch_up(&mut bob).await;
        if waiting > 0 {
            say(&mut bob, &user.jid(), "3", "too much").await;
            let error = hear(&mut bob).await;
            assert_eq!((error.attribute("id"), error.attribute("type")), (Some("3"), Some("error")));
        }
        assert_eq!(system.enlisting.opt_out(&user.token, &user.internal_id).await, Ok(()));
        assert_eq!(stream_error(&mut alice).await, "not-authorized", "{waiting} waiting");
    }
}

#[tokio::test]
async fn a_good_token_of_who_is_not_enlisted_opens_no_stream() {
    let system = System::start().await;
    let token = system.token("alice", &key()).await;
    let mut client = system.connect().await.unwrap();
    assert_eq!(oauthbearer(&mut client, &token).await, Refused::not_enlisted());
    let in_one_step = Refused { status: None, ..Refused::not_enlisted() };
    assert_eq!(plain(&mut client, "alice@provider.example", &token).await, in_one_step);
}

#[tokio::test]
async fn a_token_for_another_gatekeeper_is_refused() {
    let system = System::start().await;
    let (account, key) = (system.account("alice"), key());
    let token = account.token(&system.enlisting.caller, ELSEWHERE, Some(&key)).await.unwrap().token;
    assert_eq!(system.enlisting.enlist(&token, &key).await, refused(403, "token-wrong-audience"));
    let refusal = oauthbearer(&mut system.connect().await.unwrap(), &token).await;
    assert_eq!(refusal, Refused::of_token("the token is for another audience"));
}

#[tokio::test]
async fn a_token_acts_for_its_own_user_only() {
    let system = System::start().await;
    let (alice, carol) = (system.enlisted("alice").await, system.enlisted("carol").await);
    for name in ["alice@provider.example", &alice.internal_id, &alice.bare_jid()] {
        let mut client = system.connect().await.unwrap();
        let (account, password) = (name.to_owned(), alice.token.clone());
        client.authenticate(&Credentials { account, password, mechanism: Mechanism::Plain }).await.unwrap();
    }
    for (name, condition) in [
        ("carol@provider.example", "not-authorized"),
        (carol.internal_id.as_str(), "not-authorized"),
        // An account of the gatekeeper's own has a password, and no token is one.
        ("bob", "not-authorized"),
    ] {
        let refusal = plain(&mut system.connect().await.unwrap(), name, &alice.token).await;
        assert_eq!(refusal.condition, condition, "{name}");
    }
    let message = format!("n,a={},\u{1}auth=Bearer {}\u{1}\u{1}", carol.internal_id, alice.token);
    let mut client = system.connect().await.unwrap();
    let refusal = super::sasl::attempt(&mut client, "OAUTHBEARER", &message).await;
    assert_eq!(refusal.condition, "invalid-authzid");
    // After a refusal the same stream takes what is right.
    client.authenticate(&bearer(&alice.token)).await.unwrap();
}

#[tokio::test]
async fn a_thousand_sessions_at_a_time_lose_nothing() {
    let program = env!("CARGO_BIN_EXE_vestibule").into();
    let options = demo::LoadOptions { sessions: 1000, program, mix: demo::Mix::default() };
    let load = move || demo::load(&options, &mut |_| ()).map_err(|error| error.to_string());
    let report = tokio::task::spawn_blocking(load).await.unwrap().unwrap();
    assert!(report.all_well(), "{report:?}");
    assert_eq!((report.held, report.messages.received), (1000, 22_000));
}
