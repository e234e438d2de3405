//! Why a connection to a gatekeeper did not come about, in words of our own: nothing of what it sent is in them.

use std::io::ErrorKind;

/// What went wrong with the connection beneath TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ConnectionFault {
    #[error("the connection was refused")]
    Refused,
    #[error("the connection was not answered")]
    TimedOut,
    #[error("no route leads to the address")]
    Unreachable,
    #[error("this machine lets no connection to the address out")]
    Forbidden,
    #[error("the connection was reset")]
    Reset,
    #[error("the connection ended before TLS")]
    Ended,
    #[error("the connection broke")]
    Broke,
}

impl From<ErrorKind> for ConnectionFault {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Self::Unreachable,
            ErrorKind::PermissionDenied => Self::Forbidden,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => Self::Reset,
            ErrorKind::UnexpectedEof => Self::Ended,
            _ => Self::Broke,
        }
    }
}

/// What went wrong with TLS. An alert is named as RFC 8446, 6 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TlsFault {
    #[error("the gatekeeper's certificate is not valid for `server_name`")]
    WrongName,
    #[error("the gatekeeper's certificate is signed by nobody in `roots`")]
    UnknownIssuer,
    #[error("the gatekeeper's certificate has expired")]
    Expired,
    #[error("the gatekeeper's certificate is not valid yet")]
    NotValidYet,
    #[error("the gatekeeper's certificate is revoked")]
    Revoked,
    #[error("the gatekeeper's certificate is not one for servers")]
    WrongPurpose,
    #[error(
        "the gatekeeper's certificate cannot be used: it is ill-formed, is that of an authority, or has a signature that \
         is wrong or of an unsupported kind"
    )]
    Unusable,
    #[error("the gatekeeper and Vestibule have no version of TLS in common")]
    NoVersion,
    #[error("the gatekeeper and Vestibule have no algorithm of TLS in common")]
    NoAlgorithm,
    #[error("the gatekeeper demands a client certificate (alert `certificate_required`)")]
    CertificateRequired,
    #[error("the gatekeeper refuses our client certificate (alert `{0}`)")]
    CertificateRefused(&'static str),
    #[error("the gatekeeper ended the TLS handshake (alert `{0}`)")]
    Alert(&'static str),
    #[error("what the gatekeeper sends is not TLS")]
    NotTls,
    #[error("the connection ended within the TLS handshake")]
    Ended,
    #[error("the TLS handshake failed")]
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_s_fault_is_told_by_the_kind_of_its_error() {
        let told = |kind| ConnectionFault::from(kind).to_string();
        assert_eq!(told(ErrorKind::ConnectionRefused), "the connection was refused");
        assert_eq!(told(ErrorKind::NetworkUnreachable), "no route leads to the address");
        assert_eq!(told(ErrorKind::TimedOut), "the connection was not answered");
        assert_eq!(told(ErrorKind::BrokenPipe), "the connection was reset");
        assert_eq!(told(ErrorKind::Other), "the connection broke");
    }
}
