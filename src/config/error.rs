//! What can be wrong with a configuration beyond the form of its files. The messages never quote a file: what stands in
//! the place of a path may be a key that was pasted there.

use std::fmt;
use std::path::PathBuf;

use crate::disclosure::visible;
use crate::downstream::tls::CertificateError;
use crate::policy::{Position, Problem};
use crate::upstream::tls::{ClientCertificateError, ConnectorError};

/// Why a configuration is refused: everything that is wrong with it and the files it names. Displayed as one line for
/// each problem, `FILE:LINE:COLUMN: CAUSE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.problems))]
pub struct LoadError {
    pub problems: Vec<FileProblem>,
}

/// A problem and the file it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    pub file: PathBuf,
    pub problem: Problem,
}

/// What is wrong with the configuration's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("the file cannot be read: {}", reason(*.0))]
    UnreadableFile(std::io::ErrorKind),
    #[error("the file is not UTF-8 text")]
    NotText,
    #[error("the file that is named here cannot be read: {}; a relative path starts at the naming file's folder",
        reason(*.0))]
    UnreadableReference(std::io::ErrorKind),
    #[error("this looks like a file of the kind `{found}`, and one of the kind `{expected}` should be named")]
    OtherKind { found: &'static str, expected: &'static str },
    #[error("at least one host should stand here")]
    NoHost,
    #[error("the host stands already at {first}; domains are compared without case")]
    DuplicateHost { first: Position },
    #[error("the address at {other} is the same; each listener and the admin server need one of their own")]
    DuplicateAddress { other: Position },
    #[error(
        "the folder of the log is not there, or is no folder; a relative path starts at this file's folder"
    )]
    NoLogFolder,
    #[error("the segments should have at least {minimum} bytes")]
    SmallSegments { minimum: u64 },
    #[error("the metadata policy has a rule for the sink `audit`, but there is no audit log")]
    NoAuditLog,
    #[error(
        "the metadata policy has a rule for the sink `audit` with a shorter retention, of {rule} seconds: the \
         audit log keeps all records equally long"
    )]
    AuditLogKeptTooLong { rule: u64 },
    #[error(
        "the host at {other} has this server name with another certificate; a server name has one certificate"
    )]
    CertificateConflict { other: Position },
    #[error("the file that is named here holds no PEM certificate that can be read")]
    BadCertificateFile,
    #[error("the file that is named here holds no PEM private key that can be read")]
    BadKeyFile,
    #[error("{0}")]
    Certificate(CertificateError),
    #[error("{0}")]
    Roots(ConnectorError),
    #[error("the memory should be at least {minimum} bytes: as much as the largest stanzas of one session")]
    TooLittleMemory { minimum: u64 },
    #[error("the time should be between {least} and {most} seconds")]
    PeerTimeout { least: u64, most: u64 },
    #[error("the time should be at most {most} seconds")]
    LongDrain { most: u64 },
    #[error(
        "a ticket key has {expected} bytes, no more and no less; `openssl rand -out FILE {expected}` makes one"
    )]
    TicketKeyLength { expected: usize },
    #[error("this ticket key is the same as one before")]
    SameTicketKey,
    #[error("the upstream should have either `endpoints` or `srv`")]
    NoEndpoints,
    #[error("the upstream has `endpoints` already: it should have either these or `srv`")]
    TwoKindsOfEndpoints,
    #[error("{0}")]
    ClientCertificate(ClientCertificateError),
    #[error("the time should be longer than nothing")]
    NoTime,
    #[error(
        "anybody could say any address: `trusted_proxies` should name the balancers whose PROXY headers are believed"
    )]
    NoTrustedProxy,
    #[error("nobody's PROXY header is read here; `trusted_proxies` needs `proxy_protocol: required`")]
    UnusedTrustedProxy,
    #[error(
        "a PROXY header comes before TLS, and everybody on the way to the gatekeeper can read the client's address in it: \
         this needs `network: private`, which says that nobody else is there"
    )]
    HeaderInPublic,
    #[error(
        "a namespace such as `urn:example:signals` should stand here, in visible ASCII without quotes, `<`, `>`, `&`, \
         and without a meaning of its own in XMPP"
    )]
    SignalsNamespace,
    #[error(
        "the host's dialect reads messages in the namespace of this upstream's signals, and they would be taken out of \
         what clients send; `signals_namespace` should be another one"
    )]
    SignalsNamespaceOfContent,
    #[error(
        "with this host the dialects name too many elements of messages: all hosts' dialects together may name {most}"
    )]
    TooManyElements { most: usize },
    #[error("another policy names this one as its shadow; a shadow has none itself")]
    ShadowOfShadow,
}

/// What is valid, but probably not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigWarning {
    #[error("the certificate is not valid now; clients will refuse it")]
    CertificateNotValidNow,
    #[error("the certificate is over soon, with {days} whole days left; clients will refuse it then")]
    CertificateEndsSoon { days: u64 },
    #[error("the client certificate is not valid now; the gatekeeper will refuse it")]
    ClientCertificateNotValidNow,
    #[error(
        "the client certificate is over soon, with {days} whole days left; the gatekeeper will refuse it then"
    )]
    ClientCertificateEndsSoon { days: u64 },
    #[error("the certificate is not for this server name; clients will refuse it")]
    CertificateForOtherNames,
    #[error("every user of this machine can read the private key")]
    KeyReadableByAll,
    #[error("every user of this machine can read the ticket key")]
    TicketKeyReadableByAll,
    #[error("no host uses this upstream")]
    UnusedUpstream,
    #[error(
        "the metadata policy lets the gatekeeper know nothing of connections, so that this upstream's `signals` tell \
         nothing; they need a rule for the sink `gatekeeper`"
    )]
    NothingToSignal,
    #[error(
        "the metadata policy does not let the gatekeeper know the whole of `client-address`, and a PROXY header has no \
         place for a part of it or a pseudonym: this upstream's headers will say that the address is not known"
    )]
    AddressNotWhole,
    #[error("the exception is over; nothing is open by it")]
    ExceptionOver,
    #[error(
        "there is no audit log: changes of the metadata policy are not recorded, and one that widens it is noticed at \
         a reload only"
    )]
    NoAuditLog,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&visible(&format!("{}:{}", self.file.display(), self.problem)))
    }
}

fn lines(problems: &[FileProblem]) -> String {
    problems.iter().map(FileProblem::to_string).collect::<Vec<_>>().join("\n")
}

/// The reasons an operator meets, in words that do not depend on the standard library's version.
fn reason(kind: std::io::ErrorKind) -> &'static str {
    match kind {
        std::io::ErrorKind::NotFound => "there is none",
        std::io::ErrorKind::PermissionDenied => "permission denied",
        std::io::ErrorKind::IsADirectory => "it is a folder",
        std::io::ErrorKind::InvalidInput => "it is a pipe, a device or a socket",
        std::io::ErrorKind::FileTooLarge => "it has more than 16 MiB",
        _ => "input or output failed",
    }
}
