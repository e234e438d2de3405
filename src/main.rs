//! The command line: reads the arguments, runs a command, turns its outcome into an exit code. What the commands do
//! stands in `commands/`, what the proxy does in the library.
//!
//! Exit codes: 0 fine, 1 refused or failed, 2 wrong usage.

mod commands;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use commands::Command;
use vestibule::disclosure::visible_lines;

const EXIT_CODES: &str = "Exit codes: 0 fine, 1 refused or failed, 2 wrong usage.";

/// A streaming TLS proxy between messaging clients and a gatekeeper's XMPP server.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_long_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    commands::hide_panic_payloads();
    match Arguments::parse().command.execute() {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to be done when even standard error is gone.
            let _ = writeln!(std::io::stderr(), "vestibule: {}", visible_lines(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}
