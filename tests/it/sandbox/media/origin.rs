//! An origin that does as it is told: it says what it is to say, whatever it is asked.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use vestibule::sandbox::certificates::Identity;

/// What it does with the next request.
#[derive(Clone)]
pub enum Deed {
    /// Says this, and closes.
    Say(Vec<u8>),
    /// Says this, and then nothing more.
    SayAndStall(Vec<u8>),
    /// Says this head, and then so many bytes.
    Pour(String, u64),
    /// Says this head, and then chunks without an end.
    PourChunks(String),
}

pub struct Origin {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    deed: Mutex<Option<Deed>>,
    requests: Mutex<Vec<String>>,
    /// How much of a body it could write.
    poured: AtomicU64,
}

impl Origin {
    pub async fn start(identity: &Identity) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from({
            let mut tls = Arc::unwrap_or_clone(identity.server_config().unwrap());
            tls.alpn_protocols.clear();
            Arc::new(tls)
        });
        let shared = Arc::<Shared>::default();
        let serving = shared.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, shared) = (acceptor.clone(), serving.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        // Whoever is asked goes away when it has had enough.
                        let _ = shared.answer(stream).await;
                    }
                });
            }
        });
        Self { port, shared, accepting }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://media.example:{}{path}", self.port)
    }

    /// What it does from now on.
    pub fn does(&self, deed: Deed) {
        *self.shared.deed.lock().unwrap() = Some(deed);
    }

    /// The head, in lines, and what follows it.
    pub fn says(&self, head: &str, body: &[u8]) {
        self.does(Deed::Say(said(head, body)));
    }

    /// The heads of the requests so far, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub fn poured(&self) -> u64 {
        self.shared.poured.load(Ordering::Relaxed)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub fn said(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {}\r\nconnection: close\r\n\r\n", head.replace('\n', "\r\n"));
    [head.as_bytes(), body].concat()
}

impl Shared {
    async fn answer(&self, mut stream: TlsStream<TcpStream>) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        self.requests.lock().unwrap().push(String::from_utf8_lossy(&head).to_lowercase());
        let deed = self.deed.lock().unwrap().clone();
        match deed {
            None => {}
            Some(Deed::Say(bytes)) => {
                stream.write_all(&bytes).await?;
            }
            Some(Deed::SayAndStall(bytes)) => {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
                return std::future::pending().await;
            }
            Some(Deed::Pour(head, bytes)) => {
                stream.write_all(&said(&head, b"")).await?;
                let piece = [7; 16 * 1024];
                while self.poured.load(Ordering::Relaxed) < bytes {
                    stream.write_all(&piece).await?;
                    self.poured.fetch_add(piece.len() as u64, Ordering::Relaxed);
                }
            }
            Some(Deed::PourChunks(head)) => {
                stream.write_all(&said(&head, b"")).await?;
                loop {
                    stream.write_all(b"4000\r\n").await?;
                    stream.write_all(&[7; 0x4000]).await?;
                    stream.write_all(b"\r\n").await?;
                }
            }
        }
        stream.shutdown().await
    }
}
