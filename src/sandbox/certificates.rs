//! Certificates for the sandbox: an authority that lives in memory, what it signs, and the TLS configurations they make.
//!
//! Keys are made when the sandbox starts and are gone when it ends. Nothing here is for production.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The protocol name of XMPP clients on direct TLS (XEP-0368, section 2).
const ALPN: &[u8] = b"xmpp-client";

/// A certificate could not be made, or TLS refused to use it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificate could not be made")]
    Issue(#[from] rcgen::Error),
    #[error("the certificate could not be read back")]
    Read(#[from] rustls_pki_types::pem::Error),
    #[error("TLS does not take the certificate")]
    Tls(#[from] rustls::Error),
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// An end entity's certificate with its private key, both in PEM.
pub struct Identity {
    pub chain: String,
    pub key: String,
}

impl Authority {
    /// An authority of this name, with a key of its own.
    pub fn new(name: &str) -> Result<Self, CertificateError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// A server's identity for these DNS names.
    pub fn issue(&self, names: &[&str]) -> Result<Identity, CertificateError> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity { chain: certificate.pem(), key: key.serialize_pem() })
    }

    /// The authority's own certificate in PEM: the root to trust.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// TLS for clients that trust this authority and nothing else.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, CertificateError> {
        Self::trust([self])
    }

    /// TLS for clients that trust these authorities and nothing else.
    pub fn trust<'a>(
        authorities: impl IntoIterator<Item = &'a Self>,
    ) -> Result<Arc<ClientConfig>, CertificateError> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority.certificate.der().clone())?;
        }
        trusting(roots)
    }
}

/// TLS for clients that trust these roots.
pub fn trusting(roots: RootCertStore) -> Result<Arc<ClientConfig>, CertificateError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

impl Identity {
    /// TLS for a server that shows this identity.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Arc::new(config))
    }
}
