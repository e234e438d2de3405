//! The gatekeeper's streams besides SASL and stream management: what is offered, what is kept, and PROXY headers before
//! them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vestibule::sandbox::client::{Client, ClientError, Mechanism, Server};
use vestibule::sandbox::connection::ConnectionError;
use vestibule::sandbox::gatekeeper::{SessionRecord, TlvValue};

use super::stage::{HOST, Sandbox, credentials, next, stream_error};

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
async fn only_who_is_authenticated_may_send_much() {
    let sandbox = Sandbox::start().await;
    let long = "x".repeat(32 << 10);
    let mut stranger = sandbox.connect().await;
    let request = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{long}</auth>");
    stranger.send(request.as_bytes()).await.unwrap();
    assert_eq!(stream_error(&mut stranger).await, "policy-violation");
    let mut ann = sandbox.available("ann").await;
    ann.send(format!("<message to='ann@{HOST}/desk'><body>{long}</body></message>").as_bytes())
        .await
        .unwrap();
    assert!(next(&mut ann).await.child("jabber:client", "body").is_some());
}

/// RFC 6120, section 4.9.3: each fault has its condition.
#[tokio::test]
async fn what_cannot_be_read_is_told_for_what_it_is() {
    let sandbox = Sandbox::start().await;
    let too_big = [b"<message>".as_slice(), &vec![b'x'; 3 << 20]].concat();
    for (bytes, condition) in [
        (b"<message><body></message>".as_slice(), "not-well-formed"),
        (b"<message><body>\xff</body></message>", "unsupported-encoding"),
        (b"<message><!-- --></message>", "restricted-xml"),
        (b"<message/>text", "bad-format"),
        (&too_big, "policy-violation"),
    ] {
        let mut ann = sandbox.bound("ann").await;
        // What is refused is not read to its end, so that writing it may fail.
        let _ = ann.send(bytes).await;
        assert_eq!(stream_error(&mut ann).await, condition);
    }
}

/// RFC 6120, section 4.9.3.19.
#[tokio::test]
async fn a_gatekeeper_that_shuts_down_says_so_to_all_and_closes_their_streams() {
    let Sandbox { gatekeeper, server, .. } = Sandbox::start().await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let stranger = Client::connect(&server).await.unwrap();
    let mut ann = Client::connect(&server).await.unwrap();
    ann.authenticate(&credentials("ann", Mechanism::Plain)).await.unwrap();
    ann.bind("desk", "").await.unwrap();
    tokio::join!(gatekeeper.shut_down(), ended(stranger), ended(ann));
}

/// A client learns that the system shuts down, and its stream is closed.
async fn ended(mut client: Client) {
    assert_eq!(stream_error(&mut client).await, "system-shutdown");
    assert!(matches!(client.receive().await, Err(ClientError::Closed)));
    assert!(matches!(client.receive().await, Err(ClientError::Connection(ConnectionError::Lost))));
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
