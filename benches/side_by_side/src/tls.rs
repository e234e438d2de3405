//! The certificates and the TLS configurations of one run. Every leg speaks TLS 1.3 with the same suite and the same
//! key exchange, because both ends, the load generator and the gatekeeper, offer nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, RootCertStore, ServerConfig, version};

/// The gatekeeper's domain: the `to` of every stream and the name in every certificate.
pub const DOMAIN: &str = "gatekeeper.example";

/// The suite that OpenSSL and rustls both choose when they are left to themselves.
pub const CIPHER_SUITE: &str = "TLS_AES_256_GCM_SHA384";

/// The PEM files that a run's processes share.
#[derive(Clone, Debug)]
pub struct Certificates {
    directory: PathBuf,
}

/// What a server hands out after the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tickets {
    /// No client can resume.
    None,
    /// One stateless ticket.
    One,
}

impl Certificates {
    /// Files written by an earlier [`create`](Self::create).
    pub fn in_directory(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Makes an authority and one P-256 certificate for [`DOMAIN`], and writes them to an existing directory.
    pub fn create(directory: &Path) -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        // OpenSSL takes a certificate whose issuer and subject have the same name for self-signed.
        authority.distinguished_name.push(DnType::CommonName, "side by side authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![DOMAIN.to_owned()])?.signed_by(&key, &authority)?;

        let files = Self::in_directory(directory);
        write(&files.roots(), &authority.pem())?;
        write(&files.chain(), &certificate.pem())?;
        write(&files.key(), &key.serialize_pem())?;
        write(&files.chain_and_key(), &(certificate.pem() + &key.serialize_pem()))?;
        Ok(files)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn roots(&self) -> PathBuf {
        self.directory.join("roots.pem")
    }

    pub fn chain(&self) -> PathBuf {
        self.directory.join("chain.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.directory.join("key.pem")
    }

    /// Both in one file, as HAProxy wants them.
    pub fn chain_and_key(&self) -> PathBuf {
        self.directory.join("chain_and_key.pem")
    }

    /// A client that trusts the run's authority; with `resume` it uses the tickets that it is given.
    pub fn client(&self, resume: bool) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(self.roots())? {
            roots.add(root?)?;
        }
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        if !resume {
            config.resumption = Resumption::disabled();
        }
        Ok(Arc::new(config))
    }

    /// A server that keeps no session state.
    pub fn server(&self, tickets: Tickets) -> Result<Arc<ServerConfig>> {
        let chain = CertificateDer::pem_file_iter(self.chain())?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(self.key())?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match tickets {
            Tickets::None => config.send_tls13_tickets = 0,
            Tickets::One => {
                config.send_tls13_tickets = 1;
                config.ticketer = aws_lc_rs::Ticketer::new()?;
            }
        }
        Ok(Arc::new(config))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    })
}

fn write(path: &Path, pem: &str) -> Result<()> {
    fs::write(path, pem).with_context(|| format!("cannot write {}", path.display()))
}
