//! `vestibule demo`: the whole system on this machine, without any set-up. What is played and told is the sandbox's.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use vestibule::sandbox::demo::{self, Options, Policies};

#[derive(clap::Args)]
pub struct Arguments {
    /// Print one JSON document instead of the story.
    #[arg(long)]
    json: bool,
}

/// Fails if anything that the demonstration claims was not observed.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let options = Options { json: arguments.json, colour: wants_colour(), policies: Policies::default() };
    let report = demo::run(&options, &mut io::stdout().lock())?;
    Ok(if report.all_observed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A terminal gets colours, unless NO_COLOR is set to something (no-color.org).
#[allow(clippy::disallowed_methods, reason = "how the story looks is no configuration of the proxy")]
fn wants_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !refused
}
