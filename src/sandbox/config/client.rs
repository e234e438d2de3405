//! What a client's configuration means.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::SandboxConfigError;
use super::checks::Checks;
use super::document::{ClientDocument, ServerDocument};
use crate::policy::{Cause, Problem, ServerAddress};
use crate::sandbox::client::ProviderAccount;

const LONGEST_RESOURCE: usize = 1023;

/// A client that can be started.
pub struct ClientSetup {
    pub account: ProviderAccount,
    pub provider_tls: Arc<ClientConfig>,
    pub gatekeeper: GatekeeperOfClient,
    pub server: ServerOfClient,
    pub resource: Option<String>,
    /// Where the client keeps its key: beside its configuration.
    pub key_file: PathBuf,
    /// And there what it encrypts with.
    pub device_file: PathBuf,
}

/// Where the client enlists.
pub struct GatekeeperOfClient {
    /// Its domain.
    pub host: String,
    /// The URL of its Enlistment API.
    pub api: String,
    pub tls: Arc<ClientConfig>,
}

/// Where the client opens its streams.
pub struct ServerOfClient {
    pub address: ServerAddress,
    /// The name sent by SNI and looked for in the certificate.
    pub name: ServerName<'static>,
    pub tls: Arc<ClientConfig>,
}

pub(super) fn build(checks: &mut Checks, document: ClientDocument, path: &Path) -> Option<ClientSetup> {
    let account = ProviderAccount {
        issuer: checks.url(document.provider.issuer),
        visible_id: checks.visible_id(document.account.visible_id),
        password: checks.password(document.account.password),
    };
    let provider_tls = checks.trusting(&document.provider.roots);
    let gatekeeper_tls = checks.trusting(&document.gatekeeper.roots);
    let api = checks.url(document.gatekeeper.api);
    let server = server(checks, document.server);
    let resource = document.resource.map(|resource| {
        let fits =
            |text: &str| (1..=LONGEST_RESOURCE).contains(&text.len()) && !text.contains(char::is_control);
        checks.text(resource, fits, SandboxConfigError::Resource { most: LONGEST_RESOURCE })
    });
    Some(ClientSetup {
        account,
        provider_tls: provider_tls?,
        gatekeeper: GatekeeperOfClient {
            host: document.gatekeeper.host.to_string(),
            api,
            tls: gatekeeper_tls?,
        },
        server: server?,
        resource,
        key_file: path.with_extension("key"),
        device_file: path.with_extension("device"),
    })
}

fn server(checks: &mut Checks, document: ServerDocument) -> Option<ServerOfClient> {
    let ServerDocument { address, name, roots } = document;
    let tls = checks.trusting(&roots);
    // Every host name is one for TLS, too; should the library ever see that differently, it is told here.
    let server_name = ServerName::try_from(name.value.to_string()).ok();
    if server_name.is_none() {
        checks.files.report(Problem::new(name.at, Cause::Unreadable));
    }
    Some(ServerOfClient { address, name: server_name?, tls: tls? })
}
