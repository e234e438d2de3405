//! A TCP intermediary that fails on command: it refuses, stalls, or cuts connections in the middle.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What is done with connections, also with those that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Open connections break, and new ones break at once.
    Refuse,
    /// Nothing passes, and nothing breaks; what came is passed on later.
    Stall,
    /// Each connection breaks when so many more bytes have passed this way.
    Cut(Way, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// An intermediary before one server. Dropping it ends it, with its connections.
pub struct Fault {
    pub address: SocketAddr,
    mode: watch::Sender<Mode>,
    accepting: JoinHandle<()>,
}

impl Fault {
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mode = watch::Sender::new(Mode::Pass);
        let accepting = tokio::spawn(accept(listener, server, mode.subscribe()));
        Self { address, mode, accepting }
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, mode: watch::Receiver<Mode>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        connections.spawn(connect(client, server, mode.clone()));
    }
}

/// One connection. That it breaks is what it is for.
async fn connect(client: TcpStream, server: SocketAddr, mode: watch::Receiver<Mode>) -> io::Result<()> {
    if *mode.borrow() == Mode::Refuse {
        return Ok(());
    }
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    // Either one that breaks breaks the other.
    tokio::try_join!(
        pass(Way::ToServer, &mut from_client, &mut to_server, mode.clone()),
        pass(Way::ToClient, &mut from_server, &mut to_client, mode),
    )?;
    Ok(())
}

/// Passes bytes on until their end, or until the connection is to break.
async fn pass(
    way: Way,
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
) -> io::Result<()> {
    let broken = || io::Error::from(io::ErrorKind::ConnectionAborted);
    let mut buffer = [0; 4096];
    // Which mode holds, and how much has passed since.
    let (mut current, mut passed) = (Mode::Pass, 0);
    loop {
        let count = tokio::select! {
            _ = mode.wait_for(|mode| *mode == Mode::Refuse) => return Err(broken()),
            count = from.read(&mut buffer) => count?,
        };
        let latest = *mode.wait_for(|mode| *mode != Mode::Stall).await.map_err(|_| broken())?;
        if latest != current {
            (current, passed) = (latest, 0);
        }
        let room = match current {
            Mode::Refuse => 0,
            Mode::Cut(cut, after) if cut == way => after - passed,
            _ => usize::MAX,
        };
        let passing = count.min(room);
        to.write_all(&buffer[..passing]).await?;
        passed += passing;
        if passing == room {
            return Err(broken());
        }
        if count == 0 {
            return to.shutdown().await;
        }
    }
}
