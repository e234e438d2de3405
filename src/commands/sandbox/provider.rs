//! `vestibule sandbox provider`: serves tokens, keys and a place for pushes.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use vestibule::sandbox::config::{ProviderSetup, load_provider};
use vestibule::sandbox::stop::Stop;

use super::tell_end;
use crate::commands::check::warn;

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration; `vestibule schema sandbox-provider` says what may stand in it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = load_provider(&arguments.config)
        .map_err(|error| anyhow::anyhow!("the configuration is refused\n{error}"))?;
    warn(&loaded.warnings, &mut io::stderr())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(loaded.value))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(setup: ProviderSetup) -> anyhow::Result<()> {
    let mut stop = Stop::listen()?;
    let issuer = setup.config.issuer.clone();
    let provider = setup.start().await?;
    let mut output = io::stdout();
    writeln!(output, "{issuer} on https://{}", provider.address())?;
    output.flush()?;
    tell_end(stop.wait().await);
    Ok(())
}
