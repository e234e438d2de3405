//! The composition root: builds every part from the configuration, runs them on threads of their own, stops them.
//!
//! Each worker is a thread with a runtime of its own that accepts from every listener: a connection lives and dies on
//! one core, and nothing is handed from thread to thread.

mod connection;
mod metadata;
mod record;
mod server;
mod upkeep;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::Config;
use crate::content_types::SeedError;
use crate::downstream::Listener;
use crate::downstream::tls::AcceptorError;
use crate::telemetry::Diagnostic;
use crate::telemetry::audit_log::AuditError;
use crate::telemetry::metrics::{MetricsError, ReloadResult};

use metadata::Policies;
pub use metadata::PolicyError;
use server::Server;
use upkeep::Upkeep;
use worker::Worker;

/// How long each log may take to write what is queued when the proxy stops.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// How long sessions may take to end once they were told to.
const STOP_TIME: Duration = Duration::from_secs(10);

/// A running proxy.
pub struct Proxy {
    listeners: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    server: Arc<Server>,
    /// The threads, until they are stopped.
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    workers: Vec<Worker>,
    upkeep: Upkeep,
}

/// Why the proxy could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot open the access log")]
    AccessLog(#[source] io::Error),
    #[error("cannot open the audit log")]
    AuditLog(#[from] AuditError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Tls(#[from] AcceptorError),
    #[error(transparent)]
    Capabilities(#[from] SeedError),
    #[error(transparent)]
    Metadata(#[from] PolicyError),
    #[error("the system gives no randomness")]
    Randomness,
    #[error("cannot start a worker")]
    Thread(#[source] io::Error),
}

impl Proxy {
    /// Opens the listeners and serves in the background, on worker threads of its own.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for listener in &config.listeners {
            let failed = |source| StartError::Listen { address: listener.address, source };
            let listener = Listener::bind(listener).map_err(failed)?;
            addresses.push(listener.local_address().map_err(failed)?);
            listeners.push(listener);
        }
        let admin = config.admin.map(bind_admin).transpose()?;
        let admin_address = admin.as_ref().and_then(|listener| listener.local_addr().ok());
        let count = config.workers.get();
        let server = Arc::new(Server::new(config)?);
        let threads = Threads::start(&server, count, &listeners, admin);
        // That the process started is on record; so is then that it did not come to more.
        let threads = threads.inspect_err(|_| server.close_logs())?;
        let threads = Mutex::new(Some(threads));
        server.readiness.set_ready();
        addresses.iter().for_each(|&address| Diagnostic::Listening { address }.report());
        admin_address.into_iter().for_each(|address| Diagnostic::AdminListening { address }.report());
        Ok(Proxy { listeners: addresses, admin: admin_address, server, threads })
    }

    /// The addresses that are really listened on (port 0 resolved), in the configuration's order.
    pub fn listeners(&self) -> &[SocketAddr] {
        &self.listeners
    }

    /// The admin server's address, if there is one.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Takes over the metadata policy of `config`, which holds for events from here on, in sessions that are open, too. On
    /// failure nothing has changed. The rest of the configuration takes a new process.
    pub fn reload(&self, mut config: Config) -> Result<(), PolicyError> {
        let digest = config.metadata.digest;
        let outcome = if self.server.logs_are(&config) {
            self.server.metadata.replace(Policies::of(&mut config))
        } else {
            // What the policy says of them, it says of other logs than those that are written.
            Err(PolicyError::OtherLogs)
        };
        match outcome {
            Ok(()) => {
                self.wake_upkeep();
                self.server.metrics.reloaded(ReloadResult::Accepted);
                Diagnostic::Reloaded { digest }.report();
            }
            Err(_) => self.refuse_reload(),
        }
        outcome
    }

    fn wake_upkeep(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.iter().for_each(|threads| threads.upkeep.wake());
    }

    /// Says how to ask how many lines of the process's own log were lost.
    pub fn watch_diagnostics(&self, lost: impl Fn() -> u64 + Send + Sync + 'static) {
        self.server.metrics.watch_diagnostics(lost);
    }

    /// Takes note of a reload that came to nothing because the configuration is wrong.
    pub fn refuse_reload(&self) {
        self.server.metrics.reloaded(ReloadResult::Refused);
        Diagnostic::ReloadRefused.report();
    }

    /// Stops accepting, ends the sessions, and returns when all that was to be written is written, or after 10 seconds.
    pub async fn stop(&self) {
        Diagnostic::Draining.report();
        self.server.readiness.set_draining();
        self.server.stop.stop();
        // A worker that could not be waited for ends with the process.
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let server = Arc::clone(&self.server);
        let _ = tokio::task::spawn_blocking(move || {
            if let Some(Threads { workers, upkeep }) = threads {
                workers.into_iter().for_each(Worker::join);
                upkeep.stop(LOG_PATIENCE);
            }
            server.close_logs();
        })
        .await;
        Diagnostic::Stopped.report();
    }
}

impl Threads {
    fn start(
        server: &Arc<Server>,
        count: usize,
        listeners: &[Listener],
        admin: Option<TcpListener>,
    ) -> Result<Self, StartError> {
        let mut workers = Vec::with_capacity(count + 1);
        for number in 0..count {
            let handles = listeners.iter().map(Listener::try_clone).collect::<Result<_, _>>();
            let handles = handles.map_err(StartError::Thread)?;
            workers.push(Worker::serving(number, Arc::clone(server), handles)?);
        }
        if let Some(listener) = admin {
            workers.push(Worker::admin(Arc::clone(server), listener)?);
        }
        Ok(Self { workers, upkeep: Upkeep::start(Arc::clone(server))? })
    }
}

fn bind_admin(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source| StartError::Listen { address, source })
}
