//! The stage: certificates, a provider and a gatekeeper with their users, and Vestibule in front of the gatekeeper,
//! configured by real files.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{io, iter};

use ipnet::IpNet;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpListener;

use super::ActError;
use super::directory::TemporaryDirectory;
use super::ledger::Ledger;
use super::metrics;
use super::people::{HOST, ProviderUser};
use super::scene::readable;
use super::witness::{Log, Witness};
use crate::config;
use crate::proxy::{Proxy, StartError};
use crate::sandbox::certificates::{Authority, CertificateError, Identity};
use crate::sandbox::client::Server;
use crate::sandbox::gatekeeper::{
    self, Gatekeeper, Listeners, MediaConfig, MediaOrigin, MediaProxyConfig, ProviderConfig,
};
use crate::sandbox::http::{CallError, Caller, Patience};
use crate::sandbox::media;
use crate::sandbox::provider::{self, GatekeeperAccess, Provider};
use crate::sandbox::random::{self, RandomError};
use crate::sandbox::token::Algorithm;

/// The name under which the provider's clients reach Vestibule.
pub const SERVER_NAME: &str = "interop.provider.example";
/// The name of both HTTP servers. It is what the system's resolver knows without being told.
const HTTP_NAME: &str = "localhost";
/// The file of both authorities.
const ROOTS: &str = "roots.pem";
/// By which the provider's clients say over HTTP who calls: none of them alone.
const CLIENTS: &str = "clients";
/// The gatekeeper keeps a session that lost its connection for so long.
const RESUMPTION: Duration = Duration::from_secs(120);

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
    #[error("the temporary directory could not be used")]
    Files(#[from] io::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error("a server name is not valid")]
    ServerName,
    #[error(transparent)]
    Gatekeeper(#[from] gatekeeper::StartError),
    #[error(transparent)]
    Provider(#[from] provider::StartError),
    #[error("calls over HTTP cannot be made")]
    Http(#[from] CallError),
    #[error("the configuration is refused")]
    Configuration(#[from] config::LoadError),
    #[error(transparent)]
    Proxy(#[from] StartError),
    #[error("Vestibule listens on no address")]
    NoAddress,
}

impl StageError {
    /// The error in words, with what caused it.
    pub fn with_causes(&self) -> String {
        let causes = iter::successors(Some(self as &dyn Error), |&error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }
}

/// What stays the same for the whole demonstration.
pub struct Stage {
    pub gatekeeper: Gatekeeper,
    pub provider: Provider,
    /// The provider's issuer URL.
    pub issuer: String,
    /// How clients call the provider and the gatekeeper.
    pub caller: Caller,
    /// Who notes what passes between the parties.
    pub witness: Arc<Witness>,
    /// What is said on it, and what passes Vestibule meanwhile.
    pub ledger: Ledger,
    directory: TemporaryDirectory,
    /// Both authorities are trusted.
    client_tls: Arc<ClientConfig>,
}

/// A running Vestibule in front of the gatekeeper.
pub struct Front {
    proxy: Proxy,
    pub admin: SocketAddr,
    name: String,
    /// The stage's.
    pub ledger: Ledger,
    access_log: PathBuf,
    audit_log: PathBuf,
    server: Server,
    witness: Arc<Witness>,
}

/// Who has accounts where.
pub struct Population {
    pub of_provider: Vec<provider::Account>,
    pub of_gatekeeper: Vec<gatekeeper::Account>,
}

impl Stage {
    /// Starts the provider and the gatekeeper, and writes what every configuration of Vestibule names.
    /// The gatekeeper keeps the bytes of sessions for the story, unless there are too many.
    pub async fn build(
        policies: &Policies,
        population: Population,
        transcripts: bool,
    ) -> Result<Self, StageError> {
        let gatekeepers = Authority::new("The gatekeeper's authority")?;
        let providers = Authority::new("The provider's authority")?;
        let credential = random::token()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let issuer = format!("https://{HTTP_NAME}:{}", listener.local_addr()?.port());
        let config = provider_config(&issuer, &credential, population.of_provider);
        let provider = Provider::start(config, listener, &providers.issue(&[HTTP_NAME])?)?;
        let config = gatekeeper::Config {
            accounts: population.of_gatekeeper,
            providers: vec![ProviderConfig {
                issuer: issuer.clone(),
                credential,
                tls: providers.client_config()?,
            }],
            resumption: RESUMPTION,
            media: MediaConfig { proxy: media_proxy(&issuer, &providers)?, ..MediaConfig::default() },
            transcripts,
            ..gatekeeper::Config::new(HOST)
        };
        let identity = gatekeepers.issue(&[HOST, HTTP_NAME])?;
        let gatekeeper = Gatekeeper::start(config, Listeners::on_loopback().await?, &identity)?;
        let directory = TemporaryDirectory::new()?;
        write_files(&directory, policies, &gatekeepers, &providers.issue(&[SERVER_NAME])?)?;
        directory.write(ROOTS, &(gatekeepers.pem() + &providers.pem()))?;
        let client_tls = Authority::trust([&gatekeepers, &providers])?;
        let caller = Caller::named(CLIENTS, &client_tls, Patience::default())?;
        let (witness, ledger) = (Arc::default(), Ledger::default());
        Ok(Self { gatekeeper, provider, issuer, caller, witness, ledger, directory, client_tls })
    }

    /// The URL of the Enlistment API.
    pub fn api(&self) -> String {
        format!("https://{HTTP_NAME}:{}", self.gatekeeper.api().port())
    }

    /// The gatekeeper itself, for its own users.
    pub fn gatekeeper_server(&self) -> Result<Server, StageError> {
        self.server(self.gatekeeper.address(), HOST)
    }

    /// The authorities of both, for whoever connects to this stage from outside.
    pub fn roots(&self) -> PathBuf {
        self.directory.path().join(ROOTS)
    }

    /// Writes the configuration of a user's client, as `vestibule sandbox client` takes it.
    pub fn write_client(&self, address: SocketAddr, user: &ProviderUser) -> io::Result<PathBuf> {
        let (issuer, api) = (&self.issuer, self.api());
        let ProviderUser { visible_id, password, resource, .. } = user;
        let text = format!(
            "provider: {{ issuer: '{issuer}', roots: {ROOTS} }}
account: {{ visible_id: '{visible_id}', password: '{password}' }}
gatekeeper: {{ host: {HOST}, api: '{api}', roots: {ROOTS} }}
server: {{ address: '{address}', name: {SERVER_NAME}, roots: {ROOTS} }}
resource: {resource}
"
        );
        self.directory.write_secret("client.yaml", &text)
    }

    /// Starts Vestibule with this metadata policy, as `vestibule run` would.
    pub fn open_front(&self, name: &str, metadata: &str) -> Result<Front, StageError> {
        let file = self.configure(name, metadata)?;
        let proxy = Proxy::start(config::load(&file)?.config)?;
        let address = *proxy.listeners().first().ok_or(StageError::NoAddress)?;
        let admin = proxy.admin().ok_or(StageError::NoAddress)?;
        let (access_log, audit_log) = (self.log_folder(name, "log"), self.log_folder(name, "audit"));
        let server = self.front_server(address)?;
        let (witness, ledger) = (self.witness.clone(), self.ledger.clone());
        Ok(Front { proxy, admin, name: name.to_owned(), ledger, access_log, audit_log, server, witness })
    }

    /// Writes the configuration of a Vestibule with this metadata policy. Returns its file.
    pub fn configure(&self, name: &str, metadata: &str) -> Result<PathBuf, StageError> {
        self.directory.write(&format!("policies/metadata/{name}.yaml"), metadata)?;
        for log in ["log", "audit"] {
            std::fs::create_dir_all(self.log_folder(name, log))?;
        }
        Ok(self.directory.write(&format!("config/{name}.yaml"), &self.configuration(name))?)
    }

    /// A Vestibule that listens there, for the provider's clients.
    pub fn front_server(&self, address: SocketAddr) -> Result<Server, StageError> {
        self.server(address, SERVER_NAME)
    }

    fn log_folder(&self, name: &str, log: &str) -> PathBuf {
        self.directory.path().join(format!("config/{name}.{log}"))
    }

    fn server(&self, address: SocketAddr, name: &'static str) -> Result<Server, StageError> {
        let name = ServerName::try_from(name).map_err(|_| StageError::ServerName)?;
        Ok(Server { address, name, host: HOST.to_owned(), tls: self.client_tls.clone() })
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
audit_log: {{ folder: {name}.audit, retention: 1d }}
admin: {{ address: 127.0.0.1:0 }}
drain: {{ spread: 0s }}
workers: 1
"
        )
    }
}

/// The gatekeeper fetches media from the provider, which is on this machine.
fn media_proxy(issuer: &str, providers: &Authority) -> Result<MediaProxyConfig, StageError> {
    let origin = MediaOrigin { url: issuer.to_owned(), tls: providers.client_config()? };
    let networks =
        vec![IpNet::from(IpAddr::from(Ipv4Addr::LOCALHOST)), IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST))];
    Ok(MediaProxyConfig { origins: vec![origin], networks, ..MediaProxyConfig::default() })
}

fn provider_config(issuer: &str, credential: &str, accounts: Vec<provider::Account>) -> provider::Config {
    provider::Config {
        issuer: issuer.to_owned(),
        accounts,
        gatekeepers: vec![GatekeeperAccess { audience: HOST.to_owned(), credential: credential.to_owned() }],
        algorithm: Algorithm::EdDsa,
        token_lifetime: Duration::from_secs(3600),
        rotation: None,
        operator: None,
        media: media::Limits::default(),
    }
}

/// What every configuration of Vestibule names.
fn write_files(
    directory: &TemporaryDirectory,
    policies: &Policies,
    gatekeepers: &Authority,
    identity: &Identity,
) -> io::Result<()> {
    directory.write("config/tls/gatekeeper-roots.pem", &gatekeepers.pem())?;
    directory.write("config/tls/chain.pem", &identity.chain)?;
    directory.write_secret("config/tls/key.pem", &identity.key)?;
    directory.write("policies/content-types/enforcing.yaml", &policies.content_types)?;
    directory.write("policies/dialects/vestibule.yaml", &policies.dialect)?;
    directory.write("policies/limits/default.yaml", &policies.limits)?;
    Ok(())
}

fn lines(log: &[u8]) -> impl Iterator<Item = &[u8]> {
    log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// All segments of a log, one behind the other. The lock beside them holds room on the disk, and no lines.
fn read_log(folder: &Path) -> io::Result<Vec<u8>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut segments = entries.collect::<io::Result<Vec<PathBuf>>>()?;
    segments.retain(|path| path.extension().is_none_or(|extension| extension != "lock"));
    segments.sort_unstable();
    Ok(segments.iter().map(std::fs::read).collect::<io::Result<Vec<_>>>()?.concat())
}

impl Front {
    /// Where the provider's clients connect.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Who notes what passes here.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Takes down what Vestibule shows to its operators at the moment.
    pub async fn note_pages(&self) -> Result<(), ActError> {
        for path in ["/metrics", "/status"] {
            self.ledger.note_page(metrics::page(self.admin, path).await?.into_bytes());
        }
        Ok(())
    }

    /// Stops Vestibule, which first writes all that is left to be written, and returns the lines of its access log. The
    /// witness and the ledger have those of the audit log, too.
    pub async fn end(self) -> Result<Vec<String>, ActError> {
        let Self { proxy, name, access_log, audit_log, ledger, witness, .. } = self;
        proxy.stop().await;
        let read = |log: &'static str, folder: &Path| -> Result<Vec<String>, ActError> {
            let bytes = read_log(folder).map_err(ActError::Log)?;
            let lines: Vec<String> = lines(&bytes).map(readable).collect();
            witness.read(Log { log, policy: name.clone(), lines: lines.clone() });
            ledger.note_page(bytes);
            Ok(lines)
        };
        let access = read("access", &access_log)?;
        read("audit", &audit_log)?;
        Ok(access)
    }
}
