//! One client's session, from the TCP connection to its closing tag.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls::DOMAIN;
use crate::xmpp;

/// How long a session may take to open, to answer one message or to close.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many sessions are opened or closed at the same time.
const AT_ONCE: usize = 8;

/// Where clients connect to, and how.
#[derive(Clone)]
pub struct Clients {
    pub address: SocketAddr,
    pub config: Arc<ClientConfig>,
}

/// A client that is logged in.
pub struct Session {
    pub(super) stream: TlsStream<TcpStream>,
}

impl Clients {
    /// Connects and logs in.
    pub async fn open(&self) -> Result<Session> {
        timeout(PATIENCE, self.log_in()).await.context("no session in time")?
    }

    /// Opens `count` sessions, a few at a time.
    pub async fn open_many(&self, count: usize) -> Result<Vec<Session>> {
        let mut opening = JoinSet::new();
        let mut sessions = Vec::with_capacity(count);
        while sessions.len() < count {
            while opening.len() < AT_ONCE && sessions.len() + opening.len() < count {
                let clients = self.clone();
                opening.spawn(async move { clients.open().await });
            }
            if let Some(opened) = opening.join_next().await {
                sessions.push(opened??);
            }
        }
        Ok(sessions)
    }

    /// Opens a session and sends one message; gives the time from before the TCP connection to the first echoed byte.
    pub async fn first_echo(&self, message: &[u8]) -> Result<(Session, Duration)> {
        let start = Instant::now();
        let mut session = self.open().await?;
        let time = timeout(PATIENCE, session.echo(message, start)).await.context("no echo in time")??;
        Ok((session, time))
    }

    async fn log_in(&self) -> Result<Session> {
        let connection = TcpStream::connect(self.address).await?;
        connection.set_nodelay(true)?;
        let name = ServerName::try_from(DOMAIN)?;
        let stream = TlsConnector::from(self.config.clone()).connect(name, connection).await?;
        let mut session = Session { stream };
        let mut buffer = Vec::new();
        session.ask(&mut buffer, xmpp::CLIENT_HEADER, "</stream:features>").await?;
        session.ask(&mut buffer, xmpp::CLIENT_AUTHENTICATION, "<success").await?;
        xmpp::read_past(&mut session.stream, &mut buffer, "/>").await?;
        session.ask(&mut buffer, xmpp::CLIENT_HEADER, "</stream:features>").await?;
        session.ask(&mut buffer, xmpp::CLIENT_BINDING, "</iq>").await?;
        ensure!(buffer.is_empty(), "{} bytes more than the login's", buffer.len());
        Ok(session)
    }
}

impl Session {
    /// Closes the streams as RFC 6120, 4.4 has it: tag, answering tag, end of TLS.
    pub async fn close(mut self) -> Result<()> {
        let closing = async {
            self.ask(&mut Vec::new(), xmpp::CLOSING_TAG, xmpp::CLOSING_TAG).await?;
            Ok(self.stream.shutdown().await?)
        };
        timeout(PATIENCE, closing).await.context("not closed in time")?
    }

    /// Closes sessions, a few at a time.
    pub async fn close_all(sessions: Vec<Self>) -> Result<()> {
        let mut closing = JoinSet::new();
        for session in sessions {
            if closing.len() == AT_ONCE
                && let Some(closed) = closing.join_next().await
            {
                closed??;
            }
            closing.spawn(session.close());
        }
        while let Some(closed) = closing.join_next().await {
            closed??;
        }
        Ok(())
    }

    async fn ask(&mut self, buffer: &mut Vec<u8>, text: &str, marker: &str) -> Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await?;
        xmpp::read_past(&mut self.stream, buffer, marker).await
    }

    async fn echo(&mut self, message: &[u8], start: Instant) -> Result<Duration> {
        self.stream.write_all(message).await?;
        self.stream.flush().await?;
        let mut echoed = vec![0; message.len()];
        let (first, rest) = echoed.split_at_mut(1);
        self.stream.read_exact(first).await?;
        let time = start.elapsed();
        self.stream.read_exact(rest).await?;
        ensure!(echoed == message, "the echo is not what was sent");
        Ok(time)
    }
}
