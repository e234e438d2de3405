//! `vestibule sandbox`: the parties around Vestibule, each started apart, for who develops a client or tries a Vestibule
//! of their own. What they do is the library's; here they are started and ended.

mod certificates;
mod client;
mod front;
mod gatekeeper;
mod provider;
mod token;

use std::io;
use std::process::ExitCode;

use vestibule::sandbox::stop::StopSignal;

use crate::commands::output::write_line;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Write an authority's root and certificates that it has signed; no file that is there is touched.
    Certificates(certificates::Arguments),
    /// Serve as a gatekeeper until SIGTERM, SIGINT or SIGHUP.
    Gatekeeper(gatekeeper::Arguments),
    /// Serve as a provider until SIGTERM, SIGINT or SIGHUP.
    Provider(provider::Arguments),
    /// Chat as a provider's client: lines of standard input are sent, and what comes is shown.
    Client(client::Arguments),
    /// Serve as `vestibule run` does, and end with the process that has started this one.
    #[command(hide = true)]
    Front(front::Arguments),
    /// Print a token for another client, which logs in with OAUTHBEARER, or with PLAIN and the token as its password.
    Token(token::Arguments),
}

impl Command {
    pub fn execute(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Certificates(arguments) => certificates::execute(&arguments),
            Self::Gatekeeper(arguments) => gatekeeper::execute(&arguments),
            Self::Provider(arguments) => provider::execute(&arguments),
            Self::Client(arguments) => client::execute(arguments),
            Self::Front(arguments) => front::execute(&arguments),
            Self::Token(arguments) => token::execute(&arguments),
        }
    }
}

/// Says on standard error why a server ends, unless the terminal is gone with all who could read it.
fn tell_end(signal: StopSignal) {
    let _ = write_line(&mut io::stderr(), format_args!("vestibule: {signal}"));
}
