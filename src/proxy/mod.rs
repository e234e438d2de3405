//! The composition root: builds every part from the configuration, runs them on threads of their own, stops them.
//!
//! Each worker is a thread with a runtime of its own that accepts from every listener: a connection lives and dies on
//! one core, and nothing is handed from thread to thread.

mod addresses;
mod configuration;
mod connection;
mod delay;
mod introduction;
mod metadata;
mod pulse;
mod record;
mod reload;
mod server;
mod starttls;
mod status;
mod upkeep;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;

use crate::config::{Config, Drain};
use crate::content_types::SeedError;
use crate::downstream::tls::AcceptorError;
use crate::downstream::{Listener, ListenerConfig};
use crate::systemd::{HandedOver, SocketError, Vitals};
use crate::telemetry::audit_log::AuditError;
use crate::telemetry::metrics::{MetricsError, ReloadResult};
use crate::telemetry::{Diagnostic, admin};
use crate::upstream::ResolverError;

pub use metadata::PolicyError;
pub use reload::ReloadError;
use server::Server;
use upkeep::Upkeep;
use worker::Worker;

/// How long each log may take to write what is queued when the proxy stops.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// How long a reload may still take when the proxy stops.
const RELOAD_PATIENCE: Duration = Duration::from_secs(2);

/// How long sessions may take to end once they were told to.
const STOP_TIME: Duration = Duration::from_secs(10);

/// How long threads may take to end once they let no session go on.
const THREAD_PATIENCE: Duration = Duration::from_secs(1);

/// Descriptors that a worker has beside its listeners: those of its runtime, of which there are four, and some to spare.
const OF_A_WORKER: usize = 6;

/// Descriptors of what there is once: standard streams, signals, logs, the admin server and its clients,
/// questions to name servers, files that are read; and some to spare.
const OF_THE_PROCESS: usize = 48 + admin::MOST_CONNECTIONS;

/// Descriptors that a session has: its two connections.
const OF_A_SESSION: u64 = 2;

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

/// A proxy that drains, in a time that nothing changes any more.
#[must_use]
pub struct Stopping<'p> {
    proxy: &'p Proxy,
    drain: Drain,
}

