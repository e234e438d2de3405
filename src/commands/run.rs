//! `vestibule run`: serves until it is told to stop.

use std::io::{self, Write};
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
use vestibule::systemd::{HandedOver, Manager};
use vestibule::telemetry::{Diagnostic, diagnostics};

use super::check;

/// Linux' number of this signal (signal(7)).
const SIGXFSZ: i32 = 25;

/// Lines of the process's own log that may wait to be written.
const LOG_QUEUE: usize = 8 * 1024;

const CANNOT_LISTEN: &str = "cannot listen for signals";

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
    require_descriptors(Proxy::LEAST_DESCRIPTORS)?;
    let sockets = HandedOver::take()?;
    // This runtime waits for signals only; the proxy serves on threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let hang_up = {
        let _entered = runtime.enter();
        Signals::await_reload()?
    };
    let (log, _guard) = log_to_standard_error(arguments.log_level);
    Diagnostic::Starting.report();
    let loaded = match config::load(&arguments.config) {
        Ok(loaded) => loaded,
        Err(error) => return Err(anyhow::anyhow!("the configuration is refused\n{error}")),
    };
    check::warn(&loaded.warnings, &mut io::stderr())?;
    require_descriptors(Proxy::descriptors_needed(&loaded.config))?;
    check::warn_of_descriptors(&loaded.config, &mut io::stderr())?;
    let outcome = runtime.block_on(serve(&arguments.config, loaded.config, sockets, log, hang_up));
    // Dropping it would wait for the sessions after all: `Proxy::stop` waits for them on a thread of this runtime.
    runtime.shutdown_background();
    outcome
}

/// Without them one part or another would fail to start, and few can say why.
fn require_descriptors(needed: u64) -> anyhow::Result<()> {
    let allowed = process::allow_descriptors();
    anyhow::ensure!(
        allowed >= needed,
        "the limit on open files is {allowed}, and {needed} at least are needed for the first session, and two for each \
         further one: raise it (`ulimit -n`, or `LimitNOFILE=` of systemd)"
    );
    Ok(())
}

async fn serve(
    path: &Path,
    config: Config,
    sockets: HandedOver,
    log: NonBlocking,
    hang_up: signal::unix::Signal,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen(hang_up)?;
    let proxy = Arc::new(Proxy::start_on(config, sockets)?);
    let lost = log.error_counter();
    proxy.watch_diagnostics(move || lost.dropped_lines() as u64);
    let manager = Manager::of_environment();
    if let Some(manager) = manager {
        manager.ready().context("cannot tell the service manager that the process serves")?;
        let looked_at = Arc::clone(&proxy);
        tokio::spawn(manager.keep_informed(move |patience| looked_at.vitals(patience)));
    }
    let hung_up = Arc::new(Notify::new());
    tokio::spawn(reload_when(Arc::clone(&hung_up), path.to_owned(), Arc::clone(&proxy), manager, log));
    while signals.next().await == Signal::Reload {
        hung_up.notify_one();
    }
    let stop = async {
        let stopping = proxy.begin_stop().await;
        // What a manager does not hear of it does not stop the process from ending.
        let _ = manager.map(|manager| manager.stopping(stopping.longest()));
        stopping.finish().await;
    };
    tokio::select! {
        // First: it says that the process drains even if the second signal is there already.
        biased;
        () = stop => Ok(ExitCode::SUCCESS),
        () = signals.stop(&hung_up) => {
            proxy.abandon_stop();
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Reloads one after the other, beside the signals, as a disk may make one wait.
async fn reload_when(
    asked: Arc<Notify>,
    path: PathBuf,
    proxy: Arc<Proxy>,
    manager: Option<Manager>,
    log: NonBlocking,
) {
    loop {
        asked.notified().await;
        let (path, proxy, mut log) = (path.clone(), Arc::clone(&proxy), log.clone());
        let _ = manager.map(Manager::reloading);
        // A panic has been told by the panic hook.
        let _ = tokio::task::spawn_blocking(move || reload(&path, &proxy, &mut log)).await;
        let _ = manager.map(Manager::ready);
    }
}

/// Takes over what can be changed while sessions run, or says why not and changes nothing. What it says is lost rather than
/// waited for, like all that the process says.
fn reload(path: &Path, proxy: &Proxy, log: &mut NonBlocking) {
    let outcome = match config::load(path) {
        Ok(loaded) => {
            let _ = at_once(log, |text| {
                check::warn(&loaded.warnings, text)?;
                check::warn_of_descriptors(&loaded.config, text)
            });
            proxy.reload(loaded.config).map_err(|error| format!("{:#}", anyhow::Error::new(error)))
        }
        Err(error) => {
            proxy.refuse_reload();
            Err(error.to_string())
        }
    };
    if let Err(error) = outcome {
        error.lines().for_each(|problem| Diagnostic::ReloadProblem { problem }.report());
    }
}

/// Writes what `say` says as one piece: the log takes or loses each write by itself, and others may come in between.
fn at_once(log: &mut impl Write, say: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut text = Vec::new();
    say(&mut text)?;
    if text.is_empty() { Ok(()) } else { log.write_all(&text) }
}

/// Only our own diagnostics: what libraries log may hold what a peer sent. A thread of its own writes them, and loses
/// those that do not fit into its queue: whoever reads standard error must not be able to stop traffic by not reading.
fn log_to_standard_error(level: LogLevel) -> (NonBlocking, WorkerGuard) {
    let (standard_error, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LOG_QUEUE)
        .thread_name("log")
        .finish(io::stderr());
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
    /// A reload that is asked for from here on waits until the process serves, instead of ending it. Signals to stop do end
    /// it until then.
    fn await_reload() -> anyhow::Result<signal::unix::Signal> {
        signal::unix::signal(SignalKind::hangup()).context(CANNOT_LISTEN)
    }

    fn listen(hang_up: signal::unix::Signal) -> anyhow::Result<Self> {
        let listen = |kind| signal::unix::signal(kind).context(CANNOT_LISTEN);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up,
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

    /// Waits for a signal to stop. A reload is asked for nevertheless, so that it is told that there is none any more.
    async fn stop(&mut self, hung_up: &Notify) {
        while self.next().await == Signal::Reload {
            hung_up.notify_one();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps apart what comes in different writes.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_said_of_a_reload_is_one_write_or_none() {
        let mut log = Writes::default();
        at_once(&mut log, |text| (1..=3).try_for_each(|number| writeln!(text, "{number}: a line"))).unwrap();
        at_once(&mut log, |_| Ok(())).unwrap();
        assert_eq!(log.0, [b"1: a line\n2: a line\n3: a line\n"]);
    }
}
