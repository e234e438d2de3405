use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain with its private key, checked against each other.
#[derive(Clone)]
pub struct Certificate(Arc<rustls::sign::CertifiedKey>);

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
    pub fn new(_chain: Vec<CertificateDer<'static>>, _key: PrivateKeyDer<'static>) -> Result<Self, CertificateError> {
        todo!()
    }
}
