//! The client against a server that follows a script.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls_pki_types::ServerName;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::sandbox::certificates::Authority;
use crate::stanza::namespace::{SASL, STREAM_MANAGEMENT};

const HOST: &str = "gatekeeper.example";
const ENABLED: &str = "<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true' max='300'/>";
const MESSAGE: &str = "<message xmlns='jabber:client'><body>x</body></message>";

struct ScriptedServer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

/// One connection of it.
struct Scripted(Connection);

impl ScriptedServer {
    async fn start() -> (Self, Server) {
        let authority = Authority::new("test").unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            name: ServerName::try_from(HOST).unwrap(),
            host: HOST.to_owned(),
            tls: authority.client_config().unwrap(),
        };
        let identity = authority.issue(&[HOST]).unwrap();
        (Self { listener, acceptor: TlsAcceptor::from(identity.server_config().unwrap()) }, server)
    }

    /// A connection with its first stream open.
    async fn accept(&self) -> Scripted {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut scripted = Scripted(Connection::new(self.acceptor.accept(stream).await.unwrap()));
        scripted.open("").await;
        scripted
    }

    /// A connection whose client is authenticated, and is offered stream management.
    async fn authenticated(&self) -> Scripted {
        let mut scripted = self.accept().await;
        scripted.next().await;
        scripted.send(&format!("<success xmlns='{SASL}'/>")).await;
        scripted.0.restart().unwrap();
        scripted.open(&format!("<sm xmlns='{STREAM_MANAGEMENT}'/>")).await;
        scripted
    }

    /// A session with stream management.
    async fn managed(&self, enabled: &str) -> Scripted {
        let mut scripted = self.authenticated().await;
        assert!(scripted.next().await.is(STREAM_MANAGEMENT, "enable"));
        scripted.send(enabled).await;
        scripted
    }
}

impl Scripted {
    async fn open(&mut self, features: &str) {
        assert!(matches!(self.0.receive().await, Ok(Received::Header { .. })));
        let mut header = Vec::new();
        StreamHeader::responding("1", Some(HOST)).write(&mut header);
        self.0.send(&header).await.unwrap();
        self.send(&format!("<stream:features xmlns:stream='{STREAMS}'>{features}</stream:features>")).await;
    }

