//! TLS towards clients: certificates by server name, `xmpp-client`, TLS 1.3 and 1.2, one stateless ticket, no 0-RTT.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use super::tickets::{LIFETIME, Tickets};
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

/// The same chain has the same key, as that has been checked.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.is_same_as(other)
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

/// The certificate of a host that a client has named before TLS, whatever server name it asks for then: none.
#[derive(Debug)]
struct HostCertificate(Certificate);

impl ResolvesServerCert for HostCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.0))
    }
}

/// What makes and takes the tickets that clients resume TLS with: under the keys that were given, or under the library's own
/// while there are none. A ticket is good wherever the same ticketer is used.
#[derive(Debug)]
pub struct Ticketer {
    given: Tickets,
    own: Arc<dyn ProducesTickets>,
}

impl Ticketer {
    pub fn new(given: Tickets) -> Result<Self, AcceptorError> {
        Ok(Self { given, own: aws_lc_rs::Ticketer::new().map_err(|_| AcceptorError)? })
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        if self.given.has_keys() { LIFETIME.as_secs() as u32 } else { self.own.lifetime() }
    }

    fn encrypt(&self, state: &[u8]) -> Option<Vec<u8>> {
        if !self.given.has_keys() {
            self.own.encrypt(state)
        } else if is_of_tls13(state) {
            self.given.seal(state)
        } else {
            // The client is sent an empty ticket (RFC 5077, 3.3), and has a full handshake the next time.
            None
        }
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if self.given.has_keys() { self.given.open(ticket) } else { self.own.decrypt(ticket) }
    }
}

/// Whether rustls has written down a session of TLS 1.3: it puts the server name first, if there is one, and then the
/// version. A ticket of TLS 1.2 holds the secret of what was sent, and every resumption puts the same one into a new ticket:
/// its age would say nothing, nor would new keys protect what was sent under old ones.
fn is_of_tls13(state: &[u8]) -> bool {
    let version = match state {
        [0, version @ ..] => Some(version),
        [1, length, rest @ ..] => rest.get(usize::from(*length)..),
        _ => None,
    };
    // RFC 8446, 4.1.2.
    version.is_some_and(|version| version.starts_with(&[3, 4]))
}

/// The handshake with clients.
#[derive(Clone)]
pub struct Acceptor {
    certificates: Arc<Certificates>,
    config: Arc<ServerConfig>,
    /// For clients that have named a host before TLS, and no server name in it.
    by_host: Arc<HashMap<String, Arc<ServerConfig>>>,
}

impl Acceptor {
    /// `hosts` as (domain in lower case, certificate).
    pub fn new(
        certificates: Certificates,
        hosts: impl IntoIterator<Item = (String, Certificate)>,
        ticketer: Arc<Ticketer>,
    ) -> Result<Self, AcceptorError> {
        let certificates = Arc::new(certificates);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|_| AcceptorError)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = ticketer;
        config.send_tls13_tickets = 1;
        config.max_early_data_size = 0;
        let with = |certificate| {
            let mut config = config.clone();
            config.cert_resolver = Arc::new(HostCertificate(certificate));
            Arc::new(config)
        };
        let by_host = hosts.into_iter().map(|(host, certificate)| (host, with(certificate))).collect();
        Ok(Acceptor { certificates, config: Arc::new(config), by_host: Arc::new(by_host) })
    }

    /// The whole handshake; the caller bounds its time. `host` is the one that the client has named before TLS, if it has:
    /// one that asks for no server name is shown that host's certificate. The server name that the client asks for is told to `named` as
    /// soon as it is known, because a handshake that fails later has it, too.
    pub async fn accept(
        &self,
        stream: TcpStream,
        host: Option<&str>,
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
        let of_host = host.filter(|_| server_name.is_none()).and_then(|host| self.by_host.get(host));
        let known = of_host.is_some() || self.certificates.choose(server_name).is_some();
        let config = Arc::clone(of_host.unwrap_or(&self.config));
        // A name without a certificate goes through the handshake too: it ends with the alert that says so.
        let accepted = hello
            .into_stream_with(config, |connection| {
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
    /// Whether a ticket took the place of the certificate.
    pub resumed: bool,
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
            resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
        }
    }
}

impl fmt::Debug for Negotiated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiated").field("version", &self.version).field("cipher", &self.cipher).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, SupportedProtocolVersion};
    use rustls_pki_types::ServerName;

    use super::*;
    use crate::downstream::tickets::{KEY_LENGTH, TicketKey};

    /// Keeps what it is given to seal.
    #[derive(Debug, Default)]
    struct States(Mutex<Vec<Vec<u8>>>);

    impl ProducesTickets for States {
        fn enabled(&self) -> bool {
            true
        }

        fn lifetime(&self) -> u32 {
            1
        }

        fn encrypt(&self, state: &[u8]) -> Option<Vec<u8>> {
            self.0.lock().unwrap().push(state.to_vec());
            None
        }

        fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
            None
        }
    }

    /// What a server would put into the tickets of a client that asks for `name`; an address is no server name.
    fn states(version: &'static SupportedProtocolVersion, name: &str) -> Vec<Vec<u8>> {
        let issued = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (chain, key) = (vec![issued.cert.der().clone()], issued.signing_key.serialize_der());
        let states = Arc::new(States::default());
        let provider = || Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.clone(), PrivateKeyDer::Pkcs8(key.into()))
            .unwrap();
        config.ticketer = Arc::clone(&states) as Arc<dyn ProducesTickets>;
        let mut roots = RootCertStore::empty();
        roots.add(chain[0].clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            server.read_tls(&mut &bytes[..]).unwrap();
            server.process_new_packets().unwrap();
            bytes.clear();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            client.read_tls(&mut &bytes[..]).unwrap();
            client.process_new_packets().unwrap();
        }
        drop(server);
        Arc::into_inner(states).unwrap().0.into_inner().unwrap()
    }

    #[test]
    fn only_sessions_of_tls_1_3_have_tickets_under_given_keys() {
        let key = TicketKey::new(&[7; KEY_LENGTH]).unwrap();
        let ticketer = Ticketer::new(Tickets::new(vec![key])).unwrap();
        for (version, expected) in [(&rustls::version::TLS13, true), (&rustls::version::TLS12, false)] {
            for name in ["a.example", &format!("{}example", "long.".repeat(40)), "192.0.2.1"] {
                let states = states(version, name);
                assert!(!states.is_empty());
                for state in states {
                    assert_eq!(ticketer.encrypt(&state).is_some(), expected, "{version:?}, {name}");
                    assert_eq!(ticketer.encrypt(&state[..2]), None, "nothing says of which version it is");
                }
            }
        }
    }
}
