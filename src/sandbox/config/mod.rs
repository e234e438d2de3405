//! The configuration files of the parties that are started apart, for who develops a client or tries a Vestibule of
//! their own: a gatekeeper, a provider and a client. They are read like every other file of Vestibule: all that is wrong
//! is told at once, with its place.

mod checks;
mod client;
mod document;
mod error;
mod gatekeeper;
mod provider;
mod start;
#[cfg(test)]
mod tests;

pub use client::{ClientSetup, GatekeeperOfClient, ServerOfClient};
pub use document::{ClientDocument, GatekeeperDocument, ProviderDocument};
pub use error::SandboxConfigError;
pub use gatekeeper::GatekeeperSetup;
pub use provider::ProviderSetup;
pub use start::StartError;

use std::path::Path;

use self::checks::Checks;
use crate::config::{FileProblem, Files, LoadError};
use crate::policy::PolicyDocument;

/// What a file and those that it names say, and what their author should think about again.
pub struct Loaded<T> {
    pub value: T,
    pub warnings: Vec<FileProblem>,
}

/// Reads a gatekeeper's configuration.
pub fn load_gatekeeper(path: &Path) -> Result<Loaded<GatekeeperSetup>, LoadError> {
    load(path, gatekeeper::build)
}

/// Reads a provider's configuration.
pub fn load_provider(path: &Path) -> Result<Loaded<ProviderSetup>, LoadError> {
    load(path, provider::build)
}

/// Reads a client's configuration.
pub fn load_client(path: &Path) -> Result<Loaded<ClientSetup>, LoadError> {
    load(path, |checks, document| client::build(checks, document, path))
}

fn load<D: PolicyDocument, T>(
    path: &Path,
    build: impl FnOnce(&mut Checks, D) -> Option<T>,
) -> Result<Loaded<T>, LoadError> {
    let mut checks = Checks { files: Files::new(path) };
    let value = checks.files.document::<D>().and_then(|document| build(&mut checks, document));
    let (problems, warnings) = checks.files.findings();
    match value {
        Some(value) if problems.is_empty() => Ok(Loaded { value, warnings }),
        _ => Err(LoadError { problems }),
    }
}
