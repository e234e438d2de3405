//! The gatekeeper's routing over loopback: rosters, what waits for the absent, content types, and the operator's view.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use vestibule::sandbox::client::Client;
use vestibule::sandbox::element::Element;

use super::stage::{HOST, OPERATOR as CREDENTIAL, Sandbox, next};

const CONTENT_TYPES: &str = "urn:x-vestibule:content-types:0";
const SIGNALS: &str =
    "<signals xmlns='urn:x-vestibule:signals:0'><address source='observed'>192.0.2.1</address></signals>";

impl Sandbox {
    async fn bound_as(&self, name: &str, resource: &str, extra: &str) -> Client {
        let mut client = self.authenticated(name).await;
        client.bind(resource, extra).await.unwrap();
        client
    }

    /// Asks the operator's interface. Returns the status and the JSON.
    async fn operate(
        &self,
        method: Method,
        path: &str,
        credential: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let url = format!("https://localhost:{}/operator/{path}", self.gatekeeper.api().port());
        let mut request = self.http.request(method, url).bearer_auth(credential);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }
}

async fn say(client: &mut Client, stanza: &str) {
    client.send(stanza.as_bytes()).await.unwrap();
}

/// Waits until the server has taken all that the client has sent. What came before the answer is passed over.
async fn settle(client: &mut Client) {
    say(client, "<iq type='get' id='settle'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    client.receive_where(|stanza| stanza.attribute("id") == Some("settle")).await.unwrap();
}

async fn roster(client: &mut Client) -> Vec<Element> {
    say(client, "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>").await;
    let answer = client.receive_where(|stanza| stanza.attribute("id") == Some("roster")).await.unwrap().root;
    answer.children.into_iter().next().unwrap().children
}

/// The condition of a stanza error.
fn condition(error: &Element) -> &str {
    assert_eq!(error.attribute("type"), Some("error"));
    &error.children[0].children[0].name
}

#[tokio::test]
async fn contacts_of_the_configuration_are_mutual() {
    let sandbox = Sandbox::start().await;
    for (account, contact) in [("ann", "ben@gatekeeper.example"), ("ben", "ann@gatekeeper.example")] {
        let items = roster(&mut sandbox.bound(account).await).await;
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].attribute("jid"), Some(contact));
        assert_eq!(items[0].attribute("subscription"), Some("both"));
    }
    assert!(roster(&mut sandbox.bound("cat").await).await.is_empty());
}