/// Why the proxy could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Socket(#[from] SocketError),
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
    #[error(transparent)]
    Resolver(#[from] ResolverError),
    #[error("the system gives no randomness")]
    Randomness,
    #[error("cannot start a worker")]
    Thread(#[source] io::Error),
}

impl Proxy {
    /// So many files every process has to be allowed to have open, whatever its configuration.
    pub const LEAST_DESCRIPTORS: u64 = OF_THE_PROCESS as u64;

    /// How many connections there may be at once: as many as the configuration says, or as there are descriptors for. None of
    /// them is one that the process needs for itself: it is to be looked after when it is full, too.
    pub fn most_connections(config: &Config, descriptors: u64) -> usize {
        let left = descriptors.saturating_sub(Self::descriptors(config)) / OF_A_SESSION;
        // A process that may come to have none says nothing to those who watch how full it is.
        config.max_connections.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1)
    }

    /// How many files the process may come to have open, with as many connections as the configuration allows.
    pub fn descriptors_when_full(config: &Config) -> u64 {
        Self::descriptors(config).saturating_add((config.max_connections as u64).saturating_mul(OF_A_SESSION))
    }

    /// How many files the process has to be allowed to have open to serve one session, and to be looked after.
    pub fn descriptors_needed(config: &Config) -> u64 {
        Self::descriptors(config).saturating_add(OF_A_SESSION)
    }

    /// Those that it has without any session.
    fn descriptors(config: &Config) -> u64 {
        let listeners = config.listeners.len();
        let of_workers = workers(config).saturating_mul(listeners.saturating_add(OF_A_WORKER));
        OF_THE_PROCESS.saturating_add(listeners).saturating_add(of_workers) as u64
    }

    /// Opens the listeners and serves in the background, on worker threads of its own.
    pub fn start(config: Config) -> Result<Self, StartError> {
        Self::start_on(config, HandedOver::default())
    }

    /// The same, on the sockets that were handed over; what has none of them is opened. Each has to be wanted.
    pub fn start_on(config: Config, mut sockets: HandedOver) -> Result<Self, StartError> {
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for config in &config.listeners {
            let (listener, address) = open(config, sockets.at(config.address))?;
            addresses.push(address);
            listeners.push(listener);
        }
        let admin = config.admin.map(|address| open_admin(address, sockets.at(address))).transpose()?;
        sockets.finish()?;
        let admin_address = admin.as_ref().and_then(|listener| listener.local_addr().ok());
        let count = workers(&config);
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

    /// Takes over `config` for new connections; on failure nothing has changed. Sessions that are open go on with what they
    /// began with, but for the metadata policy: it holds for events from here on, in all sessions.
    pub fn reload(&self, config: Config) -> Result<(), ReloadError> {
        let outcome = self.server.reload(config);
        match outcome {
            Ok(()) => {
                self.wake_upkeep();
                self.server.metrics.reloaded(ReloadResult::Accepted);
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

    /// How the proxy is. A thread that owes an answer for `patience` does not live; all are asked for the next time.
    pub fn vitals(&self, patience: Duration) -> Vitals {
        Vitals {
            alive: self.server.pulses.all_beat(patience),
            draining: self.server.readiness.is_draining(),
            sessions: self.server.metrics.sessions_open(),
        }
    }

    /// Drains: is no longer ready, stops accepting, ends the sessions one after the other, and returns when all that was to
    /// be written is written.
    pub async fn stop(&self) {
        self.begin_stop().await.finish().await;
    }

    /// Is no longer ready, and takes over no reload any more. One that is under way may say how long the drain takes: it is
    /// waited for, but not for as long as a disk may make it wait.
    pub async fn begin_stop(&self) -> Stopping<'_> {
        let Drain { delay, spread } = self.server.configuration().drain;
        let sessions = self.server.metrics.sessions_open();
        Diagnostic::Draining { sessions, delay, spread }.report();
        self.server.readiness.set_draining();
        let server = Arc::clone(&self.server);
        let reloaded = tokio::task::spawn_blocking(move || server.wait_for_reload());
        let _ = tokio::time::timeout(RELOAD_PATIENCE, reloaded).await;
        Stopping { proxy: self, drain: self.server.configuration().drain }
    }

    /// Says that the process ends while a stop is under way, and that this one is not waited for.
    pub fn abandon_stop(&self) {
        Diagnostic::StoppedAtOnce { sessions: self.server.metrics.sessions_open() }.report();
    }
}

impl Stopping<'_> {
    /// The longest that [`finish`](Self::finish) can take: the drain, the sessions that end slowly, and what writes to disks.
    pub fn longest(&self) -> Duration {
        let Drain { delay, spread } = self.drain;
        delay + spread + STOP_TIME + THREAD_PATIENCE + 4 * LOG_PATIENCE
    }

    /// What is left of [`Proxy::stop`].
    pub async fn finish(self) {
        let Self { proxy, drain: Drain { delay, spread } } = self;
        tokio::time::sleep(delay).await;
        let ends = Instant::now() + spread;
        proxy.server.stop.drain(ends);
        let threads = proxy.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let server = Arc::clone(&proxy.server);
        let _ = tokio::task::spawn_blocking(move || {
            if let Some(Threads { workers, upkeep }) = threads {
                let latest = ends + STOP_TIME + THREAD_PATIENCE;
                workers.into_iter().for_each(|worker| worker.wait(latest));
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
        let meeting = Arc::new(Barrier::new(count + usize::from(admin.is_some())));
        for number in 0..count {
            let handles = listeners.iter().map(Listener::try_clone).collect::<Result<_, _>>();
            let handles = handles.map_err(StartError::Thread)?;
            workers.push(Worker::serving(number, Arc::clone(server), handles, Arc::clone(&meeting))?);
        }
        if let Some(listener) = admin {
            workers.push(Worker::admin(Arc::clone(server), listener, meeting)?);
        }
        Ok(Self { workers, upkeep: Upkeep::start(Arc::clone(server))? })
    }
}

/// One for each core, if the configuration does not say how many.
fn workers(config: &Config) -> usize {
    let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    config.workers.unwrap_or_else(cores).get()
}

/// A listener on the socket that was handed over for it, or on one of its own, with the address that it really has.
fn open(config: &ListenerConfig, socket: Option<TcpListener>) -> Result<(Listener, SocketAddr), StartError> {
    let open = || {
        let listener = match socket {
            Some(socket) => Listener::on(socket, config),
            None => Listener::bind(config)?,
        };
        let address = listener.local_address()?;
        Ok((listener, address))
    };
    open().map_err(|source| StartError::Listen { address: config.address, source })
}

fn open_admin(address: SocketAddr, socket: Option<TcpListener>) -> Result<TcpListener, StartError> {
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    socket.map_or_else(bind, Ok).map_err(|source| StartError::Listen { address, source })
}
