//! Stream management and resumption (XEP-0198) as the gatekeeper speaks them.

use std::time::Duration;

use vestibule::sandbox::client::Client;
use vestibule::sandbox::element::Element;

use super::stage::{HOST, Sandbox, exchange, stream_error};

const SM: &str = "urn:xmpp:sm:3";
const PING: &[u8] = b"<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>";

impl Sandbox {
    /// Bound, with a session that can be resumed by the identifier.
    async fn resumable(&self, name: &str) -> (Client, String) {
        let mut client = self.bound(name).await;
        let enabled = exchange(&mut client, &format!("<enable xmlns='{SM}' resume='true'/>")).await;
        assert!(enabled.is(SM, "enabled"));
        (client, enabled.attribute("id").unwrap().to_owned())
    }

    /// Authenticates, asks for the session, and returns the answer.
    async fn resume(&self, name: &str, id: &str, handled: u32) -> (Client, Element) {
        let mut client = self.authenticated(name).await;
        let answer =
            exchange(&mut client, &format!("<resume xmlns='{SM}' previd='{id}' h='{handled}'/>")).await;
        (client, answer)
    }
}

/// The next stanza that is none of stream management's elements.
async fn stanza(client: &mut Client) -> Element {
    client.receive_where(|root| root.namespace != SM).await.unwrap().root
}

/// Sends these messages to ann's desk and waits until the gatekeeper has taken all of them.
async fn write_to_ann(ben: &mut Client, ids: std::ops::Range<usize>) {
    for id in ids {
        ben.send(format!("<message to='ann@{HOST}/desk' id='{id}'/>").as_bytes()).await.unwrap();
    }
    ben.send(PING).await.unwrap();
    ben.receive_where(|root| root.attribute("id") == Some("p")).await.unwrap();
}

async fn expect_messages(client: &mut Client, ids: std::ops::Range<usize>) {
    for id in ids {
        assert_eq!(stanza(client).await.attribute("id"), Some(id.to_string().as_str()));
    }
}

fn condition(failed: &Element) -> &str {
    assert!(failed.is(SM, "failed"), "{}", failed.name);
    &failed.children[0].name
}

#[tokio::test]
async fn stanzas_are_counted_in_both_directions() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.bound("ann").await;
    // What comes before it is enabled does not count.
    ann.send(PING).await.unwrap();
    stanza(&mut ann).await;
    let enabled = exchange(&mut ann, &format!("<enable xmlns='{SM}'/>")).await;
    assert!(enabled.is(SM, "enabled"));
    assert_eq!(enabled.attribute("id"), None);
    let answer = exchange(&mut ann, &format!("<r xmlns='{SM}'/>")).await;
    assert_eq!((answer.name.as_str(), answer.attribute("h")), ("a", Some("0")));
    ann.send(PING).await.unwrap();
    stanza(&mut ann).await;
    assert!(ann.receive().await.unwrap().root.is(SM, "r"));
    ann.send(format!("<a xmlns='{SM}' h='1'/>").as_bytes()).await.unwrap();
    let answer = exchange(&mut ann, &format!("<r xmlns='{SM}'/>")).await;
    assert_eq!((answer.name.as_str(), answer.attribute("h")), ("a", Some("1")));
}

#[tokio::test]
async fn it_is_enabled_once_and_only_where_a_resource_is_bound() {
    let sandbox = Sandbox::start().await;
    let enable = format!("<enable xmlns='{SM}'/>");
    let mut ann = sandbox.authenticated("ann").await;
    assert_eq!(condition(&exchange(&mut ann, &enable).await), "unexpected-request");
    ann.bind("desk", "").await.unwrap();
    let malformed = format!("<enable xmlns='{SM}' max='soon'/>");
    assert_eq!(condition(&exchange(&mut ann, &malformed).await), "bad-request");
    assert!(exchange(&mut ann, &enable).await.is(SM, "enabled"));
    assert_eq!(condition(&exchange(&mut ann, &enable).await), "unexpected-request");
    let resume = format!("<resume xmlns='{SM}' previd='x' h='0'/>");
    assert_eq!(condition(&exchange(&mut ann, &resume).await), "unexpected-request");
}

