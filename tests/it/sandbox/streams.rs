//! The gatekeeper's streams: PROXY headers before them, SASL with tokens, stream management and resumption.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vestibule::sandbox::certificates::Authority;
use vestibule::sandbox::client::{Client, ClientError, Credentials, Mechanism, Server};
use vestibule::sandbox::element::Element;
use vestibule::sandbox::gatekeeper::{self, Account, Gatekeeper, Listeners, SessionRecord, TlvValue};
use vestibule::sandbox::token::{Algorithm, Audience, Claims, SigningKey};

const HOST: &str = "gatekeeper.example";
const SM: &str = "urn:xmpp:sm:3";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const PING: &[u8] = b"<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>";

/// A gatekeeper where ann and ben know each other.
struct Sandbox {
    gatekeeper: Gatekeeper,
    server: Server,
}

impl Sandbox {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut gatekeeper::Config)) -> Self {
        let authority = Authority::new("test").unwrap();
        let account = |name: &str, contact: &str| Account {
            name: name.to_owned(),
            password: format!("{name}'s password"),
            contacts: vec![contact.to_owned()],
        };
        let accounts = vec![account("ann", "ben"), account("ben", "ann")];
        let mut config = gatekeeper::Config { accounts, ..gatekeeper::Config::new(HOST) };
        change(&mut config);
        let listeners = Listeners::on_loopback().await.unwrap();
        let gatekeeper = Gatekeeper::start(config, listeners, &authority.issue(&[HOST]).unwrap()).unwrap();
        let server = Server {
            address: gatekeeper.address(),
            name: ServerName::try_from(HOST).unwrap(),
            host: HOST.to_owned(),
            tls: authority.client_config().unwrap(),
        };
        Self { gatekeeper, server }
    }

    async fn connect(&self) -> Client {
        Client::connect(&self.server).await.unwrap()
    }

    async fn authenticated(&self, name: &str) -> Client {
        let mut client = self.connect().await;
        let (account, password) = (name.to_owned(), format!("{name}'s password"));
        let credentials = Credentials { account, password, mechanism: Mechanism::Plain };
        client.authenticate(&credentials).await.unwrap();
        client
    }

    async fn bound(&self, name: &str) -> Client {
        let mut client = self.authenticated(name).await;
        assert_eq!(client.bind("desk", "").await.unwrap(), format!("{name}@{HOST}/desk"));
        client
    }

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

async fn exchange(client: &mut Client, request: &str) -> Element {
    client.send(request.as_bytes()).await.unwrap();
    client.receive().await.unwrap().root
}

/// The next stanza that is none of stream management's elements.
async fn stanza(client: &mut Client) -> Element {
    client.receive_where(|root| root.namespace != SM).await.unwrap().root
}

async fn stream_error(client: &mut Client) -> String {
    match client.receive_where(|_| false).await {
        Err(ClientError::StreamError(condition)) => condition,
        Err(other) => panic!("no stream error: {other}"),
        Ok(_) => unreachable!(),
    }
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

/// One attempt to authenticate, up to the challenge or the failure.
async fn attempt(client: &mut Client, mechanism: &str, message: &str) -> Element {
    let message = BASE64.encode(message);
    exchange(client, &format!("<auth xmlns='{SASL}' mechanism='{mechanism}'>{message}</auth>")).await
}

fn decoded(challenge: &Element) -> String {
    assert!(challenge.is(SASL, "challenge"), "{}", challenge.name);
    String::from_utf8(BASE64.decode(&challenge.text).unwrap()).unwrap()
}

/// The condition and the text.
fn failure(element: &Element) -> (&str, &str) {
    assert!(element.is(SASL, "failure"), "{}", element.name);
    (&element.children[0].name, &element.children[1].text)
}

/// A good token of a provider that the gatekeeper does not know.
fn strangers_token() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = Claims {
        iss: "https://stranger.example".to_owned(),
        aud: Audience::One(HOST.to_owned()),
        sub: "ann@stranger.example".to_owned(),
        exp: now + 600,
        nbf: now,
        iat: now,
        jti: "1".to_owned(),
        cnf: None,
    };
    SigningKey::generate(Algorithm::Es256).unwrap().sign(&claims).unwrap()
}

#[tokio::test]
async fn a_token_that_opens_nothing_is_refused_in_two_steps() {
    let sandbox = Sandbox::start().await;
    let good = strangers_token();
    for (credentials, status, condition, text) in [
        (format!("Bearer {good}"), "invalid_token", "not-authorized", "no provider"),
        (String::new(), "invalid_token", "not-authorized", "there is no token"),
        ("Basic YTpi".to_owned(), "invalid_request", "malformed-request", "bearer token"),
    ] {
        let mut client = sandbox.connect().await;
        let message = format!("n,,\u{1}host={HOST}\u{1}auth={credentials}\u{1}\u{1}");
        let challenge = attempt(&mut client, "OAUTHBEARER", &message).await;
        assert_eq!(decoded(&challenge), format!(r#"{{"status":"{status}","scope":""}}"#));
        let refused = exchange(&mut client, &format!("<response xmlns='{SASL}'>AQ==</response>")).await;
        let (found, told) = failure(&refused);
        assert_eq!(found, condition);
        assert!(told.contains(text), "{told}");
        assert!(!told.contains(&good));
    }
}

#[tokio::test]
async fn a_refused_client_may_give_up_or_answer_nonsense() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.connect().await;
    let message = format!("n,,\u{1}auth=Bearer {}\u{1}\u{1}", strangers_token());
    attempt(&mut client, "OAUTHBEARER", &message).await;
    let refused = exchange(&mut client, &format!("<abort xmlns='{SASL}'/>")).await;
    assert_eq!(failure(&refused).0, "aborted");
    attempt(&mut client, "OAUTHBEARER", &message).await;
    let refused =
        exchange(&mut client, &format!("<response xmlns='{SASL}'>{}</response>", BASE64.encode("n,,"))).await;
    assert_eq!(failure(&refused).0, "malformed-request");
    let refused = attempt(&mut client, "OAUTHBEARER", "n,,auth=Bearer").await;
    assert_eq!(failure(&refused).0, "malformed-request");
    assert_eq!(stream_error(&mut client).await, "policy-violation");
}

#[tokio::test]
async fn a_token_as_password_is_refused_in_one_step() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.connect().await;
    let message = format!("\0ann@stranger.example\0{}", strangers_token());
    let refused = attempt(&mut client, "PLAIN", &message).await;
    assert_eq!(failure(&refused).0, "not-authorized");
    assert!(failure(&refused).1.contains("no provider"));
}