#[tokio::test]
async fn a_change_of_the_roster_is_told_to_the_clients_that_have_it() {
    let sandbox = Sandbox::start().await;
    let mut desk = sandbox.bound_as("cat", "desk", "").await;
    let mut sofa = sandbox.bound_as("cat", "sofa", "").await;
    let mut bare = sandbox.bound_as("cat", "bare", "").await;
    roster(&mut desk).await;
    roster(&mut sofa).await;
    let set =
        |item: &str| format!("<iq type='set' id='s'><query xmlns='jabber:iq:roster'>{item}</query></iq>");
    say(&mut desk, &set("<item jid='ann@gatekeeper.example' name='A &amp; N'><group>G</group></item>")).await;
    for client in [&mut desk, &mut sofa] {
        let push = client.receive_where(|stanza| stanza.attribute("type") == Some("set")).await.unwrap().root;
        let item = &push.children[0].children[0];
        assert_eq!((item.attribute("name"), item.children[0].text.as_str()), (Some("A & N"), "G"));
        assert_eq!(item.attribute("subscription"), Some("none"));
    }
    say(&mut desk, &set("<item jid='ann@gatekeeper.example' subscription='remove'/>")).await;
    let push = next(&mut sofa).await;
    assert_eq!(push.children[0].children[0].attribute("subscription"), Some("remove"));
    say(&mut bare, "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    assert_eq!(next(&mut bare).await.attribute("id"), Some("p"), "it was pushed nothing");
    assert!(roster(&mut desk).await.is_empty());
}

#[tokio::test]
async fn a_wrong_change_of_the_roster_is_refused() {
    let sandbox = Sandbox::start().await;
    let mut cat = sandbox.bound("cat").await;
    let long = "x".repeat(1024);
    let cases = [
        (String::new(), "bad-request"),
        (
            "<item jid='ann@gatekeeper.example'/><item jid='ben@gatekeeper.example'/>".to_owned(),
            "bad-request",
        ),
        ("<item/>".to_owned(), "bad-request"),
        ("<item jid='@gatekeeper.example'/>".to_owned(), "jid-malformed"),
        ("<item jid='ann@elsewhere.example'/>".to_owned(), "not-allowed"),
        ("<item jid='cat@gatekeeper.example'/>".to_owned(), "not-allowed"),
        ("<item jid='ann@gatekeeper.example' subscription='remove'/>".to_owned(), "item-not-found"),
        (format!("<item jid='ann@gatekeeper.example' name='{long}'/>"), "not-acceptable"),
        ("<item jid='ann@gatekeeper.example'><group/></item>".to_owned(), "not-acceptable"),
        (
            "<item jid='ann@gatekeeper.example'><group>G</group><group>G</group></item>".to_owned(),
            "not-acceptable",
        ),
    ];
    for (items, expected) in cases {
        say(&mut cat, &format!("<iq type='set' id='s'><query xmlns='jabber:iq:roster'>{items}</query></iq>"))
            .await;
        assert_eq!(condition(&next(&mut cat).await), expected, "{items}");
    }
}

#[tokio::test]
async fn a_request_to_see_presence_waits_and_is_granted_and_taken_back() {
    let sandbox = Sandbox::start().await;
    let mut cat = sandbox.available("cat").await;
    roster(&mut cat).await;
    say(&mut cat, "<presence type='subscribe' to='ann@gatekeeper.example'/>").await;
    assert_eq!(next(&mut cat).await.children[0].children[0].attribute("ask"), Some("subscribe"));

    let mut ann = sandbox.available("ann").await;
    let asked = next(&mut ann).await;
    assert_eq!(asked.attribute("type"), Some("subscribe"));
    assert_eq!(asked.attribute("from"), Some("cat@gatekeeper.example"));
    say(&mut ann, "<presence type='subscribed' to='cat@gatekeeper.example'/>").await;
    assert_eq!(next(&mut cat).await.children[0].children[0].attribute("subscription"), Some("to"));
    assert_eq!(next(&mut cat).await.attribute("type"), Some("subscribed"));
    assert_eq!(next(&mut cat).await.attribute("from"), Some("ann@gatekeeper.example/desk"));

    say(&mut ann, "<presence type='unsubscribed' to='cat@gatekeeper.example'/>").await;
    assert_eq!(next(&mut cat).await.children[0].children[0].attribute("subscription"), Some("none"));
    assert_eq!(next(&mut cat).await.attribute("type"), Some("unsubscribed"));
    assert_eq!(next(&mut cat).await.attribute("type"), Some("unavailable"));
}

#[tokio::test]
async fn directed_presence_reaches_who_it_is_for() {
    let sandbox = Sandbox::start().await;
    let mut cat = sandbox.available("cat").await;
    let mut ann = sandbox.bound("ann").await;
    say(&mut ann, "<presence to='cat@gatekeeper.example'/>").await;
    assert_eq!(next(&mut cat).await.attribute("from"), Some("ann@gatekeeper.example/desk"));
    say(&mut ann, "<presence type='unavailable' to='cat@gatekeeper.example/desk'/>").await;
    assert_eq!(next(&mut cat).await.attribute("type"), Some("unavailable"));
    say(&mut ann, "<presence to='cat@gatekeeper.example/desk' id='again'/>").await;
    assert_eq!(next(&mut cat).await.attribute("id"), Some("again"));
    drop(ann);
    assert_eq!(next(&mut cat).await.attribute("type"), Some("unavailable"));
}

#[tokio::test]
async fn messages_of_the_absent_wait_in_order_with_their_time() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.available("ann").await;
    for stanza in [
        "<message to='ben@gatekeeper.example' id='1' type='chat'><body>1</body></message>",
        "<message to='ben@gatekeeper.example/desk' id='2'><body>2</body></message>",
        "<message to='ben@gatekeeper.example' type='headline' id='x'><body>x</body></message>",
        "<message to='ben@gatekeeper.example' type='error' id='x'><body>x</body></message>",
        "<message to='ben@gatekeeper.example' type='chat' id='x'>\
         <composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        "<message to='ben@gatekeeper.example' id='3'><received xmlns='urn:xmpp:receipts' id='0'/></message>",
    ] {
        say(&mut ann, stanza).await;
    }
    settle(&mut ann).await;
    let mut ben = sandbox.bound("ben").await;
    say(&mut ben, "<presence><priority>-1</priority></presence>").await;
    settle(&mut ben).await;
    say(&mut ben, "<presence/>").await;
    for id in ["1", "2", "3"] {
        let message = ben.receive_where(|stanza| stanza.name == "message").await.unwrap().root;
        assert_eq!(message.attribute("id"), Some(id));
        let delay = message.child("urn:xmpp:delay", "delay").unwrap();
        assert_eq!(delay.attribute("from"), Some(HOST));
        assert!(delay.attribute("stamp").is_some_and(|stamp| stamp.len() == "2026-01-01T00:00:00Z".len()));
    }
    settle(&mut ben).await;
}

