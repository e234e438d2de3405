//! TLS towards clients: certificates by server name, `xmpp-client`, TLS 1.3 and 1.2, one stateless ticket, no 0-RTT.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use crate::socket::{ALPN, WRITE_BUFFER};

/// An established connection to a client.
pub type ClientStream = tokio_rustls::server::TlsStream<TcpStream>;

/// A certificate chain with its private key, checked against each other.
#[derive(Clone)]
pub struct Certificate(Arc<CertifiedKey>);

/// Why a chain and a key make no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("the chain holds no certificate")]
    Empty,
    #[error("the key is of a kind that is not supported")]
    UnsupportedKey,
    #[error("the key does not belong to the chain's first certificate")]
    KeyMismatch,
    #[error("the chain's first certificate cannot be read")]
    BadCertificate,
}

impl Certificate {
    /// `chain` starts with the end entity's certificate.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        if chain.is_empty() {
            return Err(CertificateError::Empty);
        }
        let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|_| CertificateError::UnsupportedKey)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) => Ok(Certificate(Arc::new(certified))),
            Err(rustls::Error::InconsistentKeys(_)) => Err(CertificateError::KeyMismatch),
            Err(_) => Err(CertificateError::BadCertificate),
        }
    }

    /// Whether it is the same chain, so that two hosts may share a server name.
    pub fn is_same_as(&self, other: &Certificate) -> bool {
        self.0.cert == other.0.cert
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("chain_length", &self.0.cert.len()).finish()
    }
}

/// The certificates by server name. A client that names none gets one only if there is no choice.
pub struct Certificates {
    by_name: HashMap<String, Certificate>,
}

impl Certificates {
    /// `certificates` as (server name in lower case, certificate).
    pub fn new(certificates: impl IntoIterator<Item = (String, Certificate)>) -> Self {
        Certificates { by_name: certificates.into_iter().collect() }
    }

    fn choose(&self, server_name: Option<&str>) -> Option<&Certificate> {
        let Some(name) = server_name else { return self.only() };
        // rustls has lowered the name already (RFC 6066, 3: compared without case).
        self.by_name.get(name)
    }

    fn only(&self) -> Option<&Certificate> {
        let mut all = self.by_name.values();
        let first = all.next()?;
        all.all(|other| first.is_same_as(other)).then_some(first)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("names", &self.by_name.len()).finish()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name()).map(|certificate| Arc::clone(&certificate.0))
    }
}

/// The handshake with clients.
#[derive(Clone)]
pub struct Acceptor {
    certificates: Arc<Certificates>,
    config: Arc<ServerConfig>,
}

impl Acceptor {
    pub fn new(certificates: Certificates) -> Result<Self, AcceptorError> {
        let certificates = Arc::new(certificates);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|_| AcceptorError)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(|_| AcceptorError)?;
        config.send_tls13_tickets = 1;
        config.max_early_data_size = 0;
        Ok(Acceptor { certificates, config: Arc::new(config) })
    }

    /// The whole handshake; the caller bounds its time. The server name that the client asks for is told to `named` as
    /// soon as it is known, because a handshake that fails later has it, too.
    pub async fn accept(
        &self,
        stream: TcpStream,
        named: impl FnOnce(&str),
    ) -> Result<ClientStream, HandshakeError> {
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream)
            .await
            .map_err(|error| HandshakeError::of(&error))?;
        let client_hello = hello.client_hello();
        let server_name = client_hello.server_name();
        if let Some(server_name) = server_name {
            named(server_name);
        }
        let known = self.certificates.choose(server_name).is_some();
        // A name without a certificate goes through the handshake too: it ends with the alert that says so.
        let accepted = hello
            .into_stream_with(Arc::clone(&self.config), |connection| {
                connection.set_buffer_limit(Some(WRITE_BUFFER));
            })
            .await;
        accepted.map_err(|error| if known { HandshakeError::of(&error) } else { HandshakeError::UnknownName })
    }
}

/// The TLS library refuses its own defaults, or has no randomness for its ticket keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the TLS library cannot be set up")]
pub struct AcceptorError;

/// Why there is no TLS with a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    #[error("there is no certificate for the server name")]
    UnknownName,
    #[error("the client's TLS is not acceptable, or it is not TLS at all")]
    Failed,
    #[error("the connection ended first")]
    Lost,
}

impl HandshakeError {
    fn of(error: &std::io::Error) -> Self {
        let by_rustls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
        if by_rustls { HandshakeError::Failed } else { HandshakeError::Lost }
    }
}

/// What the handshake agreed on.
#[derive(Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite's name in IANA's registry.
    pub cipher: &'static str,
    /// Whether the client offered `xmpp-client` (XEP-0368) and it was taken.
    pub alpn: bool,
}

impl Negotiated {
    pub fn of(stream: &ClientStream) -> Self {
        let (_, connection) = stream.get_ref();
        Negotiated {
            version: match connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "other",
            },
            cipher: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("other"),
            alpn: connection.alpn_protocol() == Some(ALPN),
        }
    }
}

impl fmt::Debug for Negotiated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiated").field("version", &self.version).field("cipher", &self.cipher).finish()
    }
}
