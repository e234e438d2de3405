//! The load generator, the gatekeeper and the pump against each other, over loopback.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::pump::Pump;
use crate::tls::{Certificates, Tickets};
use crate::{echo, xmpp};

struct Bench {
    certificates: Certificates,
    gatekeeper: SocketAddr,
    _directory: tempfile::TempDir,
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn bench() -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let certificates = Certificates::create(directory.path()).unwrap();
    let (listener, gatekeeper) = listen().await;
    tokio::spawn(echo::serve(listener, certificates.server(Tickets::None).unwrap()));
    Bench { certificates, gatekeeper, _directory: directory }
}

impl Bench {
    fn clients(&self, address: SocketAddr) -> Clients {
        Clients { address, config: self.certificates.client(false).unwrap() }
    }

    async fn pump(&self) -> SocketAddr {
        let (listener, address) = listen().await;
        let pump = Pump {
            downstream: self.certificates.server(Tickets::One).unwrap(),
            upstream: self.certificates.client(true).unwrap(),
            gatekeeper: self.gatekeeper,
        };
        tokio::spawn(pump.serve(listener));
        address
    }
}

#[tokio::test]
async fn messages_come_back_through_the_pump() {
    let bench = bench().await;
    let clients = bench.clients(bench.pump().await);
    let mut sessions = clients.open_many(10).await.unwrap();
    for bytes in [300, 4096] {
        let traffic = Traffic::start(sessions, Message { bytes, window: 3 }).unwrap();
        while traffic.echoed() < 100 {
            tokio::task::yield_now().await;
        }
        sessions = traffic.stop().await.unwrap();
        assert_eq!(sessions.len(), 10);
    }
    Session::close_all(sessions).await.unwrap();
}

#[tokio::test]
async fn a_session_gets_its_first_echo_without_a_proxy_too() {
    let bench = bench().await;
    let message = xmpp::message(300).unwrap();
    let (session, _) = bench.clients(bench.gatekeeper).first_echo(&message).await.unwrap();
    session.close().await.unwrap();
}

#[tokio::test]
async fn changed_bytes_are_noticed() {
    let bench = bench().await;
    let (listener, address) = listen().await;
    let acceptor = TlsAcceptor::from(bench.certificates.server(Tickets::None).unwrap());
    tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(connection).await.unwrap();
        let (near, far) = tokio::io::duplex(64 * 1024);
        tokio::spawn(echo::converse(far));
        change_pluses(stream, near).await
    });
    let message = xmpp::message(300).unwrap();
    let error = bench.clients(address).first_echo(&message).await.err().unwrap();
    assert_eq!(error.to_string(), "the echo is not what was sent");
}

/// Relays, but turns each `+` of a body into `-`.
async fn change_pluses(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + 'static,
    gatekeeper: tokio::io::DuplexStream,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(stream);
    let (mut from_gatekeeper, mut to_gatekeeper) = tokio::io::split(gatekeeper);
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_gatekeeper).await });
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from_gatekeeper.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let changed: Vec<u8> =
            buffer[..read].iter().map(|&byte| if byte == b'+' { b'-' } else { byte }).collect();
        to_client.write_all(&changed).await?;
        to_client.flush().await?;
    }
}
