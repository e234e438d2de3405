//! `vestibule sandbox gatekeeper`: serves streams and the Enlistment API.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;
use vestibule::sandbox::config::{GatekeeperSetup, load_gatekeeper};
use vestibule::sandbox::gatekeeper::{Gatekeeper, Listeners};

use super::signals::Stop;
use crate::commands::check::warn;

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration; `vestibule schema sandbox-gatekeeper` says what may stand in it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = load_gatekeeper(&arguments.config)
        .map_err(|error| anyhow::anyhow!("the configuration is refused\n{error}"))?;
    warn(&loaded.warnings, &mut io::stderr())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(loaded.value))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(setup: GatekeeperSetup) -> anyhow::Result<()> {
    let mut stop = Stop::listen()?;
    let GatekeeperSetup { config, streams, api, identity } = setup;
    let listeners = Listeners { streams: listen(streams).await?, api: listen(api).await? };
    let gatekeeper = Gatekeeper::start(config, listeners, &identity)?;
    let mut output = io::stdout();
    writeln!(output, "streams on {}", gatekeeper.address())?;
    writeln!(output, "the Enlistment API on https://{}", gatekeeper.api())?;
    output.flush()?;
    stop.wait().await;
    Ok(())
}

pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}
