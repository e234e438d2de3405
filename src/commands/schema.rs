//! `vestibule schema`: the JSON Schema of a kind of file, for editors and other checkers.

use std::process::ExitCode;

use clap::ValueEnum;
use vestibule::config::ConfigDocument;
use vestibule::content_types::{ContentTypesDocument, DialectDocument};
use vestibule::disclosure::document::MetadataDocument;
use vestibule::limit::LimitsDocument;
use vestibule::policy;
#[cfg(feature = "sandbox")]
use vestibule::sandbox::config::{ClientDocument, GatekeeperDocument, ProviderDocument};

use super::output::print_json;

#[derive(clap::Args)]
pub struct Arguments {
    /// The kind of file.
    kind: Kind,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Configuration,
    ContentTypes,
    Dialect,
    Limits,
    Metadata,
    #[cfg(feature = "sandbox")]
    SandboxClient,
    #[cfg(feature = "sandbox")]
    SandboxGatekeeper,
    #[cfg(feature = "sandbox")]
    SandboxProvider,
}

pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let schema = match arguments.kind {
        Kind::Configuration => policy::schema::<ConfigDocument>(),
        Kind::ContentTypes => policy::schema::<ContentTypesDocument>(),
        Kind::Dialect => policy::schema::<DialectDocument>(),
        Kind::Limits => policy::schema::<LimitsDocument>(),
        Kind::Metadata => policy::schema::<MetadataDocument>(),
        #[cfg(feature = "sandbox")]
        Kind::SandboxClient => policy::schema::<ClientDocument>(),
        #[cfg(feature = "sandbox")]
        Kind::SandboxGatekeeper => policy::schema::<GatekeeperDocument>(),
        #[cfg(feature = "sandbox")]
        Kind::SandboxProvider => policy::schema::<ProviderDocument>(),
    };
    print_json(&schema)?;
    Ok(ExitCode::SUCCESS)
}
