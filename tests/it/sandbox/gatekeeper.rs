//! The sandbox's gatekeeper and client directly against each other.

use std::time::Duration;

use vestibule::sandbox::certificates::{Authority, CertificateError};
use vestibule::sandbox::client::{Client, ClientError, Credentials, Mechanism, Server};
use vestibule::sandbox::connection::ConnectionError;
use vestibule::sandbox::gatekeeper::Carrier;

use super::stage::{HOST, Sandbox, credentials, exchange, next};

const CONTENT_TYPES: &str = "urn:x-test:content-types";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
const CLIENT: &str = "jabber:client";
const DELAY: &str = "urn:xmpp:delay";

fn condition(error: &ClientError) -> &str {
    match error {
        ClientError::StreamError(condition) => condition,
        other => panic!("no stream error: {other}"),
    }
}

#[tokio::test]
async fn both_mechanisms_prove_who_somebody_is() {
    let sandbox = Sandbox::start().await;
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
        let mut client = sandbox.connect().await;
        client.authenticate(&credentials("ann", mechanism)).await.unwrap();
        assert_eq!(client.bind("desk", "").await.unwrap(), "ann@gatekeeper.example/desk");
        client.close().await.unwrap();
        sandbox.gatekeeper.ended_session("ann@gatekeeper.example/desk").await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_both_mechanisms() {
    let sandbox = Sandbox::start().await;
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
        let wrong = Credentials { password: "guessed".to_owned(), ..credentials("ann", mechanism) };
        let mut client = sandbox.connect().await;
        assert_eq!(client.authenticate(&wrong).await, Err(ClientError::NotAuthenticated), "{mechanism:?}");
        // Another attempt on the same stream may succeed (RFC 6120, section 6.4.5).
        client.authenticate(&credentials("ann", mechanism)).await.unwrap();
    }
}

#[tokio::test]
async fn too_many_attempts_end_the_stream() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.connect().await;
    let wrong = Credentials { password: "guessed".to_owned(), ..credentials("ann", Mechanism::Plain) };
    for _ in 0..3 {
        assert_eq!(client.authenticate(&wrong).await, Err(ClientError::NotAuthenticated));
    }
    assert_eq!(condition(&client.receive().await.err().unwrap()), "policy-violation");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_trusted() {
    let sandbox = Sandbox::start().await;
    let tls = Authority::new("another").and_then(|other| other.client_config());
    let server = Server {
        tls: tls.map_err(|error: CertificateError| error.to_string()).unwrap(),
        ..sandbox.server.clone()
    };
    let error = Client::connect(&server).await.err().unwrap();
    assert_eq!(error, ClientError::Connection(ConnectionError::Certificate));
}

#[tokio::test]
async fn a_stream_to_another_domain_is_refused() {
    let sandbox = Sandbox::start().await;
    let server = Server { host: "elsewhere.example".to_owned(), ..sandbox.server.clone() };
    let error = Client::connect(&server).await.err().unwrap();
    assert_eq!(condition(&error), "host-unknown");
}

#[tokio::test]
async fn nothing_but_authentication_is_taken_before_authentication() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.connect().await;
    client.send(b"<presence/>").await.unwrap();
    assert_eq!(condition(&client.receive().await.err().unwrap()), "not-authorized");
}

#[tokio::test]
async fn ill_formed_xml_ends_the_stream() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.bound("ann").await;
    client.send(b"<message></presence>").await.unwrap();
    assert_eq!(condition(&client.receive().await.err().unwrap()), "not-well-formed");
}

#[tokio::test]
async fn a_taken_resource_gives_another_one() {
    let sandbox = Sandbox::start().await;
    let _first = sandbox.bound("ann").await;
    let mut second = sandbox.authenticated("ann").await;
    let jid = second.bind("desk", "").await.unwrap();
    assert!(jid.starts_with("ann@gatekeeper.example/"));
    assert_ne!(jid, "ann@gatekeeper.example/desk");
}

#[tokio::test]
async fn who_has_too_many_resources_may_bind_once_one_is_free() {
    let sandbox = Sandbox::start().await;
    let mut bound = Vec::new();
    for number in 0..16 {
        let mut client = sandbox.authenticated("ann").await;
        client.bind(&number.to_string(), "").await.unwrap();
        bound.push(client);
    }
    let mut late = sandbox.authenticated("ann").await;
    let request = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    let refused = exchange(&mut late, request).await;
    assert_eq!((refused.attribute("type"), refused.attribute("id")), (Some("error"), Some("b")));
    assert_eq!(refused.children[0].attribute("type"), Some("wait"));
    assert_eq!(refused.children[0].children[0].name, "resource-constraint");
    bound.pop().unwrap().close().await.unwrap();
    sandbox.gatekeeper.ended_session("ann@gatekeeper.example/15").await;
    assert_eq!(late.bind("desk", "").await.unwrap(), "ann@gatekeeper.example/desk");
}

