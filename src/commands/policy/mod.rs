//! `vestibule policy`: what an operator does with policies by themselves, without a configuration and without a stream.

mod allowance;
mod diff;
mod explain;
mod import;
mod kind;
mod outlook;
mod publication;
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
    /// Show which profile a client gets and why, and the exact elements that are sent for it; of a metadata policy, what
    /// each sink gets of an event, and why; of limits, what a client may send, and how long it waits for more.
    Explain(explain::Arguments),
    /// Write what a metadata policy lets out, for publication.
    Report(publication::Arguments),
    /// Tell what a metadata policy lets out more and less than another one. Exits with 1 if it is more.
    Diff(diff::Arguments),
    /// Write what a profile accepts from a list of what clients can receive.
    Import(import::Arguments),
}

impl Command {
    /// What is wrong with a file is told as `check` tells it.
    pub fn execute(self) -> anyhow::Result<ExitCode> {
        let outcome = match self {
            Self::Test(arguments) => test::execute(&arguments),
            Self::Explain(arguments) => explain::execute(&arguments),
            Self::Report(arguments) => publication::execute(&arguments),
            Self::Diff(arguments) => diff::execute(&arguments),
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