#[tokio::test]
async fn a_session_is_kept_as_long_as_both_sides_want() {
    let sandbox = Sandbox::start().await;
    for (wish, given) in
        [("", Some("300")), ("max='60'", Some("60")), ("max='9999'", Some("300")), ("max='0'", None)]
    {
        let mut ann = sandbox.bound("ann").await;
        let enabled = exchange(&mut ann, &format!("<enable xmlns='{SM}' resume='1' {wish}/>")).await;
        assert_eq!(enabled.attribute("max"), given, "{wish}");
        assert_eq!(enabled.attribute("resume").is_some(), given.is_some());
        ann.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_not_enabled_or_is_unknown_is_no_stanza() {
    let sandbox = Sandbox::start().await;
    for nonza in ["r", "a", "unknown"] {
        let mut ann = sandbox.bound("ann").await;
        ann.send(format!("<{nonza} xmlns='{SM}'/>").as_bytes()).await.unwrap();
        assert_eq!(stream_error(&mut ann).await, "unsupported-stanza-type", "{nonza}");
    }
}

#[tokio::test]
async fn a_count_of_what_was_never_sent_ends_the_stream() {
    let sandbox = Sandbox::start().await;
    for (handled, error) in [("5", "undefined-condition"), ("-1", "bad-format"), ("4294967296", "bad-format")]
    {
        let (mut ann, _) = sandbox.resumable("ann").await;
        ann.send(format!("<a xmlns='{SM}' h='{handled}'/>").as_bytes()).await.unwrap();
        assert_eq!(stream_error(&mut ann).await, error, "{handled}");
    }
    let sessions = sandbox.gatekeeper.sessions();
    let sent = sessions[0].transcripts.sent();
    let said = String::from_utf8_lossy(sent.bytes());
    assert!(said.contains("<handled-count-too-high xmlns='urn:xmpp:sm:3' h='5' send-count='0'/>"));
}

#[tokio::test]
async fn a_resumed_session_gets_in_order_what_it_had_not_acknowledged() {
    let sandbox = Sandbox::start().await;
    let mut ben = sandbox.bound("ben").await;
    let (mut ann, id) = sandbox.resumable("ann").await;
    ann.send(PING).await.unwrap();
    stanza(&mut ann).await;
    write_to_ann(&mut ben, 0..3).await;
    expect_messages(&mut ann, 0..3).await;
    drop(ann);
    write_to_ann(&mut ben, 3..5).await;

    // Handled: the answer to the ping, and the first message.
    let (mut ann, resumed) = sandbox.resume("ann", &id, 2).await;
    assert!(resumed.is(SM, "resumed"));
    assert_eq!((resumed.attribute("previd"), resumed.attribute("h")), (Some(id.as_str()), Some("1")));
    expect_messages(&mut ann, 1..5).await;
    write_to_ann(&mut ben, 5..6).await;
    expect_messages(&mut ann, 5..6).await;

    // And once more, by the same identifier.
    drop(ann);
    let (mut ann, resumed) = sandbox.resume("ann", &id, 7).await;
    assert!(resumed.is(SM, "resumed"));
    write_to_ann(&mut ben, 6..7).await;
    expect_messages(&mut ann, 6..7).await;

    // The question that the lost connection left open is asked again.
    drop(ann);
    let (mut ann, resumed) = sandbox.resume("ann", &id, 7).await;
    assert!(resumed.is(SM, "resumed"));
    assert_eq!(ann.receive().await.unwrap().root.attribute("id"), Some("6"));
    assert!(ann.receive().await.unwrap().root.is(SM, "r"));
    ann.close().await.unwrap();
    let session = sandbox.gatekeeper.ended_session("ann@gatekeeper.example/desk").await;
    assert_eq!(session.account.as_deref(), Some("ann"));
}

#[tokio::test]
async fn contacts_do_not_see_that_a_session_was_resumed() {
    let sandbox = Sandbox::start().await;
    let mut ben = sandbox.bound("ben").await;
    ben.send(b"<presence/>").await.unwrap();
    stanza(&mut ben).await;
    let (mut ann, id) = sandbox.resumable("ann").await;
    ann.send(b"<presence/>").await.unwrap();
    assert_eq!(stanza(&mut ben).await.attribute("from"), Some("ann@gatekeeper.example/desk"));
    drop(ann);
    let (mut ann, resumed) = sandbox.resume("ann", &id, 0).await;
    assert!(resumed.is(SM, "resumed"));
    ann.send(format!("<message to='ben@{HOST}' id='m'/>").as_bytes()).await.unwrap();
    assert_eq!(stanza(&mut ben).await.attribute("id"), Some("m"));
    ann.close().await.unwrap();
    assert_eq!(stanza(&mut ben).await.attribute("type"), Some("unavailable"));
}

#[tokio::test]
async fn a_connection_that_seems_alive_gives_its_session_up() {
    let sandbox = Sandbox::start().await;
    let (mut old, id) = sandbox.resumable("ann").await;
    let (mut new, resumed) = sandbox.resume("ann", &id, 0).await;
    assert!(resumed.is(SM, "resumed"));
    assert_eq!(stream_error(&mut old).await, "conflict");
    new.send(PING).await.unwrap();
    assert_eq!(stanza(&mut new).await.attribute("type"), Some("result"));
}

#[tokio::test]
async fn another_account_cannot_resume_a_session() {
    let sandbox = Sandbox::start().await;
    let (ann, id) = sandbox.resumable("ann").await;
    drop(ann);
    let (mut ben, failed) = sandbox.resume("ben", &id, 0).await;
    assert_eq!((condition(&failed), failed.attribute("h")), ("item-not-found", None));
    assert_eq!(ben.bind("desk", "").await.unwrap(), "ben@gatekeeper.example/desk");
    let (_ann, resumed) = sandbox.resume("ann", &id, 0).await;
    assert!(resumed.is(SM, "resumed"));
}

#[tokio::test]
async fn a_closed_stream_is_not_resumed_and_its_last_count_is_told() {
    let sandbox = Sandbox::start().await;
    let (mut ann, id) = sandbox.resumable("ann").await;
    ann.send(PING).await.unwrap();
    ann.close().await.unwrap();
    let (mut ann, failed) = sandbox.resume("ann", &id, 0).await;
    assert_eq!((condition(&failed), failed.attribute("h")), ("item-not-found", Some("1")));
    for malformed in ["h='0'", "previd='x'", "previd='x' h='many'"] {
        let failed = exchange(&mut ann, &format!("<resume xmlns='{SM}' {malformed}/>")).await;
        assert_eq!(condition(&failed), "bad-request", "{malformed}");
    }
    assert_eq!(ann.bind("desk", "").await.unwrap(), "ann@gatekeeper.example/desk");
}

#[tokio::test]
async fn resuming_with_a_wrong_count_ends_the_session() {
    let sandbox = Sandbox::start().await;
    let (ann, id) = sandbox.resumable("ann").await;
    drop(ann);
    let mut ann = sandbox.authenticated("ann").await;
    ann.send(format!("<resume xmlns='{SM}' previd='{id}' h='9'/>").as_bytes()).await.unwrap();
    assert_eq!(stream_error(&mut ann).await, "undefined-condition");
    let (_, failed) = sandbox.resume("ann", &id, 0).await;
    assert_eq!(condition(&failed), "item-not-found");
}

#[tokio::test]
async fn nobody_comes_and_messages_go_to_the_other_resource() {
    let sandbox = Sandbox::start_with(|config| config.resumption = Duration::from_secs(1)).await;
    let mut ben = sandbox.bound("ben").await;
    let (ann, id) = sandbox.resumable("ann").await;
    let mut sofa = sandbox.authenticated("ann").await;
    sofa.bind("sofa", "").await.unwrap();
    sofa.send(b"<presence/>").await.unwrap();
    stanza(&mut sofa).await;
    write_to_ann(&mut ben, 0..2).await;
    drop(ann);
    write_to_ann(&mut ben, 2..3).await;
    expect_messages(&mut sofa, 0..3).await;
    let (_, failed) = sandbox.resume("ann", &id, 0).await;
    assert_eq!((condition(&failed), failed.attribute("h")), ("item-not-found", Some("0")));
}

#[tokio::test]
async fn a_session_that_gets_too_much_while_it_waits_gives_all_of_it_back() {
    let sandbox = Sandbox::start().await;
    let mut ben = sandbox.bound("ben").await;
    let (ann, id) = sandbox.resumable("ann").await;
    let mut sofa = sandbox.authenticated("ann").await;
    sofa.bind("sofa", "").await.unwrap();
    sofa.send(b"<presence/>").await.unwrap();
    stanza(&mut sofa).await;
    drop(ann);
    sandbox.gatekeeper.ended_session("ann@gatekeeper.example/desk").await;
    let body = "x".repeat(3 << 19);
    for message in 0..3 {
        let message = format!("<message to='ann@{HOST}/desk' id='{message}'><body>{body}</body></message>");
        ben.send(message.as_bytes()).await.unwrap();
    }
    expect_messages(&mut sofa, 0..3).await;
    let (_, failed) = sandbox.resume("ann", &id, 0).await;
    assert_eq!(condition(&failed), "item-not-found");
}

#[tokio::test]
async fn no_more_is_sent_than_may_be_unacknowledged() {
    let sandbox = Sandbox::start().await;
    let mut ben = sandbox.bound("ben").await;
    let (mut ann, _) = sandbox.resumable("ann").await;
    // In two parts, so that neither is more than may wait for a session that is slow to write.
    write_to_ann(&mut ben, 0..200).await;
    expect_messages(&mut ann, 0..200).await;
    write_to_ann(&mut ben, 200..300).await;
    expect_messages(&mut ann, 200..256).await;
    // An answer to its own request still comes, and is the next that comes.
    ann.send(PING).await.unwrap();
    assert_eq!(stanza(&mut ann).await.attribute("id"), Some("p"));
    ann.send(format!("<a xmlns='{SM}' h='257'/>").as_bytes()).await.unwrap();
    expect_messages(&mut ann, 256..300).await;
}

#[tokio::test]
async fn who_asks_much_and_acknowledges_nothing_is_cut_off() {
    let sandbox = Sandbox::start().await;
    let (mut ann, _) = sandbox.resumable("ann").await;
    for _ in 0..513 {
        ann.send(PING).await.unwrap();
    }
    assert_eq!(stream_error(&mut ann).await, "policy-violation");
}