#[tokio::test]
async fn contacts_see_each_other_come_and_go() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.available("ann").await;
    let mut ben = sandbox.bound("ben").await;
    ben.send(b"<presence><show>away</show></presence>").await.unwrap();
    let seen = next(&mut ann).await;
    assert_eq!(
        (seen.name.as_str(), seen.attribute("from")),
        ("presence", Some("ben@gatekeeper.example/desk"))
    );
    let seen =
        ben.receive_where(|stanza| stanza.attribute("from") == Some("ann@gatekeeper.example/desk")).await;
    assert!(seen.is_ok());
    ben.close().await.unwrap();
    let gone = next(&mut ann).await;
    assert_eq!(gone.attribute("type"), Some("unavailable"));
}

#[tokio::test]
async fn a_resource_with_markup_in_it_stays_text() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.available("ann").await;
    let mut ben = sandbox.authenticated("ben").await;
    let jid = ben.bind("it's <\"&>", "").await.unwrap();
    assert_eq!(jid, "ben@gatekeeper.example/it's <\"&>");
    ben.send(b"<presence/>").await.unwrap();
    ben.close().await.unwrap();
    for _ in ["available", "unavailable"] {
        assert_eq!(next(&mut ann).await.attribute("from"), Some(jid.as_str()));
    }
}

#[tokio::test]
async fn a_lost_connection_is_seen_as_absence() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.available("ann").await;
    let ben = sandbox.available("ben").await;
    next(&mut ann).await;
    drop(ben);
    assert_eq!(next(&mut ann).await.attribute("type"), Some("unavailable"));
}

#[tokio::test]
async fn a_message_is_delivered_as_it_was_written_but_for_its_sender() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.available("ann").await;
    let mut ben = sandbox.bound("ben").await;
    let cases = [
        (
            "<message  to='ben@gatekeeper.example/desk'><body>&#x38; <![CDATA[<3]]></body ></message>",
            "<message from='ann@gatekeeper.example/desk'  to='ben@gatekeeper.example/desk'>\
             <body>&#x38; <![CDATA[<3]]></body ></message>",
        ),
        (
            "<message from=\"root@gatekeeper.example\" to='ben@gatekeeper.example/desk'/>",
            "<message from=\"ann@gatekeeper.example/desk\" to='ben@gatekeeper.example/desk'/>",
        ),
    ];
    for (sent, delivered) in cases {
        ann.send(sent.as_bytes()).await.unwrap();
        let received = ben.receive().await.unwrap();
        assert_eq!(String::from_utf8(received.bytes).unwrap(), delivered);
    }
}

#[tokio::test]
async fn a_message_to_a_bare_address_reaches_every_available_resource() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.available("ann").await;
    let mut first = sandbox.available("ben").await;
    let mut second = sandbox.authenticated("ben").await;
    second.bind("sofa", "").await.unwrap();
    second.send(b"<presence/>").await.unwrap();
    next(&mut second).await;
    ann.send(b"<message to='ben@gatekeeper.example' id='m'/>").await.unwrap();
    for client in [&mut first, &mut second] {
        client.receive_where(|stanza| stanza.attribute("id") == Some("m")).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_delivered_comes_back_as_an_error() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.bound("ann").await;
    let cases = [
        ("nobody@gatekeeper.example", "service-unavailable"),
        ("gatekeeper.example", "service-unavailable"),
        ("ben@elsewhere.example", "remote-server-not-found"),
        ("@gatekeeper.example", "jid-malformed"),
    ];
    for (to, condition) in cases {
        ann.send(format!("<message to='{to}' id='m'/>").as_bytes()).await.unwrap();
        let error = next(&mut ann).await;
        assert_eq!((error.attribute("type"), error.attribute("from")), (Some("error"), Some(to)));
        assert_eq!(error.children[0].children[0].name, condition, "{to}");
    }
    // An error is not answered: what comes next is the answer to the ping.
    ann.send(b"<message to='ben@gatekeeper.example' type='error'/>").await.unwrap();
    ann.send(b"<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").await.unwrap();
    assert_eq!(next(&mut ann).await.attribute("id"), Some("p"));
}

#[tokio::test]
async fn the_server_answers_pings_and_refuses_what_it_does_not_know() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.bound("ann").await;
    ann.send(b"<iq type='get' id='1' to='gatekeeper.example'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await
        .unwrap();
    assert_eq!(next(&mut ann).await.attribute("type"), Some("result"));
    ann.send(b"<iq type='get' id='2'><vCard xmlns='vcard-temp'/></iq>").await.unwrap();
    let answer = next(&mut ann).await;
    assert_eq!((answer.attribute("type"), answer.attribute("id")), (Some("error"), Some("2")));
    assert_eq!(answer.children[0].children[0].name, "service-unavailable");
}

#[tokio::test]
async fn a_request_to_another_client_is_answered_by_it() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.bound("ann").await;
    let mut ben = sandbox.bound("ben").await;
    ann.send(b"<iq type='get' id='v' to='ben@gatekeeper.example/desk'><q xmlns='q'/></iq>").await.unwrap();
    assert_eq!(next(&mut ben).await.attribute("from"), Some("ann@gatekeeper.example/desk"));
    ben.send(b"<iq type='result' id='v' to='ann@gatekeeper.example/desk'/>").await.unwrap();
    assert_eq!(next(&mut ann).await.attribute("from"), Some("ben@gatekeeper.example/desk"));
}

