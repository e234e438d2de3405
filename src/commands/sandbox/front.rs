//! `vestibule sandbox front`: `vestibule run`, but that it ends with who has started it, however that one ends. It is what
//! `vestibule demo --load` puts its load on.

use std::process::ExitCode;

use vestibule::process;

use crate::commands::run;

#[derive(clap::Args)]
// The group of the flattened ones would have the same name.
#[group(skip)]
pub struct Arguments {
    /// The process that has started this one.
    #[arg(long, value_name = "PID")]
    parent: u32,
    #[command(flatten)]
    run: run::Arguments,
}

/// Fails at once if the parent is gone already.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let is_there = process::end_with_parent(arguments.parent)?;
    anyhow::ensure!(is_there, "the process that has started this one has ended");
    run::execute(&arguments.run)
}
