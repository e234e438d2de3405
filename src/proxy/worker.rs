//! Threads, each with a runtime of its own.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::downstream::Listener;
use crate::telemetry::{Diagnostic, admin};

use super::connection;
use super::server::Server;
use super::{STOP_TIME, StartError};

/// How long accepting rests when the process is out of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One of the proxy's threads.
pub(super) struct Worker {
    thread: JoinHandle<()>,
}

impl Worker {
    /// A thread that accepts connections and drives their sessions until the proxy stops.
    pub(super) fn serving(
        number: usize,
        server: Arc<Server>,
        listeners: Vec<Listener>,
    ) -> Result<Self, StartError> {
        let name = format!("worker-{number}");
        Self::spawn(name, move |runtime| runtime.block_on(serve(server, listeners)))
    }

    /// A thread that answers the operator, apart from the others, so that it answers when they have much to do.
    pub(super) fn admin(server: Arc<Server>, listener: TcpListener) -> Result<Self, StartError> {
        Self::spawn("admin".to_owned(), move |runtime| runtime.block_on(answer(server, listener)))
    }

    fn spawn(name: String, run: impl FnOnce(&Runtime) + Send + 'static) -> Result<Self, StartError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let thread = thread::Builder::new().name(name).spawn(move || {
            run(&runtime);
            // A name that is still being resolved is not waited for.
            runtime.shutdown_background();
        });
        let thread = thread.map_err(StartError::Thread)?;
        Ok(Worker { thread })
    }

    pub(super) fn join(self) {
        // A worker that panicked has told so by the panic hook.
        let _ = self.thread.join();
    }
}

async fn serve(server: Arc<Server>, listeners: Vec<Listener>) {
    let accepting: Vec<_> =
        listeners.into_iter().map(|listener| tokio::spawn(accept(Arc::clone(&server), listener))).collect();
    server.stop.stopped().await;
    // With the tasks the last handles of the sockets close, and the kernel queues no more clients.
    for task in accepting {
        task.abort();
        let _ = task.await;
    }
    // What has not ended by then ends with the runtime.
    let _ = tokio::time::timeout(STOP_TIME, server.connections.all_closed()).await;
}

async fn accept(server: Arc<Server>, listener: Listener) {
    let listener = match listener.into_acceptor() {
        Ok(listener) => listener,
        Err(error) => return Diagnostic::AcceptFailed { errno: error.raw_os_error() }.report(),
    };
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                failing = false;
                connection::spawn(&server, stream, peer);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if !failing {
                    Diagnostic::AcceptFailed { errno: error.raw_os_error() }.report();
                }
                failing = true;
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

async fn answer(server: Arc<Server>, listener: TcpListener) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let stopped = {
        let server = Arc::clone(&server);
        async move {
            server.stop.stopped().await;
            let _ = tokio::time::timeout(STOP_TIME, server.connections.all_closed()).await;
        }
    };
    let (metrics, readiness) = (server.metrics.clone(), server.readiness.clone());
    let metadata = Arc::new(move || server.metadata.status());
    admin::serve(listener, metrics, readiness, metadata, stopped).await;
}
