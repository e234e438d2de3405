//! Messages over many sessions, in a closed loop: each session has a fixed number of messages on their way, and sends
//! the next one when one has come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Session;
use crate::xmpp;

/// How long the messages that are still on their way may take after the end.
const PATIENCE: Duration = Duration::from_secs(15);

/// What each session sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    pub bytes: usize,
    /// Messages of one session on their way at the same time.
    pub window: usize,
}

/// Traffic under way. It goes on until [`stop`](Self::stop).
pub struct Traffic {
    progress: Arc<Progress>,
    sending: JoinSet<Result<Session>>,
}

#[derive(Default)]
struct Progress {
    echoed: AtomicU64,
    stopped: AtomicBool,
}

impl Traffic {
    pub fn start(sessions: Vec<Session>, message: Message) -> Result<Self> {
        let window: Arc<[u8]> = xmpp::message(message.bytes)?.repeat(message.window).into();
        let progress = Arc::new(Progress::default());
        let mut sending = JoinSet::new();
        for session in sessions {
            sending.spawn(send(session, window.clone(), message.bytes, progress.clone()));
        }
        Ok(Self { progress, sending })
    }

    /// Messages that came back whole so far.
    pub fn echoed(&self) -> u64 {
        self.progress.echoed.load(Ordering::Relaxed)
    }

    /// Sends no more, waits for what is on its way, and gives the sessions back. Fails if one of them had ended or had
    /// got other bytes than it sent.
    pub async fn stop(mut self) -> Result<Vec<Session>> {
        self.progress.stopped.store(true, Ordering::Relaxed);
        let mut sessions = Vec::with_capacity(self.sending.len());
        while let Some(sent) =
            timeout(PATIENCE, self.sending.join_next()).await.context("echoes are missing")?
        {
            sessions.push(sent??);
        }
        Ok(sessions)
    }
}

/// Keeps one session's window full. `window` is the same message several times, so that what has come back at any
/// point is known by its position alone.
async fn send(
    mut session: Session,
    window: Arc<[u8]>,
    message_bytes: usize,
    progress: Arc<Progress>,
) -> Result<Session> {
    let mut buffer = vec![0; 16 * 1024];
    session.stream.write_all(&window).await?;
    session.stream.flush().await?;
    let mut outstanding = window.len();
    let mut received = 0; // Bytes of a message that has not come back whole yet.
    while outstanding > 0 {
        let wanted = buffer.len().min(outstanding);
        let read = session.stream.read(&mut buffer[..wanted]).await?;
        ensure!(read > 0, "the session ended under load");
        ensure!(buffer[..read] == window[received..received + read], "the echo is not what was sent");
        outstanding -= read;
        let whole = (received + read) / message_bytes;
        received = (received + read) % message_bytes;
        progress.echoed.fetch_add(whole as u64, Ordering::Relaxed);
        if whole > 0 && !progress.stopped.load(Ordering::Relaxed) {
            session.stream.write_all(&window[..whole * message_bytes]).await?;
            session.stream.flush().await?;
            outstanding += whole * message_bytes;
        }
    }
    Ok(session)
}
