//! `vestibule run`: serves until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};
use tracing::Level;
use vestibule::config;
use vestibule::proxy::Proxy;

use super::check;

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

/// Serves until SIGTERM or SIGINT. A second signal ends the process without waiting for the sessions.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_max_level(Level::from(arguments.log_level))
        .with_writer(std::io::stderr)
        .init();
    let loaded = match config::load(&arguments.config) {
        Ok(loaded) => loaded,
        Err(error) => return Err(anyhow::anyhow!("the configuration is refused\n{error}")),
    };
    check::warn(&loaded.warnings)?;
    // This runtime waits for signals only; the proxy serves on threads of its own.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let proxy = Proxy::start(loaded.config)?;
        signals.next().await;
        tokio::select! {
            () = proxy.stop() => Ok(ExitCode::SUCCESS),
            () = signals.next() => Ok(ExitCode::FAILURE),
        }
    })
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl From<LogLevel> for Level {
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