#[tokio::test]
async fn only_ones_own_identity_can_be_acted_as() {
    let sandbox = Sandbox::start().await;
    for own in ["ann", "ann@gatekeeper.example", "ann@GATEKEEPER.example", ""] {
        let mut client = sandbox.connect().await;
        let answer = attempt(&mut client, "PLAIN", &format!("{own}\0ann\0ann's password")).await;
        assert!(answer.is(SASL, "success"), "{own}");
    }
    let mut client = sandbox.connect().await;
    for other in ["ben", "ann@elsewhere.example", "ann@gatekeeper.example/desk"] {
        let refused = attempt(&mut client, "PLAIN", &format!("{other}\0ann\0ann's password")).await;
        assert_eq!(failure(&refused).0, "invalid-authzid", "{other}");
    }
}

#[tokio::test]
async fn mechanisms_and_stream_management_are_offered() {
    let sandbox = Sandbox::start().await;
    let ann = sandbox.bound("ann").await;
    let transcripts = ann.transcripts();
    let received = String::from_utf8_lossy(transcripts.received().bytes()).into_owned();
    for offered in [
        "<mechanism>SCRAM-SHA-256</mechanism><mechanism>OAUTHBEARER</mechanism><mechanism>PLAIN</mechanism>",
        "<sm xmlns='urn:xmpp:sm:3'/>",
    ] {
        assert!(received.contains(offered), "{offered}");
    }
}

#[tokio::test]
async fn without_transcripts_no_byte_is_kept() {
    let sandbox = Sandbox::start_with(|config| config.transcripts = false).await;
    sandbox.bound("ann").await.close().await.unwrap();
    let SessionRecord { transcripts, .. } =
        sandbox.gatekeeper.ended_session("ann@gatekeeper.example/desk").await;
    assert!(transcripts.received().bytes().is_empty());
    assert!(transcripts.sent().bytes().is_empty());
}

/// A proxy for one connection, which says this first.
async fn proxy_that_says(header: &'static [u8], server: &Server) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (address, gatekeeper) = (listener.local_addr().unwrap(), server.address);
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(gatekeeper).await.unwrap();
        server.write_all(header).await.unwrap();
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        let up = tokio::io::copy(&mut from_client, &mut to_server);
        let down = tokio::io::copy(&mut from_server, &mut to_client);
        // Either ends when the connection does, whichever way the test wants that.
        let _ = tokio::join!(up, down);
    });
    Server { address, ..server.clone() }
}

#[tokio::test]
async fn what_a_proxy_says_of_a_connection_is_noted() {
    let sandbox = Sandbox::start_with(|config| config.proxy_protocol = true).await;
    let headers: [&[u8]; 3] = [
        b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 5223\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13\xC0\0\x02\x01\xC6\x33\x64\x02\x13\x88\x14\x67\x02\0\x04a.eu",
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    ];
    for header in headers {
        let server = proxy_that_says(header, &sandbox.server).await;
        Client::connect(&server).await.unwrap();
    }
    let said: Vec<_> =
        sandbox.gatekeeper.sessions().into_iter().map(|session| session.proxy.unwrap()).collect();
    assert_eq!(said.iter().map(|header| header.version).collect::<Vec<_>>(), [1, 2, 2]);
    for header in &said[..2] {
        assert_eq!(header.addresses.unwrap().source, "192.0.2.1:5000".parse().unwrap());
        assert_eq!(header.addresses.unwrap().destination, "198.51.100.2:5223".parse().unwrap());
    }
    assert_eq!(said[1].tlvs[0].value, TlvValue::Text("a.eu".to_owned()));
    assert_eq!(said[2].addresses, None);
}

#[tokio::test]
async fn a_bad_or_missing_proxy_header_ends_the_connection() {
    let sandbox = Sandbox::start_with(|config| config.proxy_protocol = true).await;
    assert!(matches!(Client::connect(&sandbox.server).await, Err(ClientError::Connection(_))));
    for header in [b"PROXY TCP4 nowhere\r\n".as_slice(), b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(sandbox.server.address).await.unwrap();
        stream.write_all(header).await.unwrap();
        let mut answer = Vec::new();
        // It is reset if something was left unread.
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok() && answer.is_empty());
    }
    assert!(sandbox.gatekeeper.sessions().is_empty());
}
