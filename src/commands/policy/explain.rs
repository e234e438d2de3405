//! `vestibule policy explain`: what a content-types policy does for a client of whom something is known, what a metadata
//! policy lets out of an event, and what limits mean for a client's traffic.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use anyhow::{bail, ensure};
use vestibule::config;
use vestibule::content_types::Facts;
use vestibule::disclosure::Event;
use vestibule::limit::{self, LimitsDocument};
use vestibule::policy::{FormatError, HostName};

use super::allowance::{Allowance, Client};
use super::kind::Kind;
use super::outlook::Outlook;
use super::report::Report;
use crate::commands::check;
use crate::commands::output::print_json;

/// What the client says of its software, and is left out, it may still say; an empty text stands for what it does not
/// say.
#[derive(clap::Args)]
pub struct Arguments {
    /// A policy of content types, of metadata, or of limits.
    file: PathBuf,
    /// Of a metadata policy: the event. Left out, all of them.
    #[arg(value_parser = event)]
    event: Option<Event>,
    /// The kind of the policy. Otherwise the name of its folder tells it, or it is one of content types.
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
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
    #[command(flatten)]
    client: Client,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Prints what the policy does.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match arguments.kind.or_else(|| Kind::of(&arguments.file)) {
        Some(Kind::Metadata) => explain_metadata(arguments),
        Some(Kind::Limits) => explain_limits(arguments),
        Some(Kind::Dialects) => bail!("a dialect cannot be explained: it says nothing of a client"),
        Some(Kind::ContentTypes) | None => explain_content_types(arguments),
    }
}

fn explain_metadata(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    ensure!(!arguments.tell_of_software(), "a metadata policy is the same for all clients");
    ensure!(!arguments.client.is_told_of(), "a metadata policy is the same for all traffic");
    let loaded = config::load_metadata(&arguments.file)?;
    check::warn(&loaded.warnings, &mut io::stderr())?;
    let events = arguments.event.map_or(Event::ALL.to_vec(), |event| vec![event]);
    let statement = loaded.value.policy.statement();
    let outlook = Outlook::new(&statement, &events, SystemTime::now());
    if arguments.json {
        print_json(&outlook)?;
    } else {
        outlook.write(&mut io::stdout().lock())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn explain_limits(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    ensure!(arguments.event.is_none(), "limits know no events");
    ensure!(!arguments.tell_of_software(), "limits are the same for all software");
    let loaded = config::load_policy::<LimitsDocument>(&arguments.file)?;
    check::warn(&loaded.warnings, &mut io::stderr())?;
    let rehearsal = limit::Rehearsal::new(loaded.value.limits, Instant::now());
    let allowance = Allowance::new(&rehearsal, &arguments.client);
    if arguments.json {
        print_json(&allowance)?;
    } else {
        allowance.write(&mut io::stdout().lock())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn explain_content_types(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    ensure!(arguments.event.is_none(), "a policy of content types knows no events");
    ensure!(!arguments.client.is_told_of(), "a policy of content types is the same for all traffic");
    let loaded = config::load_content_types(&arguments.file)?;
    check::warn(&loaded.warnings, &mut io::stderr())?;
    let (policy, _) = loaded.value;
    let report = Report::new(&policy, &arguments.facts());
    if arguments.json {
        print_json(&report)?;
    } else {
        report.write(&mut io::stdout().lock())?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn tell_of_software(&self) -> bool {
        let Self { host, server_name, user_agent, node, resource, .. } = self;
        [host, server_name, user_agent, node, resource].into_iter().any(Option::is_some)
    }

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

/// The names of events are data of the catalogue, not of the command line.
fn event(name: &str) -> Result<Event, String> {
    let names = || Event::ALL.map(Event::name).join("`, `");
    Event::from_name(name).ok_or_else(|| format!("an event should stand here: `{}`", names()))
}
