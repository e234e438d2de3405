//! `vestibule sandbox client`: a provider's client for the terminal.

mod chat;
mod input;
mod letters;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use vestibule::sandbox::client::Participant;
use vestibule::sandbox::config::load_client;
use vestibule::sandbox::stop::Stop;

use self::chat::Chat;
use self::letters::Letters;
use crate::commands::check::warn;

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration; `vestibule schema sandbox-client` says what may stand in it. The client keeps its key beside
    /// it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Whom every line is for. Left out, a line begins with the JID that the rest of it is for.
    #[arg(long, value_name = "JID", value_parser = input::jid)]
    to: Option<String>,
    /// Write and read without encryption, for who has a client that knows none.
    #[arg(long)]
    clear: bool,
    /// Trust whose devices have other keys than before: nothing is written to them until then.
    #[arg(long, value_name = "JID", value_parser = input::jid)]
    trust: Option<String>,
}

pub fn execute(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let loaded = load_client(&arguments.config)
        .map_err(|error| anyhow::anyhow!("the configuration is refused\n{error}"))?;
    warn(&loaded.warnings, &mut io::stderr())?;
    let participant = Participant::new(loaded.value)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let letters = (!arguments.clear).then(|| Letters::trusting(arguments.trust));
        let chat = Chat::new(participant, arguments.to, letters, input::lines(), Stop::listen()?);
        chat.run().await
    })?;
    Ok(ExitCode::SUCCESS)
}
