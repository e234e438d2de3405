//! `vestibule sandbox token`: a token for another client than ours.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use vestibule::sandbox::client::Participant;
use vestibule::sandbox::config::load_client;

use crate::commands::check::warn;
use crate::commands::output::write_line;

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration; `vestibule schema sandbox-client` says what may stand in it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Prints the token on standard output, and on standard error the JID that it opens streams for.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = load_client(&arguments.config)
        .map_err(|error| anyhow::anyhow!("the configuration is refused\n{error}"))?;
    warn(&loaded.warnings, &mut io::stderr())?;
    let participant = Participant::new(loaded.value)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (token, enlisted) = runtime.block_on(async {
        let token = participant.token().await?;
        // A token enlists once: this one stays as it is for who gets it.
        let enlisted = participant.enlist(&participant.token().await?).await?;
        anyhow::Ok((token, enlisted))
    })?;
    let lifetime = token.expires_in;
    write_line(&mut io::stderr(), format_args!("for {}, good for {lifetime} s", enlisted.jid))?;
    write_line(&mut io::stdout(), token.token)?;
    Ok(ExitCode::SUCCESS)
}
