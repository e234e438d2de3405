//! `vestibule run`: serves until it is told to stop.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use tokio::signal::{self, unix::SignalKind};
use tokio::sync::Notify;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use vestibule::config::{self, Config};
use vestibule::process;
use vestibule::proxy::Proxy;
use vestibule::telemetry::{Diagnostic, diagnostics};

use super::check;

/// Linux' number of this signal (signal(7)).
const SIGXFSZ: i32 = 25;

/// Lines of the process's own log that may wait to be written.
const LOG_QUEUE: usize = 8 * 1024;

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What the process tells about itself on standard error.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Serves until SIGTERM or SIGINT. SIGHUP reloads. A second signal to stop ends the process without waiting for the sessions.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    process::leave_no_dump().context("the system does not let the process forbid core dumps")?;
    let (log, _guard) = log_to_standard_error(arguments.log_level);
    Diagnostic::Starting.report();
    let loaded = match config::load(&arguments.config) {
        Ok(loaded) => loaded,
        Err(error) => return Err(anyhow::anyhow!("the configuration is refused\n{error}")),
    };
    check::warn(&loaded.warnings, &mut std::io::stderr())?;
    // This runtime waits for signals only; the proxy serves on threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(&arguments.config, loaded.config, log));
    // Dropping it would wait for the sessions after all: `Proxy::stop` waits for them on a thread of this runtime.
    runtime.shutdown_background();
    outcome
}

async fn serve(path: &Path, config: Config, log: NonBlocking) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let proxy = Arc::new(Proxy::start(config)?);
    let lost = log.error_counter();
    proxy.watch_diagnostics(move || lost.dropped_lines() as u64);
    let hung_up = Arc::new(Notify::new());
    tokio::spawn(reload_when(Arc::clone(&hung_up), path.to_owned(), Arc::clone(&proxy), log));
    while signals.next().await == Signal::Reload {
        hung_up.notify_one();
    }
    tokio::select! {
        // First: it says that the process drains even if the second signal is there already.
        biased;
        () = proxy.stop() => Ok(ExitCode::SUCCESS),
        () = signals.stop() => Ok(ExitCode::FAILURE),
    }
}

/// Reloads one after the other, beside the signals, as a disk may make one wait.
async fn reload_when(asked: Arc<Notify>, path: PathBuf, proxy: Arc<Proxy>, log: NonBlocking) {
    loop {
        asked.notified().await;
        let (path, proxy, mut log) = (path.clone(), Arc::clone(&proxy), log.clone());
        // A panic has been told by the panic hook.
        let _ = tokio::task::spawn_blocking(move || reload(&path, &proxy, &mut log)).await;
    }
}

/// Takes over what can be changed while sessions run, or says why not and changes nothing. What it says is lost rather than
/// waited for, like all that the process says.
fn reload(path: &Path, proxy: &Proxy, log: &mut NonBlocking) {
    let outcome = match config::load(path) {
        Ok(loaded) => {
            let _ = check::warn(&loaded.warnings, log);
            proxy.reload(loaded.config).map_err(|error| format!("{:#}", anyhow::Error::new(error)))
        }
        Err(error) => {
            proxy.refuse_reload();
            Err(error.to_string())
        }
    };
    if let Err(error) = outcome {
        let _ = writeln!(log, "vestibule: the reload is refused, nothing has changed\n{error}");
    }
}

/// Only our own diagnostics: what libraries log may hold what a peer sent. A thread of its own writes them, and loses
/// those that do not fit into its queue: whoever reads standard error must not be able to stop traffic by not reading.
fn log_to_standard_error(level: LogLevel) -> (NonBlocking, WorkerGuard) {
    let (standard_error, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LOG_QUEUE)
        .thread_name("log")
        .finish(std::io::stderr());
    tracing_subscriber::registry()
        .with(Targets::new().with_target(diagnostics::TARGET, LevelFilter::from(level)))
        .with(tracing_subscriber::fmt::layer().with_writer(standard_error.clone()))
        .init();
    (standard_error, guard)
}

struct Signals {
    terminate: signal::unix::Signal,
    interrupt: signal::unix::Signal,
    hang_up: signal::unix::Signal,
    /// Caught, so that a log that reaches a limit on files' sizes is an error and not the end of the process.
    _file_size: signal::unix::Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signal {
    Stop,
    Reload,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let listen = signal::unix::signal;
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
            _file_size: listen(SignalKind::from_raw(SIGXFSZ))?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }

    /// Waits for a signal to stop.
    async fn stop(&mut self) {
        while self.next().await == Signal::Reload {}
    }
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}