#[tokio::test]
async fn the_gatekeeper_learns_content_types_from_bind_and_presence() {
    let sandbox = Sandbox::start_with(|config| config.words.content_types = CONTENT_TYPES.to_owned()).await;
    let list = |class: &str| {
        format!(
            "<list xmlns='{CONTENT_TYPES}'><item class='{class}' type='a/b' max-size='7'/><item class='file'/></list>"
        )
    };
    let mut ann = sandbox.authenticated("ann").await;
    ann.bind("desk", &list("image")).await.unwrap();
    ann.send(format!("<presence>{}</presence>", list("voice")).as_bytes()).await.unwrap();
    ann.close().await.unwrap();
    let session = sandbox.gatekeeper.ended_session("ann@gatekeeper.example/desk").await;
    let told: Vec<_> = session.content_types.iter().map(|told| told.carrier).collect();
    assert_eq!(told, [Carrier::Bind, Carrier::Presence]);
    let first = &session.content_types[0].accepts;
    assert_eq!(first.len(), 2);
    assert_eq!(
        (first[0].class.as_deref(), first[0].media_type.as_deref(), first[0].max_size.as_deref()),
        (Some("image"), Some("a/b"), Some("7"))
    );
    assert_eq!(first[1].media_type, None);
}

#[tokio::test]
async fn both_ends_keep_the_same_bytes() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.bound("ann").await;
    let transcripts = ann.transcripts();
    ann.send(b"<presence/> ").await.unwrap();
    ann.send(b"<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").await.unwrap();
    ann.receive_where(|stanza| stanza.attribute("id") == Some("p")).await.unwrap();
    ann.close().await.unwrap();
    let session = sandbox.gatekeeper.ended_session("ann@gatekeeper.example/desk").await;
    assert_eq!(session.account.as_deref(), Some("ann"));
    assert!(transcripts.sent().bytes() == session.transcripts.received().bytes());
    assert!(transcripts.received().bytes() == session.transcripts.sent().bytes());
    assert_eq!(session.transcripts.received().frames().last(), Some(b"</stream:stream>".as_slice()));
}

#[tokio::test]
async fn a_stopped_gatekeeper_ends_its_sessions() {
    let Sandbox { gatekeeper, server, .. } = Sandbox::start().await;
    let mut client = Client::connect(&server).await.unwrap();
    drop(gatekeeper);
    let ended = tokio::time::timeout(Duration::from_secs(5), client.receive()).await.unwrap();
    assert!(matches!(ended, Err(ClientError::Connection(_))));
}

#[tokio::test]
async fn only_a_good_request_binds_a_resource_and_another_may_follow_a_bad_one() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.authenticated("ann").await;
    let request = |type_: &str, resource: &str| {
        format!("<iq type='{type_}' id='b'><bind xmlns='{BIND}'><resource>{resource}</resource></bind></iq>")
    };
    for bad in [request("set", &"x".repeat(2000)), request("get", "desk")] {
        let refused = exchange(&mut ann, &bad).await;
        assert_eq!((refused.attribute("type"), refused.attribute("id")), (Some("error"), Some("b")));
        let error = refused.child(CLIENT, "error").unwrap();
        assert_eq!(error.children[0].name, "bad-request");
    }
    assert_eq!(ann.bind("desk", "").await.unwrap(), format!("ann@{HOST}/desk"));
}

#[tokio::test]
async fn an_answer_that_looks_like_a_bind_request_ends_the_stream() {
    let sandbox = Sandbox::start().await;
    for type_ in ["error", "result"] {
        let mut ann = sandbox.authenticated("ann").await;
        ann.send(format!("<iq type='{type_}' id='b'><bind xmlns='{BIND}'/></iq>").as_bytes()).await.unwrap();
        assert_eq!(condition(&ann.receive().await.err().unwrap()), "not-authorized", "{type_}");
    }
}

#[tokio::test]
async fn a_sender_cannot_say_since_when_a_message_waits() {
    let sandbox = Sandbox::start().await;
    let mut ann = sandbox.bound("ann").await;
    let forged = format!("<delay xmlns='{DELAY}' from='{HOST}' stamp='1999-01-01T00:00:00Z'/>");
    let message = format!("<message to='ben@{HOST}'><body>x</body>{forged}</message>");
    ann.send(message.as_bytes()).await.unwrap();
    // The session is ended when all that was sent before has been taken.
    ann.close().await.unwrap();
    sandbox.gatekeeper.ended_session(&format!("ann@{HOST}/desk")).await;
    let mut ben = sandbox.bound("ben").await;
    ben.send(b"<presence/>").await.unwrap();
    let message = ben.receive_where(|stanza| stanza.is(CLIENT, "message")).await.unwrap().root;
    let delays: Vec<_> = message.children.iter().filter(|child| child.is(DELAY, "delay")).collect();
    assert_eq!(delays.len(), 1);
    assert_eq!(delays[0].attribute("from"), Some(HOST));
    assert!(!delays[0].attribute("stamp").unwrap().starts_with("1999"));
}