    async fn send(&mut self, text: &str) {
        self.0.send(text.as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Element {
        match self.0.receive().await.unwrap() {
            Received::Stanza(stanza) => stanza.root,
            _ => panic!("an element should come"),
        }
    }

    /// Asks how many stanzas the client has received.
    async fn count(&mut self) -> Option<String> {
        self.send(&format!("<r xmlns='{STREAM_MANAGEMENT}'/>")).await;
        let answer = self.next().await;
        assert!(answer.is(STREAM_MANAGEMENT, "a"));
        answer.attribute("h").map(str::to_owned)
    }

    async fn acknowledge(&mut self, handled: u32) {
        self.send(&format!("<a xmlns='{STREAM_MANAGEMENT}' h='{handled}'/>")).await;
    }
}

fn credentials(mechanism: Mechanism) -> Credentials {
    Credentials { account: "ann".to_owned(), password: "t.o.k".to_owned(), mechanism }
}

async fn authenticated(server: &Server, mechanism: Mechanism) -> Result<Client, ClientError> {
    let mut client = Client::connect(server).await?;
    client.authenticate(&credentials(mechanism)).await?;
    Ok(client)
}

async fn managed(server: &Server) -> Result<Client, ClientError> {
    let mut client = authenticated(server, Mechanism::OauthBearer).await?;
    client.enable_stream_management().await?;
    Ok(client)
}

/// A session with stream management, from both ends.
async fn session(enabled: &str) -> (ScriptedServer, Server, Scripted, Client) {
    let (scripted_server, server) = ScriptedServer::start().await;
    let (scripted, client) = tokio::join!(scripted_server.managed(enabled), managed(&server));
    (scripted_server, server, scripted, client.unwrap())
}

#[tokio::test]
async fn a_token_is_sent_as_rfc_7628_has_it() {
    let (scripted_server, server) = ScriptedServer::start().await;
    let script = async {
        let mut scripted = scripted_server.accept().await;
        let auth = scripted.next().await;
        scripted.send(&format!("<success xmlns='{SASL}'/>")).await;
        scripted.0.restart().unwrap();
        scripted.open("").await;
        auth
    };
    let (auth, client) = tokio::join!(script, authenticated(&server, Mechanism::OauthBearer));
    assert!(auth.is(SASL, "auth") && client.is_ok());
    assert_eq!(auth.attribute("mechanism"), Some("OAUTHBEARER"));
    assert_eq!(BASE64.decode(&auth.text).unwrap(), b"n,,\x01auth=Bearer t.o.k\x01\x01");
}

#[tokio::test]
async fn the_status_of_a_refused_token_is_one_of_those_that_are_known() {
    let cases = [
        (r#"{"status":"invalid_token"}"#, TokenStatus::InvalidToken),
        (r#"{"status":"invalid_request","scope":"x"}"#, TokenStatus::InvalidRequest),
        (r#"{"status":"insufficient_scope"}"#, TokenStatus::InsufficientScope),
        (r#"{"status":"you fool"}"#, TokenStatus::Unknown),
        ("{}", TokenStatus::Unknown),
        ("invalid_token", TokenStatus::Unknown),
    ];
    let (scripted_server, server) = ScriptedServer::start().await;
    for (refusal, status) in cases {
        let script = async {
            let mut scripted = scripted_server.accept().await;
            scripted.next().await;
            let refusal = BASE64.encode(refusal);
            scripted.send(&format!("<challenge xmlns='{SASL}'>{refusal}</challenge>")).await;
            assert_eq!(BASE64.decode(&scripted.next().await.text).unwrap(), b"\x01");
            scripted.send(&format!("<failure xmlns='{SASL}'><not-authorized/></failure>")).await;
        };
        let ((), client) = tokio::join!(script, authenticated(&server, Mechanism::OauthBearer));
        assert_eq!(client.err(), Some(ClientError::TokenRefused(status)), "{refusal}");
    }
}

#[tokio::test]
async fn a_failure_tells_whether_another_attempt_may_succeed() {
    let cases = [
        ("not-authorized", ClientError::NotAuthenticated),
        ("temporary-auth-failure", ClientError::CannotAuthenticate),
    ];
    let (scripted_server, server) = ScriptedServer::start().await;
    for (condition, expected) in cases {
        for mechanism in [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::OauthBearer] {
            let script = async {
                let mut scripted = scripted_server.accept().await;
                scripted.next().await;
                scripted.send(&format!("<failure xmlns='{SASL}'><{condition}/></failure>")).await;
            };
            let ((), client) = tokio::join!(script, authenticated(&server, mechanism));
            assert_eq!(client.err().as_ref(), Some(&expected), "{condition} {mechanism:?}");
        }
    }
}

#[tokio::test]
async fn stanzas_are_counted_in_both_directions_and_nothing_else_is() {
    let (_server, _, mut scripted, mut client) = session(ENABLED).await;
    let script = async {
        scripted.send(MESSAGE).await;
        scripted.send("<presence xmlns='jabber:client'/>").await;
        scripted.send("<other xmlns='urn:x-test'/>").await;
        assert_eq!(scripted.count().await.as_deref(), Some("2"));
        scripted.send("<iq xmlns='jabber:client' type='result'/>").await;
    };
    let receive = async {
        for expected in ["message", "presence", "other", "iq"] {
            assert_eq!(client.receive().await.unwrap().root.name, expected);
        }
    };
    tokio::join!(script, receive);
    for stanza in ["<message/>", "<presence type='unavailable'/>", "<iq type='get'/>"] {
        client.send(stanza.as_bytes()).await.unwrap();
    }
    client.send(b"<inactive xmlns='urn:xmpp:csi:0'/>").await.unwrap();
    client.send(b" ").await.unwrap();
    assert_eq!(client.unacknowledged(), 3);
    client.request_acknowledgement().await.unwrap();
    for expected in ["message", "presence", "iq", "inactive", "r"] {
        assert_eq!(scripted.next().await.name, expected);
    }
    scripted.acknowledge(2).await;
    scripted.send(MESSAGE).await;
    client.receive().await.unwrap();
    assert_eq!(client.unacknowledged(), 1);
}

#[tokio::test]
async fn an_acknowledgement_that_cannot_be_is_refused() {
    for answer in ["h='2'", "h='-1'", "h='4294967295'", "h='x'", ""] {
        let (_server, _, mut scripted, mut client) = session(ENABLED).await;
        client.send(MESSAGE.as_bytes()).await.unwrap();
        scripted.send(&format!("<a xmlns='{STREAM_MANAGEMENT}' {answer}/>")).await;
        assert_eq!(client.receive().await.err(), Some(ClientError::Unexpected), "{answer}");
    }
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again_on_the_next_connection() {
    let (scripted_server, server, mut scripted, mut client) = session(ENABLED).await;
    scripted.send(MESSAGE).await;
    client.receive().await.unwrap();
    for id in 1..=3 {
        client.send(format!("<message id='{id}'/>").as_bytes()).await.unwrap();
    }
    let resumption = client.cut().unwrap();
    for _ in 1..=3 {
        scripted.next().await;
    }
    assert!(matches!(scripted.0.receive().await, Err(ConnectionError::Lost | ConnectionError::Io(_))));

    let script = async {
        let mut scripted = scripted_server.authenticated().await;
        let resume = scripted.next().await;
        assert!(resume.is(STREAM_MANAGEMENT, "resume"));
        assert_eq!((resume.attribute("previd"), resume.attribute("h")), (Some("s1"), Some("1")));
        scripted.send(&format!("<resumed xmlns='{STREAM_MANAGEMENT}' previd='s1' h='1'/>")).await;
        for id in ["2", "3"] {
            assert_eq!(scripted.next().await.attribute("id"), Some(id));
        }
        scripted.send(MESSAGE).await;
        assert_eq!(scripted.count().await.as_deref(), Some("2"));
        scripted.acknowledge(3).await;
        scripted.send(MESSAGE).await;
        scripted
    };
    let go_on = async {
        let credentials = credentials(Mechanism::OauthBearer);
        let mut client = Client::resume(&server, &credentials, &resumption).await.unwrap();
        client.receive().await.unwrap();
        assert_eq!(client.unacknowledged(), 2);
        client.receive().await.unwrap();
        client
    };
    let (_scripted, client) = tokio::join!(script, go_on);
    assert_eq!(client.unacknowledged(), 0);
}

#[tokio::test]
async fn a_session_that_is_gone_leaves_what_was_not_handled() {
    for (answer, handled, left) in [("h='2'", Some(2), 1), ("", None, 3), ("h='9'", Some(9), 3)] {
        let (scripted_server, server, _scripted, mut client) = session(ENABLED).await;
        for _ in 1..=3 {
            client.send(b"<message/>").await.unwrap();
        }
        let resumption = client.cut().unwrap();
        let script = async {
            let mut scripted = scripted_server.authenticated().await;
            scripted.next().await;
            scripted.send(&format!("<failed xmlns='{STREAM_MANAGEMENT}' {answer}/>")).await;
        };
        let credentials = credentials(Mechanism::Plain);
        let ((), resumed) = tokio::join!(script, Client::resume(&server, &credentials, &resumption));
        assert_eq!(resumed.err(), Some(ClientError::NotResumed { handled }));
        assert_eq!(resumption.unhandled(handled).count(), left);
    }
}

#[tokio::test]
async fn a_session_that_the_server_does_not_keep_cannot_be_resumed() {
    for enabled in [ENABLED.replace("resume='true' ", ""), ENABLED.replace("id='s1' ", "")] {
        let (_server, _, _scripted, client) = session(&enabled).await;
        assert!(client.cut().is_none(), "{enabled}");
    }
}

#[tokio::test]
async fn stream_management_is_enabled_only_where_it_is_offered_and_granted() {
    let (scripted_server, server) = ScriptedServer::start().await;
    let refuse = format!("<failed xmlns='{STREAM_MANAGEMENT}'/>");
    let (_scripted, client) = tokio::join!(scripted_server.managed(&refuse), managed(&server));
    assert_eq!(client.err(), Some(ClientError::NotManaged));

    let (_scripted, client) = tokio::join!(scripted_server.accept(), Client::connect(&server));
    let mut client = client.unwrap();
    assert_eq!(client.enable_stream_management().await, Err(ClientError::NotManaged));
    assert_eq!(client.request_acknowledgement().await, Err(ClientError::NotManaged));
    assert!(client.cut().is_none());
}

#[tokio::test]
async fn what_has_come_is_acknowledged_before_the_stream_is_closed_and_nothing_is_said_after() {
    let (_server, _, mut scripted, mut client) = session(ENABLED).await;
    scripted.send(MESSAGE).await;
    client.receive().await.unwrap();
    let script = async {
        let told = scripted.next().await;
        assert_eq!((told.name.as_str(), told.attribute("h")), ("a", Some("1")));
        assert!(matches!(scripted.0.receive().await, Ok(Received::Closing)));
        scripted.send(&format!("<r xmlns='{STREAM_MANAGEMENT}'/>")).await;
        scripted.0.send_closing().await.unwrap();
        assert!(matches!(scripted.0.receive().await, Err(ConnectionError::Lost)));
    };
    let ((), closed) = tokio::join!(script, client.close());
    assert_eq!(closed, Ok(()));
}

#[tokio::test]
async fn stanzas_without_an_acknowledgement_do_not_pile_up() {
    let (_server, _, _scripted, mut client) = session(ENABLED).await;
    let refused = loop {
        if let Err(error) = client.send(b"<message/>").await {
            break error;
        }
    };
    assert_eq!(refused, ClientError::Unacknowledged);
    assert_eq!(client.unacknowledged(), 1024);
}
