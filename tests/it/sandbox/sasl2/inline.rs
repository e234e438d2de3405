//! What a client asks for along with its authentication: a resource (XEP-0386), stream management, and a session of before
//! (XEP-0198).

use vestibule::sandbox::client::Client;
use vestibule::sandbox::element::Element;

use super::{BIND_2, Granted, SM, authenticate_as, plain};
use crate::sandbox::stage::{HOST, Sandbox, exchange, next, stream_error};

/// The resource of an address of ann's.
fn resource(jid: &str) -> &str {
    jid.strip_prefix(&format!("ann@{HOST}/")).unwrap()
}

fn bind(content: &str) -> String {
    format!("<bind xmlns='{BIND_2}'>{content}</bind>")
}

/// Bound with stream management; the address, and by which identifier the session is resumed.
async fn resumable(sandbox: &Sandbox, name: &str) -> (Client, String, String) {
    let mut client = sandbox.connect().await;
    let request = plain(name, &bind(&format!("<enable xmlns='{SM}' resume='true'/>")));
    let granted = Granted::by(&mut client, &request).await;
    let bound = granted.child(BIND_2, "bound").unwrap();
    let id = bound.child(SM, "enabled").unwrap().attribute("id").unwrap().to_owned();
    (client, granted.jid().to_owned(), id)
}

fn resume(id: &str) -> String {
    format!("<resume xmlns='{SM}' previd='{id}' h='0'/>")
}

fn condition(failed: &Element) -> &str {
    &failed.children[0].name
}

#[tokio::test]
async fn a_resource_begins_with_the_clients_tag_and_is_unique() {
    let sandbox = Sandbox::start().await;
    let mut resources = Vec::new();
    for (content, prefix) in [
        ("<tag>app-2.4</tag>", "app-2.4/"),
        ("<tag>app-2.4</tag>", "app-2.4/"),
        ("<tag/>", ""),
        ("", ""),
        (&format!("<tag>{}</tag>", "x".repeat(1023)), ""),
    ] {
        let mut ann = sandbox.connect().await;
        let granted = Granted::by(&mut ann, &plain("ann", &bind(content))).await;
        let unique = resource(granted.jid()).strip_prefix(prefix).unwrap().to_owned();
        assert!(unique.len() == 32 && unique.bytes().all(|byte| byte.is_ascii_hexdigit()), "{unique}");
        assert!(granted.child(BIND_2, "bound").unwrap().children.is_empty());
        // It can still be turned on, as ever.
        assert_eq!(granted.offers(), ["sm"]);
        assert!(exchange(&mut ann, &format!("<enable xmlns='{SM}'/>")).await.is(SM, "enabled"));
        assert!(!resources.contains(&unique));
        resources.push(unique);
    }
}

#[tokio::test]
async fn what_is_said_in_the_bind_request_is_learnt() {
    let sandbox = Sandbox::start().await;
    let list =
        "<content-types xmlns='urn:x-vestibule:content-types:0'><accept class='image'/></content-types>";
    let mut ann = sandbox.connect().await;
    let granted = Granted::by(&mut ann, &plain("ann", &bind(list))).await;
    let session = &sandbox.gatekeeper.sessions()[0];
    assert_eq!(session.full_jid.as_deref(), Some(granted.jid()));
    assert_eq!(session.content_types[0].accepts[0].class.as_deref(), Some("image"));
    let mut ben = sandbox.bound("ben").await;
    let video = format!(
        "<message to='{}' id='v'><video xmlns='urn:x-vestibule:content:0'/></message>",
        granted.jid()
    );
    assert_eq!(exchange(&mut ben, &video).await.attribute("type"), Some("error"));
}

#[tokio::test]
async fn stream_management_is_turned_on_with_the_resource() {
    let sandbox = Sandbox::start().await;
    for (name, enable, answer) in [
        ("ann", format!("<enable xmlns='{SM}' resume='true' max='60'/>"), "enabled"),
        ("ben", format!("<enable xmlns='{SM}'/>"), "enabled"),
        ("cat", format!("<enable xmlns='{SM}' max='soon'/>"), "failed"),
    ] {
        let mut client = sandbox.connect().await;
        let granted = Granted::by(&mut client, &plain(name, &bind(&enable))).await;
        let [answered] = granted.child(BIND_2, "bound").unwrap().children.as_slice() else {
            panic!("one answer")
        };
        assert!(answered.is(SM, answer), "{enable}: {}", answered.name);
        let (is_on, is_resumable) = (answer == "enabled", enable.contains("resume"));
        assert_eq!(answered.attribute("max"), is_resumable.then_some("60"));
        assert_eq!(answered.attribute("id").is_some(), is_resumable);
        assert_eq!(granted.offers().is_empty(), is_on);
        if is_on {
            // What is sent is counted from here.
            client.send(format!("<presence/><r xmlns='{SM}'/>").as_bytes()).await.unwrap();
            let counted = client.receive_where(|root| root.is(SM, "a")).await.unwrap().root;
            assert_eq!(counted.attribute("h"), Some("1"));
        }
    }
}

