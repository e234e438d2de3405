//! What is kept over a reload: what has been learnt and counted, as far as it is about what has not changed.

use std::sync::Arc;

use rustls::{ClientConfig, HandshakeKind};
use tokio_rustls::TlsConnector;

use super::*;

#[tokio::test]
async fn an_upstream_with_the_same_settings_keeps_what_is_known_of_its_endpoints() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut front = Changing::before(Authority::new("test").unwrap(), nobody.to_string());
    for _ in 0..3 {
        let failed = front.connect(HOST).await.err();
        assert_eq!(failed, Some(stream_error("remote-connection-failed")));
    }
    assert_eq!(front.ejected().await, Some(1.0));
    front.renew();
    front.reload_limits("timeouts: { header: 9s }\n");
    assert_eq!(front.ejected().await, Some(1.0));
    front.text.upstream = "connect_timeout: 9s".to_owned();
    front.reload().unwrap();
    assert_eq!(front.ejected().await, Some(0.0), "it is another upstream now");
    let ejections = "vestibule_upstream_ejections_total{upstream=\"gatekeeper\"}";
    assert_eq!(front.metric(ejections).await, Some(0.0));
}

#[tokio::test]
async fn a_client_resumes_tls_with_a_ticket_of_before() {
    let (front, _gatekeeper) = Changing::start().await;
    let tls = front.authority.client_config().unwrap();
    assert_eq!(handshake(&front, &tls).await, HandshakeKind::Full);
    front.renew();
    front.reload().unwrap();
    assert_eq!(handshake(&front, &tls).await, HandshakeKind::Resumed);
}

/// A handshake, after which a ticket has come.
async fn handshake(front: &Changing, tls: &Arc<ClientConfig>) -> HandshakeKind {
    let stream = TcpStream::connect(front.proxy.listeners()[0]).await.unwrap();
    let name = ServerName::try_from(FRONT).unwrap();
    let mut stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await.unwrap();
    let kind = stream.get_ref().1.handshake_kind().unwrap();
    stream.write_all(b"<not-a-stream/>").await.unwrap();
    // The ticket comes before the stream error.
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    kind
}

#[tokio::test]
async fn what_addresses_and_accounts_have_used_counts_against_the_new_maxima() {
    let (mut front, _gatekeeper) = Changing::start().await;
    let mut first = front.session("bob", "first").await.unwrap();
    let second = front.session("bob", "second").await.unwrap();
    front.reload_limits("accounts: { sessions: 2 }\n");
    let mut third = front.session("bob", "third").await.unwrap();
    assert_eq!(third.receive().await.err(), Some(stream_error("resource-constraint")));
    second.close().await.unwrap();
    until(async || {
        let mut third = front.session("bob", "third").await.unwrap();
        try_ping(&mut third).await.is_ok()
    })
    .await;
    drop(third);
    until(async || front.metric("vestibule_connections_open").await == Some(1.0)).await;
    front.reload_limits("connections: { at_once: 1 }\n");
    assert!(front.connect(HOST).await.is_err());
    let refused = "vestibule_connections_refused_total{reason=\"too-many-connections\"}";
    assert_eq!(front.metric(refused).await, Some(1.0));
    ping(&mut first).await;
    front.reload_limits("connections: { at_once: 2 }\n");
    front.connect(HOST).await.unwrap();
}

#[tokio::test]
async fn a_host_that_stays_goes_on_counting() {
    let (mut front, _gatekeeper) = Changing::start().await;
    let connects = "vestibule_upstream_connects_total{host=\"gatekeeper.example\",result=\"completed\"}";
    let mut before = front.session("bob", "before").await.unwrap();
    for hosts in [vec![HOST, OTHER], vec![OTHER, HOST], vec![HOST]] {
        front.text.hosts = hosts;
        front.reload().unwrap();
        assert_eq!(front.metric(connects).await, Some(1.0));
    }
    assert!(!front.page("/metrics").await.contains(OTHER));
    front.session("bob", "after").await.unwrap();
    assert_eq!(front.metric(connects).await, Some(2.0));
    ping(&mut before).await;
}
