//! `vestibule policy`: what an operator does with policies by themselves, without a configuration and without a stream.

mod explain;
mod import;
mod report;
mod test;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Subcommand;
use vestibule::config::LoadError;

#[derive(Subcommand)]
pub enum Command {
    /// Run the tests that stand in policy files.
    Test(test::Arguments),
    /// Show which profile a client gets and why, and the exact elements that are sent for it.
    Explain(explain::Arguments),
    /// Write what a profile accepts from a list of what clients can receive.
    Import(import::Arguments),
}

impl Command {
    /// What is wrong with a file is told as `check` tells it.
    pub fn execute(self) -> anyhow::Result<ExitCode> {
        let outcome = match self {
            Self::Test(arguments) => test::execute(&arguments),
            Self::Explain(arguments) => explain::execute(&arguments),
            Self::Import(arguments) => import::execute(&arguments),
        };
        match outcome {
            Err(error) if error.is::<LoadError>() => {
                writeln!(io::stderr(), "{error}")?;
                Ok(ExitCode::FAILURE)
            }
            outcome => outcome,
        }
    }
}
