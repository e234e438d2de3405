//! Threads, each with a runtime of its own.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;
use tokio::time::timeout_at;

use crate::downstream::Listener;
use crate::telemetry::admin::{self, Pages};
use crate::telemetry::{AcceptFailures, Diagnostic};

use super::connection;
use super::delay;
use super::pulse::Pulse;
use super::server::Server;
use super::status;
use super::{STOP_TIME, StartError};

/// How long accepting rests when the process is out of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a thread may owe an answer before `/live` says so: a thousand times what it does between two things, and less
/// than there is between two probes as a rule.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);

/// One of the proxy's threads.
pub(super) struct Worker {
    /// Closed when the thread has ended, in whatever way.
    ended: Receiver<Infallible>,
}

/// Where the threads meet when the process drains: what has been accepted is known once nobody accepts any more.
pub(super) type Meeting = Arc<Barrier>;

impl Worker {
    /// A thread that accepts connections and drives their sessions until the proxy stops.
    pub(super) fn serving(
        number: usize,
        server: Arc<Server>,
        listeners: Vec<Listener>,
        meeting: Meeting,
    ) -> Result<Self, StartError> {
        let name = format!("worker-{number}");
        let delays = server.metrics.worker(number);
        Self::spawn(name, server.pulses.add(), move |runtime| {
            runtime.spawn(delay::watch(delays));
            runtime.block_on(serve(server, listeners, meeting));
        })
    }

    /// A thread that answers the operator, apart from the others, so that it answers when they have much to do.
    pub(super) fn admin(
        server: Arc<Server>,
        listener: TcpListener,
        meeting: Meeting,
    ) -> Result<Self, StartError> {
        let run = |server, runtime: &Runtime| runtime.block_on(answer(server, listener, meeting));
        Self::spawn("admin".to_owned(), server.pulses.add(), move |runtime| run(server, runtime))
    }

    fn spawn(
        name: String,
        pulse: Arc<Pulse>,
        run: impl FnOnce(&Runtime) + Send + 'static,
    ) -> Result<Self, StartError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let (end, ended) = mpsc::sync_channel(0);
        let thread = thread::Builder::new().name(name).spawn(move || {
            // Dropped last, also when the thread panics.
            let _end = end;
            let runtime = runtime;
            let beating = Arc::clone(&pulse);
            runtime.spawn(async move { beating.beat().await });
            run(&runtime);
            pulse.end();
            // A name that is still being resolved is not waited for.
            runtime.shutdown_background();
        });
        thread.map_err(StartError::Thread)?;
        Ok(Worker { ended })
    }

    /// Waits until the thread has ended; one that hangs is waited for until `time`, and ends with the process.
    pub(super) fn wait(self, time: Instant) {
        // A worker that panicked has told so by the panic hook.
        let _ = self.ended.recv_timeout(time.saturating_duration_since(Instant::now()));
    }
}

async fn serve(server: Arc<Server>, listeners: Vec<Listener>, meeting: Meeting) {
    let accepting: Vec<_> =
        listeners.into_iter().map(|listener| tokio::spawn(accept(Arc::clone(&server), listener))).collect();
    let ends = server.stop.draining().await;
    // With the tasks the last handles of the sockets close, and the kernel queues no more clients, unless whoever handed
    // a socket over holds it, too.
    for task in accepting {
        task.abort();
        let _ = task.await;
    }
    all_closed(&server, &meeting, ends).await;
}

/// Waits for the connections of a process whose sessions have all been told to end at `ends`. What is open some time after
/// that ends with the runtime.
async fn all_closed(server: &Server, meeting: &Barrier, ends: Instant) {
    let closed = async {
        // Whoever waits for all permits takes them from a worker that still accepts.
        meeting.wait().await;
        server.connections.all_closed().await;
    };
    let _ = timeout_at((ends + STOP_TIME).into(), closed).await;
}

async fn accept(server: Arc<Server>, listener: Listener) {
    let (listener, entry) = match listener.into_acceptor() {
        Ok(accepting) => accepting,
        Err(error) => return Diagnostic::AcceptFailed { errno: error.raw_os_error() }.report(),
    };
    let mut failures = AcceptFailures::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => connection::spawn(&server, stream, peer, &entry),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                failures.report(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the error is about the connection that was to be accepted, not about accepting (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn answer(server: Arc<Server>, listener: TcpListener, meeting: Meeting) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let stopped = {
        let server = Arc::clone(&server);
        async move {
            let ends = server.stop.draining().await;
            all_closed(&server, &meeting, ends).await;
        }
    };
    let pages = Pages {
        metrics: server.metrics.clone(),
        readiness: server.readiness.clone(),
        live: Arc::new({
            let server = Arc::clone(&server);
            move || server.pulses.all_beat(PROBE_PATIENCE)
        }),
        status: Arc::new(move || status::of(&server)),
    };
    admin::serve(listener, pages, stopped).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_waited_for_until_it_has_ended_or_the_time_is_over() {
        let pulse = Arc::<Pulse>::default;
        let (let_go, held) = mpsc::sync_channel::<()>(0);
        let hanging =
            Worker::spawn("hanging".to_owned(), pulse(), move |_| assert!(held.recv().is_err())).unwrap();
        let ended = Worker::spawn("ended".to_owned(), pulse(), |_| ()).unwrap();
        let panicked = Worker::spawn("panicked".to_owned(), pulse(), |_| panic!("as it should")).unwrap();
        let begun = Instant::now();
        ended.wait(begun + Duration::from_secs(600));
        panicked.wait(begun + Duration::from_secs(600));
        hanging.wait(Instant::now() + Duration::from_millis(50));
        assert!(begun.elapsed() < Duration::from_secs(300));
        drop(let_go);
    }
}