#[tokio::test]
async fn what_must_not_wait_comes_back() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.available("ann").await;
    for stanza in [
        "<message to='ben@gatekeeper.example' type='groupchat'><body>x</body></message>",
        "<message to='ben@gatekeeper.example'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>",
        "<message to='nobody@gatekeeper.example'><body>x</body></message>",
        "<iq type='get' id='i' to='ben@gatekeeper.example'><q xmlns='q'/></iq>",
        "<iq type='get' id='i' to='nobody@gatekeeper.example'><q xmlns='q'/></iq>",
        "<iq type='get' id='i' to='ben@gatekeeper.example/desk'><q xmlns='q'/></iq>",
        "<iq type='get' id='i'><vCard xmlns='vcard-temp'/></iq>",
        "<iq type='get' id='i'><query xmlns='jabber:iq:private'/></iq>",
    ] {
        say(&mut ann, stanza).await;
        assert_eq!(condition(&next(&mut ann).await), "service-unavailable", "{stanza}");
    }
}

#[tokio::test]
async fn service_discovery_knows_the_server_and_the_account() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.bound("ann").await;
    for (to, category) in [("gatekeeper.example", "server"), ("ann@gatekeeper.example", "account")] {
        for namespace in ["http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"] {
            say(&mut ann, &format!("<iq type='get' id='d' to='{to}'><query xmlns='{namespace}'/></iq>"))
                .await;
            let answer = next(&mut ann).await;
            assert_eq!((answer.attribute("type"), answer.attribute("from")), (Some("result"), Some(to)));
            let identity = answer.child(namespace, "query").unwrap().child(namespace, "identity");
            let expected = namespace.ends_with("#info").then_some(category);
            assert_eq!(identity.and_then(|identity| identity.attribute("category")), expected);
        }
    }
    say(
        &mut ann,
        "<iq type='get' id='d' to='gatekeeper.example'><query xmlns='http://jabber.org/protocol/disco#info' \
         node='n'/></iq>",
    )
    .await;
    assert_eq!(condition(&next(&mut ann).await), "item-not-found");
}

