//! `vestibule policy report`: the provider's public statement of what is kept, where, why and for how long, and of what is
//! processed in memory only.

mod markdown;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgGroup;
use serde::Serialize;
use vestibule::config;
use vestibule::disclosure::{DisclosurePolicy, Event, Field, Statement, WITHHELD};
use vestibule::telemetry::AccessLogTarget;

use crate::commands::check;
use crate::commands::output::print_json;

#[derive(clap::Args)]
#[command(group(ArgGroup::new("policy").required(true).args(["file", "config"])))]
pub struct Arguments {
    /// A metadata policy.
    file: Option<PathBuf>,
    /// A configuration in the place of a policy: it also tells where the access log goes.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// All that is told.
#[derive(Serialize)]
pub struct Publication {
    policy: Statement,
    /// Whether Vestibule itself deletes the access log's lines after their retention; `None` without a configuration.
    access_log_retention_enforced: Option<bool>,
    /// How gatekeepers are told of connections, by the words of the configuration; `None` without a configuration.
    signals: Option<BTreeSet<&'static str>>,
    /// Fields that no rule and no exception lets out.
    in_memory_only: Vec<&'static str>,
    catalogue: Catalogue,
}

/// Everything that Vestibule sees of a connection.
#[derive(Serialize)]
struct Catalogue {
    fields: Vec<CatalogueField>,
    withheld: Vec<CatalogueWithheld>,
}

#[derive(Serialize)]
struct CatalogueField {
    name: &'static str,
    class: &'static str,
    form: &'static str,
    events: Vec<&'static str>,
    meaning: &'static str,
}

#[derive(Serialize)]
struct CatalogueWithheld {
    name: &'static str,
    class: &'static str,
    r#use: &'static str,
}

/// Prints the report.
pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let publication = match (&arguments.config, &arguments.file) {
        (Some(path), _) => {
            let config::Loaded { config, warnings } = config::load(path)?;
            check::warn(&warnings, &mut io::stderr())?;
            Publication::new(
                &config.metadata,
                Some(is_enforced(&config.access_log)),
                Some(carriers(&config.hosts)),
            )
        }
        (None, Some(file)) => {
            let loaded = config::load_metadata(file)?;
            check::warn(&loaded.warnings, &mut io::stderr())?;
            Publication::new(&loaded.value.policy, None, None)
        }
        (None, None) => anyhow::bail!("a policy or a configuration should be named"),
    };
    if arguments.json {
        print_json(&publication)?;
    } else {
        markdown::write(&publication, &mut io::stdout().lock())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether Vestibule itself deletes lines after their retention.
fn is_enforced(target: &AccessLogTarget) -> bool {
    match target {
        AccessLogTarget::StandardOutput | AccessLogTarget::Journald => false,
        AccessLogTarget::Folder(_) => true,
    }
}

/// Every way in which some gatekeeper is told of connections.
fn carriers(hosts: &[config::Host]) -> BTreeSet<&'static str> {
    hosts.iter().map(|host| host.upstream.signals.carrier.name()).collect()
}

impl Publication {
    fn new(
        policy: &DisclosurePolicy,
        access_log_retention_enforced: Option<bool>,
        signals: Option<BTreeSet<&'static str>>,
    ) -> Self {
        let let_out: BTreeSet<Field> = policy.rules().flat_map(|(_, _, rule)| rule.fields()).collect();
        let in_memory_only = Field::ALL.iter().filter(|field| !let_out.contains(field));
        Self {
            policy: policy.statement(),
            access_log_retention_enforced,
            signals,
            in_memory_only: in_memory_only.map(|field| field.name()).collect(),
            catalogue: Catalogue::new(),
        }
    }
}

impl Catalogue {
    fn new() -> Self {
        let field = |field: &Field| CatalogueField {
            name: field.name(),
            class: field.class().name(),
            form: field.form().name(),
            events: Event::ALL
                .into_iter()
                .filter(|event| field.occurs_in(*event))
                .map(|event| event.name())
                .collect(),
            meaning: field.meaning(),
        };
        let withheld = WITHHELD.iter().map(|withheld| CatalogueWithheld {
            name: withheld.name,
            class: withheld.class.name(),
            r#use: withheld.use_,
        });
        Self { fields: Field::ALL.iter().map(field).collect(), withheld: withheld.collect() }
    }
}
