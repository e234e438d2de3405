//! `vestibule man`: a manual page for each command, as packages bring them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;

#[derive(clap::Args)]
pub struct Arguments {
    /// Where the pages are written; the folder has to be there.
    folder: PathBuf,
}

pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    clap_mangen::generate_to(crate::Arguments::command(), &arguments.folder)
        .with_context(|| format!("cannot write manual pages into {}", arguments.folder.display()))?;
    Ok(ExitCode::SUCCESS)
}
