//! What the command line can do. Each command writes for people on standard output, and what went wrong on standard
//! error.

mod audit;
mod check;
mod completions;
mod connect;
#[cfg(feature = "sandbox")]
mod demo;
mod healthcheck;
mod inspect;
mod man;
mod output;
mod panic;
mod policy;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod schema;

pub use panic::hide_panic_payloads;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or SIGINT.
    Run(run::Arguments),
    /// Validate a configuration and every file it names; connect to nothing, or to the upstreams with `--connect`.
    Check(check::Arguments),
    /// Put standard input through the gate: one direction of a stream.
    Inspect(inspect::Arguments),
    /// Test and explain policies, and import what clients can receive.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Check the audit log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Print the JSON Schema of a kind of file.
    Schema(schema::Arguments),
    /// Ask the admin server of a running Vestibule whether it lives; for containers without a shell.
    Healthcheck(healthcheck::Arguments),
    /// Print the completions for a shell.
    Completions(completions::Arguments),
    /// Write the manual pages of all commands into a folder.
    Man(man::Arguments),
    /// Show the whole system on this machine, without any set-up.
    #[cfg(feature = "sandbox")]
    Demo(demo::Arguments),
    /// Start the parties around Vestibule apart: a gatekeeper, a provider, a client.
    #[cfg(feature = "sandbox")]
    #[command(subcommand)]
    Sandbox(sandbox::Command),
}

impl Command {
    /// Runs the command. A refusal is an exit code, as the command has told it; an error is still to be told.
    pub fn execute(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Run(arguments) => run::execute(&arguments),
            Self::Check(arguments) => check::execute(&arguments),
            Self::Inspect(arguments) => inspect::execute(&arguments),
            Self::Policy(command) => command.execute(),
            Self::Audit(command) => command.execute(),
            Self::Schema(arguments) => schema::execute(&arguments),
            Self::Healthcheck(arguments) => healthcheck::execute(&arguments),
            Self::Completions(arguments) => completions::execute(&arguments),
            Self::Man(arguments) => man::execute(&arguments),
            #[cfg(feature = "sandbox")]
            Self::Demo(arguments) => demo::execute(&arguments),
            #[cfg(feature = "sandbox")]
            Self::Sandbox(command) => command.execute(),
        }
    }
}
