//! The connections of an HTTP server: as many as may be, and which of them gives way to one more.
//!
//! Nobody can keep others out by holding connections that ask for nothing, that send their requests byte by byte, or that
//! read nothing of their answers.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};

/// Dropped with it: the connections that are open.
pub(super) struct Connections {
    permits: Arc<Semaphore>,
    tasks: JoinSet<()>,
    open: Vec<Connection>,
    shared: Arc<Shared>,
}

struct Connection {
    activity: Arc<Activity>,
    task: AbortHandle,
}

/// What a server's connections share.
#[derive(Default)]
struct Shared {
    /// Counts up each time that something happens on one of them.
    clock: AtomicU64,
    /// Told when a request has been answered.
    answered: Notify,
}

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        let permits = Arc::new(Semaphore::new(most));
        Self { permits, tasks: JoinSet::new(), open: Vec::new(), shared: Arc::default() }
    }

    /// The right to have one more. The semaphore is never closed, so that there is always a permit in the end.
    pub(super) async fn make_room(&mut self) -> Option<OwnedSemaphorePermit> {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|connection| !connection.task.is_finished());
        loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                return Some(permit);
            }
            let freed = Arc::clone(&self.permits).acquire_owned();
            if let Some(quiet) = self.take_quietest() {
                quiet.task.abort();
                return freed.await.ok();
            }
            tokio::select! {
                permit = freed => return permit.ok(),
                () = self.shared.answered.notified() => {}
            }
        }
    }

    /// The one on which nothing has happened for longest, of those that have no request at work.
    fn take_quietest(&mut self) -> Option<Connection> {
        let quiet = self.open.iter().enumerate().filter(|(_, connection)| !connection.activity.is_at_work());
        let (place, _) =
            quiet.min_by_key(|(_, connection)| connection.activity.last.load(Ordering::Relaxed))?;
        Some(self.open.swap_remove(place))
    }

    /// That of a new connection.
    pub(super) fn activity(&self) -> Arc<Activity> {
        let activity = Activity { shared: Arc::clone(&self.shared), last: 0.into(), at_work: 0.into() };
        activity.note();
        Arc::new(activity)
    }

    pub(super) fn add(&mut self, activity: Arc<Activity>, served: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(served);
        self.open.push(Connection { activity, task });
    }
}

/// What happens on a connection.
pub(super) struct Activity {
    shared: Arc<Shared>,
    /// When something was read or written last, by the shared clock.
    last: AtomicU64,
    /// Requests that are being answered: one, or none.
    at_work: AtomicUsize,
}

/// A request that is being answered, until it is dropped.
pub(super) struct Work(Arc<Activity>);

impl Activity {
    pub(super) fn work(self: &Arc<Self>) -> Work {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        Work(Arc::clone(self))
    }

    fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::Relaxed) > 0
    }

    fn note(&self) {
        let now = self.shared.clock.fetch_add(1, Ordering::Relaxed);
        self.last.store(now, Ordering::Relaxed);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::Relaxed);
        self.0.note();
        self.0.shared.answered.notify_one();
    }
}

/// A stream of which it is noted when bytes pass.
pub(super) struct Observed<S> {
    pub(super) stream: S,
    pub(super) activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        self.activity.note();
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.activity.note();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
        self.activity.note();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
