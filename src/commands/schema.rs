//! `vestibule schema`: the JSON Schema of a kind of file, for editors and other checkers.

use std::process::ExitCode;

use clap::ValueEnum;
use vestibule::config::ConfigDocument;
use vestibule::content_types::{ContentTypesDocument, DialectDocument};
use vestibule::disclosure::document::MetadataDocument;
use vestibule::limit::LimitsDocument;
use vestibule::policy;

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
}

pub fn execute(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let schema = match arguments.kind {
        Kind::Configuration => policy::schema::<ConfigDocument>(),
        Kind::ContentTypes => policy::schema::<ContentTypesDocument>(),
        Kind::Dialect => policy::schema::<DialectDocument>(),
        Kind::Limits => policy::schema::<LimitsDocument>(),
        Kind::Metadata => policy::schema::<MetadataDocument>(),
    };
    print_json(&schema)?;
    Ok(ExitCode::SUCCESS)
}
