//! `vestibule sandbox`: the parties around Vestibule, each started apart, for who develops a client or tries a Vestibule
//! of their own. What they do is the library's; here they are started and ended.

mod certificates;
mod client;
mod gatekeeper;
mod provider;
mod signals;
mod token;

use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Write an authority's root and certificates that it has signed; no file that is there is touched.
    Certificates(certificates::Arguments),
    /// Serve as a gatekeeper until SIGTERM or SIGINT.
    Gatekeeper(gatekeeper::Arguments),
    /// Serve as a provider until SIGTERM or SIGINT.
    Provider(provider::Arguments),
    /// Chat as a provider's client: lines of standard input are sent, and what comes is shown.
    Client(client::Arguments),
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
            Self::Token(arguments) => token::execute(&arguments),
        }
    }
}
