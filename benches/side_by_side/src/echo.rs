//! The gatekeeper that all proxies lead to: it logs every client in and then sends back each byte that comes. It checks
//! nothing, routes nothing and keeps nothing.

use std::sync::Arc;

use anyhow::Result;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::xmpp;

/// Serves until the task is dropped. A connection that fails ends by itself: its client notices.
pub async fn serve(listener: TcpListener, config: Arc<ServerConfig>) -> Result<()> {
    let acceptor = TlsAcceptor::from(config);
    loop {
        let (connection, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move { accept(connection, acceptor).await });
    }
}

async fn accept(connection: TcpStream, acceptor: TlsAcceptor) -> Result<()> {
    connection.set_nodelay(true)?;
    let stream = acceptor.accept(connection).await?;
    converse(stream).await
}

/// One session over any stream. A stream that ends with its closing tag gets the tag back, as any other bytes.
pub async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<()> {
    let mut buffer = Vec::new();
    read_header(&mut stream, &mut buffer).await?;
    answer(&mut stream, &[xmpp::SERVER_HEADER, xmpp::MECHANISMS]).await?;
    xmpp::read_past(&mut stream, &mut buffer, "</auth>").await?;
    answer(&mut stream, &[xmpp::SUCCESS]).await?;
    read_header(&mut stream, &mut buffer).await?;
    answer(&mut stream, &[xmpp::SERVER_HEADER, xmpp::BINDING]).await?;
    xmpp::read_past(&mut stream, &mut buffer, "</iq>").await?;
    answer(&mut stream, &[xmpp::BOUND]).await?;
    echo(stream, buffer).await
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin, mut buffer: Vec<u8>) -> Result<()> {
    buffer.reserve(16 * 1024);
    loop {
        if !buffer.is_empty() {
            stream.write_all(&buffer).await?;
            stream.flush().await?;
            buffer.clear();
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(stream.shutdown().await?);
        }
    }
}

async fn read_header(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<()> {
    xmpp::read_past(stream, buffer, "<stream:stream").await?;
    xmpp::read_past(stream, buffer, ">").await
}

async fn answer(stream: &mut (impl AsyncWrite + Unpin), texts: &[&str]) -> Result<()> {
    stream.write_all(texts.concat().as_bytes()).await?;
    Ok(stream.flush().await?)
}