#[tokio::test]
async fn the_operator_sees_sessions_and_changes_how_clients_are_treated() {
    let sandbox = Sandbox::start().await;
    let list = format!("<content-types xmlns='{CONTENT_TYPES}'><accept class='text'/></content-types>");
    let mut ann = sandbox.bound_as("ann", "desk", &format!("{list}{SIGNALS}")).await;
    say(&mut ann, "<presence/>").await;
    next(&mut ann).await;
    let mut cat = sandbox.bound("cat").await;
    let video =
        "<message to='ann@gatekeeper.example/desk'><video xmlns='urn:x-vestibule:content:0'/></message>";
    say(&mut cat, video).await;
    let refused = next(&mut cat).await;
    assert_eq!(condition(&refused), "not-acceptable");
    assert_eq!(refused.children[0].children[1].attribute("class"), Some("video"));

    let misbehaving = json!({ "ignore_content_types": true });
    let changed = sandbox.operate(Method::PUT, "behaviour", CREDENTIAL, Some(&misbehaving)).await;
    assert_eq!(changed, (StatusCode::OK, misbehaving.clone()));
    let shown = sandbox.operate(Method::GET, "behaviour", CREDENTIAL, None).await;
    assert_eq!(shown, (StatusCode::OK, misbehaving));
    say(&mut cat, video).await;
    assert_eq!(next(&mut ann).await.children[0].name, "video");

    say(&mut cat, "<message to='ben@gatekeeper.example'><body>x</body></message>").await;
    settle(&mut cat).await;
    let (_, accounts) = sandbox.operate(Method::GET, "accounts", CREDENTIAL, None).await;
    let none = json!({ "asked": 0, "failed": 0 });
    assert_eq!(
        accounts["accounts"][1],
        json!({ "account": "ben", "issuer": null, "visible_id": null, "queued": 1, "pushes": none })
    );
    let (_, sessions) = sandbox.operate(Method::GET, "sessions", CREDENTIAL, None).await;
    let session = &sessions["sessions"][0];
    assert_eq!(session["full_jid"], "ann@gatekeeper.example/desk");
    assert_eq!(session["peer"], ann.local_address().unwrap().to_string());
    assert_eq!(session["content_types"][0]["carrier"], "bind");
    assert_eq!(session["content_types"][0]["accepts"][0]["class"], "text");
    assert_eq!(
        session["signals"],
        json!([{ "name": "address", "attributes": { "source": "observed" }, "text": "192.0.2.1" }])
    );
    assert_eq!(session["stanzas"], json!({ "received": 1, "sent": 2 }));
    assert_eq!((&session["ended"], &session["proxy_header"]), (&json!(false), &Value::Null));
    let (_, rest) = sandbox.operate(Method::GET, "sessions?after=0", CREDENTIAL, None).await;
    assert_eq!(rest["sessions"].as_array().unwrap()[..], sessions["sessions"].as_array().unwrap()[1..]);
    let (_, rest) = sandbox.operate(Method::GET, "accounts?after=ben", CREDENTIAL, None).await;
    let names: Vec<_> = rest["accounts"].as_array().unwrap().iter().map(|shown| &shown["account"]).collect();
    assert_eq!((names, &rest["next"]), (vec![&json!("cat")], &Value::Null));
    let wrong = ["sessions?after=x", "sessions?after=-1", "sessions?before=1", "accounts?after="];
    for path in wrong {
        let (status, problem) = sandbox.operate(Method::GET, path, CREDENTIAL, None).await;
        let wrong = json!("urn:x-vestibule:problem:query");
        assert_eq!((status, &problem["type"]), (StatusCode::BAD_REQUEST, &wrong), "{path}");
    }
}

#[tokio::test]
async fn nobody_but_the_operator_is_shown_anything() {
    let sandbox = Sandbox::start().await;
    for path in ["sessions", "accounts", "behaviour"] {
        let (status, problem) = sandbox.operate(Method::GET, path, "guessed", None).await;
        assert_eq!((status, &problem["status"]), (StatusCode::UNAUTHORIZED, &json!(401)), "{path}");
    }
    let (status, _) = sandbox.operate(Method::DELETE, "sessions", CREDENTIAL, None).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    for body in
        [json!({}), json!({ "ignore_content_types": 1 }), json!({ "ignore_content_types": true, "x": 1 })]
    {
        let (status, _) = sandbox.operate(Method::PUT, "behaviour", CREDENTIAL, Some(&body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let without = Sandbox::start_with(|config| config.operator = None).await;
    let (status, _) = without.operate(Method::GET, "sessions", CREDENTIAL, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