#[tokio::test]
async fn a_session_is_resumed_in_one_step_with_what_it_missed() {
    let sandbox = Sandbox::start().await;
    let (mut ann, jid, id) = resumable(&sandbox, "ann").await;
    ann.send(b"<presence/>").await.unwrap();
    next(&mut ann).await;
    let mut ben = sandbox.bound("ben").await;
    for id in ["1", "2"] {
        ben.send(format!("<message to='{jid}' id='{id}'/>").as_bytes()).await.unwrap();
    }
    ann.receive_where(|root| root.attribute("id") == Some("2")).await.unwrap();
    let mut again = sandbox.connect().await;
    // The bind request is for the case that there is nothing to resume.
    let request = plain("ann", &format!("{}{}", bind("<tag>other</tag>"), resume(&id)));
    let granted = Granted::by(&mut again, &request).await;
    assert_eq!(granted.jid(), jid);
    let resumed = granted.child(SM, "resumed").unwrap();
    assert_eq!((resumed.attribute("previd"), resumed.attribute("h")), (Some(id.as_str()), Some("1")));
    assert!(granted.child(BIND_2, "bound").is_none() && granted.offers().is_empty());
    let mut missed = Vec::new();
    for _ in 0..3 {
        missed.push(next(&mut again).await);
    }
    let seen: Vec<_> = missed.iter().map(|stanza| (stanza.name.as_str(), stanza.attribute("id"))).collect();
    assert_eq!(seen, [("presence", None), ("message", Some("1")), ("message", Some("2"))]);
    assert_eq!(stream_error(&mut ann).await, "conflict");
}

#[tokio::test]
async fn where_nothing_is_resumed_the_bind_request_holds() {
    let sandbox = Sandbox::start().await;
    let (ben, _, bens) = resumable(&sandbox, "ben").await;
    for (resume, expected) in [
        (resume("nothing"), "item-not-found"),
        (resume(&bens), "item-not-found"),
        (format!("<resume xmlns='{SM}' previd='{bens}'/>"), "bad-request"),
    ] {
        let mut ann = sandbox.connect().await;
        let request = plain("ann", &format!("{resume}{}", bind("<tag>app</tag>")));
        let granted = Granted::by(&mut ann, &request).await;
        assert_eq!(condition(granted.child(SM, "failed").unwrap()), expected);
        assert!(granted.child(BIND_2, "bound").is_some());
        assert!(resource(granted.jid()).starts_with("app/"));
        ann.send(b"<presence/>").await.unwrap();
        assert_eq!(next(&mut ann).await.attribute("from"), Some(granted.jid()));
    }
    drop(ben);
}

#[tokio::test]
async fn where_nothing_is_resumed_or_bound_the_client_may_do_either() {
    let sandbox = Sandbox::start().await;
    let (_first, jid, id) = resumable(&sandbox, "ann").await;
    let mut ann = sandbox.connect().await;
    let granted = Granted::by(&mut ann, &plain("ann", &resume("nothing"))).await;
    assert_eq!(condition(granted.child(SM, "failed").unwrap()), "item-not-found");
    assert_eq!((granted.jid(), granted.offers()), (format!("ann@{HOST}").as_str(), vec!["bind", "sm"]));
    assert!(exchange(&mut ann, &resume(&id)).await.is(SM, "resumed"));
    let session = sandbox.gatekeeper.sessions().pop().unwrap();
    assert_eq!(session.full_jid, Some(jid));
}

#[tokio::test]
async fn a_count_that_is_too_high_ends_the_stream() {
    let sandbox = Sandbox::start().await;
    let (_first, _, id) = resumable(&sandbox, "ann").await;
    let mut ann = sandbox.connect().await;
    let request = plain("ann", &resume(&id).replace("h='0'", "h='9'"));
    ann.send(request.as_bytes()).await.unwrap();
    assert_eq!(stream_error(&mut ann).await, "undefined-condition");
}

/// XEP-0386, section 3.2.
#[tokio::test]
async fn a_client_that_binds_anew_ends_its_session_of_before() {
    let sandbox = Sandbox::start().await;
    let (mut first, _, id) = resumable(&sandbox, "ann").await;
    let mut desk = sandbox.connect().await;
    let request = authenticate_as("desk", "PLAIN", "\0ann\0ann's password", &bind(""));
    let granted = Granted::by(&mut desk, &request).await;
    let (mut second, ..) = resumable(&sandbox, "ann").await;
    assert_eq!(stream_error(&mut first).await, "conflict");
    assert_eq!(condition(&exchange(&mut second, &resume(&id)).await), "unexpected-request");
    let mut third = sandbox.connect().await;
    let answer = Granted::by(&mut third, &plain("ann", &resume(&id))).await;
    assert_eq!(condition(answer.child(SM, "failed").unwrap()), "item-not-found");
    // Another client of the account stays.
    desk.send(b"<presence/>").await.unwrap();
    assert_eq!(next(&mut desk).await.attribute("from"), Some(granted.jid()));
}

#[tokio::test]
async fn who_has_too_many_resources_is_authenticated_and_not_bound() {
    let sandbox = Sandbox::start().await;
    let mut bound = Vec::new();
    let request = |client: &str| authenticate_as(client, "PLAIN", "\0ann\0ann's password", &bind(""));
    for client in 0..16 {
        let mut ann = sandbox.connect().await;
        Granted::by(&mut ann, &request(&client.to_string())).await;
        bound.push(ann);
    }
    let mut ann = sandbox.connect().await;
    let granted = Granted::by(&mut ann, &request("late")).await;
    assert!(granted.child(BIND_2, "bound").is_none());
    assert_eq!((granted.jid(), granted.offers()), (format!("ann@{HOST}").as_str(), vec!["bind", "sm"]));
    assert!(ann.bind("desk", "").await.is_err());
    drop(bound.pop());
    while ann.bind("desk", "").await.is_err() {}
}
