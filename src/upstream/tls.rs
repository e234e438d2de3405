//! TLS towards a gatekeeper: its name, its roots, our certificate if it wants one, one client configuration with
//! resumption.

use std::sync::Arc;
use std::{fmt, io};

use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, PeerIncompatible, ProtocolVersion, RootCertStore,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::fault::TlsFault;
use crate::socket::{ALPN, WRITE_BUFFER};

/// An established connection to a gatekeeper.
pub type GatekeeperStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Whom the gatekeeper's certificate must be signed by.
#[derive(Clone)]
pub enum Roots {
    /// The system's store.
    System,
    /// These only.
    These(Vec<CertificateDer<'static>>),
}

/// What we show a gatekeeper that asks for a certificate: a chain with its key, checked against each other.
#[derive(Clone)]
pub struct ClientCertificate(Arc<CertifiedKey>);

/// Why a chain and a key make no client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientCertificateError {
    #[error("the key is of a kind that is not supported")]
    UnsupportedKey,
    #[error("the key does not belong to the chain's first certificate")]
    KeyMismatch,
    #[error("the chain's first certificate cannot be read")]
    BadCertificate,
}

impl ClientCertificate {
    /// `chain` starts with the end entity's certificate.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, ClientCertificateError> {
        let key =
            aws_lc_rs::sign::any_supported_type(&key).map_err(|_| ClientCertificateError::UnsupportedKey)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) => Ok(ClientCertificate(Arc::new(certified))),
            Err(rustls::Error::InconsistentKeys(_)) => Err(ClientCertificateError::KeyMismatch),
            Err(_) => Err(ClientCertificateError::BadCertificate),
        }
    }
}

/// TLS to one gatekeeper.
#[derive(Clone)]
pub struct Connector {
    server_name: ServerName<'static>,
    roots: Arc<RootCertStore>,
    /// What the gatekeeper is shown.
    certificate: Option<ClientCertificate>,
    config: Arc<ClientConfig>,
}

/// Whether both do the same. The same chain has the same key, as that has been checked.
impl PartialEq for Connector {
    fn eq(&self, other: &Self) -> bool {
        self.server_name == other.server_name
            && self.roots.roots == other.roots.roots
            && self.chain() == other.chain()
            && self.config.alpn_protocols == other.config.alpn_protocols
    }
}

/// Why there can be no TLS to the gatekeeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    #[error("no root certificate can be used")]
    NoRoots,
    #[error("the TLS library refuses its own defaults")]
    Provider,
}

impl Connector {
    /// `certificate` is what the gatekeeper is shown if it asks for one.
    pub fn new(
        server_name: ServerName<'static>,
        roots: Roots,
        certificate: Option<ClientCertificate>,
    ) -> Result<Self, ConnectorError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = Arc::new(store(roots)?);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|_| ConnectorError::Provider)?
            .with_root_certificates(Arc::clone(&roots));
        let mut config = match certificate.clone() {
            None => builder.with_no_client_auth(),
            Some(ClientCertificate(key)) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Connector { server_name, roots, certificate, config: Arc::new(config) })
    }

    /// Names no protocol in TLS: behind STARTTLS the stream has been named already, and ALPN is for direct TLS
    /// (XEP-0368).
    pub fn without_alpn(mut self) -> Self {
        Arc::make_mut(&mut self.config).alpn_protocols.clear();
        self
    }

    /// Whether the gatekeeper can know us by a certificate.
    pub fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// Of our certificate.
    fn chain(&self) -> Option<&[CertificateDer<'static>]> {
        self.certificate.as_ref().map(|certificate| certificate.0.cert.as_slice())
    }

    /// The whole handshake; the caller bounds its time.
    pub async fn connect(&self, stream: TcpStream) -> Result<GatekeeperStream, TlsFault> {
        TlsConnector::from(Arc::clone(&self.config))
            .connect_with(self.server_name.clone(), stream, |connection| {
                connection.set_buffer_limit(Some(WRITE_BUFFER));
            })
            .await
            .map_err(|error| TlsFault::of(&error).unwrap_or(TlsFault::Ended))
    }
}

/// What a handshake with a gatekeeper came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Established {
    /// In the words of the RFCs.
    pub version: &'static str,
    /// The gatekeeper's own certificate.
    pub certificate: Option<CertificateDer<'static>>,
}

impl Established {
    pub fn of(stream: &GatekeeperStream) -> Self {
        let (_, connection) = stream.get_ref();
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            _ => "TLS 1.2",
        };
        let chain = connection.peer_certificates().unwrap_or_default();
        Established { version, certificate: chain.first().map(|leaf| leaf.clone().into_owned()) }
    }
}

impl TlsFault {
    /// `None`: it is the connection's.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        Some(match error.get_ref()?.downcast_ref()? {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert),
            rustls::Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => Self::NoVersion,
            rustls::Error::PeerIncompatible(_) => Self::NoAlgorithm,
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            _ => Self::Failed,
        })
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotValidYet,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongPurpose
            }
            _ => Self::Unusable,
        }
    }

    /// RFC 8446, 6.2, and those before it that servers still send.
    fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::CertificateRequired => Self::CertificateRequired,
            AlertDescription::BadCertificate => Self::CertificateRefused("bad_certificate"),
            AlertDescription::UnsupportedCertificate => Self::CertificateRefused("unsupported_certificate"),
            AlertDescription::CertificateRevoked => Self::CertificateRefused("certificate_revoked"),
            AlertDescription::CertificateExpired => Self::CertificateRefused("certificate_expired"),
            AlertDescription::CertificateUnknown => Self::CertificateRefused("certificate_unknown"),
            AlertDescription::UnknownCA => Self::CertificateRefused("unknown_ca"),
            AlertDescription::UnexpectedMessage => Self::Alert("unexpected_message"),
            AlertDescription::HandshakeFailure => Self::Alert("handshake_failure"),
            AlertDescription::IllegalParameter => Self::Alert("illegal_parameter"),
            AlertDescription::AccessDenied => Self::Alert("access_denied"),
            AlertDescription::DecodeError => Self::Alert("decode_error"),
            AlertDescription::DecryptError => Self::Alert("decrypt_error"),
            AlertDescription::ProtocolVersion => Self::Alert("protocol_version"),
            AlertDescription::InsufficientSecurity => Self::Alert("insufficient_security"),
            AlertDescription::InternalError => Self::Alert("internal_error"),
            AlertDescription::MissingExtension => Self::Alert("missing_extension"),
            AlertDescription::UnrecognisedName => Self::Alert("unrecognized_name"),
            AlertDescription::NoApplicationProtocol => Self::Alert("no_application_protocol"),
            _ => Self::Alert("of another kind"),
        }
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("chain_length", &self.0.cert.len()).finish()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

fn store(roots: Roots) -> Result<RootCertStore, ConnectorError> {
    let certificates = match roots {
        // Certificates of the system that cannot be read are no reason not to use the others.
        Roots::System => rustls_native_certs::load_native_certs().certs,
        Roots::These(certificates) => certificates,
    };
    let mut store = RootCertStore::empty();
    let (added, _ignored) = store.add_parsable_certificates(certificates);
    if added == 0 { Err(ConnectorError::NoRoots) } else { Ok(store) }
}
