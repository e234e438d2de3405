//! `vestibule policy explain`: what a content-types policy does for a client of whom something is known.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use vestibule::config;
use vestibule::content_types::Facts;
use vestibule::policy::{FormatError, HostName};

use super::report::Report;
use crate::commands::check;

/// What the client says of its software, and is left out, it may still say; an empty text stands for what it does not
/// say.
#[derive(clap::Args)]
pub struct Arguments {
    /// A content-types policy.
    file: PathBuf,
    /// The domain that the client's stream is for.
    #[arg(long, value_parser = host_name)]
    host: Option<String>,
    /// The TLS server name (SNI) that it asks for.
    #[arg(long, value_parser = host_name)]
    server_name: Option<String>,
    /// `software` of its SASL2 user agent.
    #[arg(long)]
    user_agent: Option<String>,
    /// The node of its entity capabilities.
    #[arg(long)]
    node: Option<String>,
    /// The resource that it asks for, or its Bind 2 tag.
    #[arg(long)]
    resource: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Prints what the policy does for the client.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = config::load_content_types(&arguments.file)?;
    check::warn(&loaded.warnings)?;
    let (policy, _) = loaded.value;
    let report = Report::new(&policy, &arguments.facts());
    if arguments.json {
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        report.write(&mut io::stdout().lock())?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn facts(&self) -> Facts {
        Facts {
            host: self.host.clone().unwrap_or_default(),
            server_name: self.server_name.clone(),
            user_agent: self.user_agent.clone(),
            node: self.node.clone(),
            resource: self.resource.clone(),
        }
    }
}

fn host_name(text: &str) -> Result<String, FormatError> {
    HostName::parse(text).map(|name| name.to_string())
}
