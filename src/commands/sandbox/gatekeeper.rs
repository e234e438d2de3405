//! `vestibule sandbox gatekeeper`: serves streams and the Enlistment API.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use vestibule::sandbox::config::{GatekeeperSetup, load_gatekeeper};

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
    let gatekeeper = setup.start().await?;
    let mut output = io::stdout();
    writeln!(output, "streams on {}", gatekeeper.address())?;
    writeln!(output, "the Enlistment API on https://{}", gatekeeper.api())?;
    output.flush()?;
    stop.wait().await;
    Ok(())
}
