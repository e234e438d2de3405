//! The stage: certificates, a gatekeeper with its accounts, and Vestibule in front of it, configured by real files.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::ActError;
use super::directory::TemporaryDirectory;
use super::people::{EVERYBODY, HOST, Person};
use super::scene::readable;
use crate::config;
use crate::proxy::{Proxy, StartError};
use crate::sandbox::certificates::{Authority, CertificateError, Identity};
use crate::sandbox::client::{Client, Server};
use crate::sandbox::gatekeeper::{self, Gatekeeper, Listeners};

/// The name under which the provider's clients reach Vestibule.
const SERVER_NAME: &str = "interop.provider.example";
/// The namespace of the gatekeeper's dialect, as `policies/dialects/` describes it.
pub const CONTENT_TYPES: &str = "urn:x-vestibule:content-types:0";

/// The policies that the demonstration is played with: YAML texts.
#[derive(Clone)]
pub struct Policies {
    pub content_types: String,
    pub dialect: String,
    pub limits: String,
    pub default_deny: String,
    pub operations: String,
}

impl Default for Policies {
    /// Those that are shipped.
    fn default() -> Self {
        Self {
            content_types: include_str!("../../../policies/content-types/enforcing.yaml").to_owned(),
            dialect: include_str!("../../../policies/dialects/vestibule.yaml").to_owned(),
            limits: include_str!("../../../policies/limits/default.yaml").to_owned(),
            default_deny: include_str!("../../../policies/metadata/default-deny.yaml").to_owned(),
            operations: include_str!("../../../policies/metadata/operations.yaml").to_owned(),
        }
    }
}

/// The stage could not be set.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error("the temporary directory could not be used: {0}")]
    Files(#[from] io::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("a server name is not valid")]
    ServerName,
    #[error(transparent)]
    Gatekeeper(#[from] gatekeeper::StartError),
    #[error("the configuration is refused:\n{0}")]
    Configuration(#[from] config::LoadError),
    #[error(transparent)]
    Proxy(#[from] StartError),
    #[error("Vestibule listens on no address")]
    NoAddress,
}

/// What stays the same for the whole demonstration.
pub struct Stage {
    pub gatekeeper: Gatekeeper,
    directory: TemporaryDirectory,
    client_tls: Arc<ClientConfig>,
}

/// A running Vestibule in front of the gatekeeper.
pub struct Front {
    proxy: Proxy,
    pub admin: SocketAddr,
    access_log: PathBuf,
    server: Server,
}

impl Stage {
    /// Starts the gatekeeper and writes what every configuration names.
    pub async fn build(policies: &Policies) -> Result<Self, StageError> {
        let gatekeepers = Authority::new("The gatekeeper's authority")?;
        let accounts = EVERYBODY.iter().map(|person| person.known_account()).collect();
        let config = gatekeeper::Config {
            accounts,
            words: gatekeeper::Words {
                content_types: CONTENT_TYPES.to_owned(),
                ..gatekeeper::Words::default()
            },
            behaviour: gatekeeper::Behaviour { ignore_content_types: true },
            ..gatekeeper::Config::new(HOST)
        };
        let listeners = Listeners::on_loopback().await?;
        let gatekeeper = Gatekeeper::start(config, listeners, &gatekeepers.issue(&[HOST])?)?;

        let providers = Authority::new("The provider's authority")?;
        let Identity { chain, key } = providers.issue(&[SERVER_NAME])?;
        let directory = TemporaryDirectory::new()?;
        directory.write("config/tls/gatekeeper-roots.pem", &gatekeepers.pem())?;
        directory.write("config/tls/chain.pem", &chain)?;
        directory.write_secret("config/tls/key.pem", &key)?;
        directory.write("policies/content-types/enforcing.yaml", &policies.content_types)?;
        directory.write("policies/dialects/vestibule.yaml", &policies.dialect)?;
        directory.write("policies/limits/default.yaml", &policies.limits)?;
        Ok(Self { gatekeeper, directory, client_tls: providers.client_config()? })
    }

    /// Starts Vestibule with this metadata policy, as `vestibule run` would.
    pub fn open_front(&self, name: &str, metadata: &str) -> Result<Front, StageError> {
        self.directory.write(&format!("policies/metadata/{name}.yaml"), metadata)?;
        let file = self.directory.write(&format!("config/{name}.yaml"), &self.configuration(name))?;
        let access_log = self.directory.path().join(format!("config/{name}.log"));
        std::fs::create_dir_all(&access_log)?;
        let proxy = Proxy::start(config::load(&file)?.config)?;
        let address = *proxy.listeners().first().ok_or(StageError::NoAddress)?;
        let admin = proxy.admin().ok_or(StageError::NoAddress)?;
        let server = Server {
            address,
            name: ServerName::try_from(SERVER_NAME).map_err(|_| StageError::ServerName)?,
            host: HOST.to_owned(),
            tls: self.client_tls.clone(),
        };
        Ok(Front { proxy, admin, access_log, server })
    }

    fn configuration(&self, name: &str) -> String {
        let gatekeeper = self.gatekeeper.address();
        format!(
            "listeners:
  - address: 127.0.0.1:0
hosts:
  {HOST}:
    server_names: [{SERVER_NAME}]
    certificate: {{ chain: tls/chain.pem, key: tls/key.pem }}
    upstream: gatekeeper
    content_types: ../policies/content-types/enforcing.yaml
    limits: ../policies/limits/default.yaml
upstreams:
  gatekeeper:
    endpoints: ['{gatekeeper}']
    server_name: {HOST}
    roots: tls/gatekeeper-roots.pem
metadata: ../policies/metadata/{name}.yaml
access_log: {{ folder: {name}.log }}
admin: {{ address: 127.0.0.1:0 }}
workers: 1
"
        )
    }
}

/// All segments of a log, one behind the other.
fn read_log(folder: &Path) -> io::Result<Vec<u8>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut segments = entries.collect::<io::Result<Vec<PathBuf>>>()?;
    segments.sort_unstable();
    Ok(segments.iter().map(std::fs::read).collect::<io::Result<Vec<_>>>()?.concat())
}

impl Front {
    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Stops Vestibule, which first writes all that is left to be written, and returns the lines of its access log.
    pub async fn end(self) -> Result<Vec<String>, ActError> {
        let Self { proxy, access_log, .. } = self;
        proxy.stop().await;
        let log = read_log(&access_log).map_err(ActError::Log)?;
        Ok(log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(readable).collect())
    }

    /// Connects a person's client and proves who it is. What it then binds is the act's part.
    pub async fn connect(&self, person: &Person) -> Result<Client, ActError> {
        let connect = async {
            let mut client = Client::connect(&self.server).await?;
            client.authenticate(&person.credentials()).await?;
            Ok(client)
        };
        connect.await.map_err(|error| person.failed(error))
    }
}
