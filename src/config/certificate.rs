//! What is noticed about a certificate before clients notice it: the time and the names it is valid for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::policy::HostName;

/// The end entity's certificate of a chain. What cannot be read here is left to the TLS library to refuse.
pub(super) struct Leaf<'a>(EndEntityCert<'a>);

impl<'a> Leaf<'a> {
    pub fn read(certificate: &'a CertificateDer<'_>) -> Option<Self> {
        EndEntityCert::try_from(certificate).ok().map(Self)
    }

    /// Whether `now` lies between the certificate's dates.
    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let now = UnixTime::since_unix_epoch(since_epoch);
        // Nobody is trusted, so that this fails in any case; but the dates are looked at before the issuer.
        let verdict = self.0.verify_for_usage(&[], &[], &[], now, KeyUsage::server_auth(), None, None);
        !matches!(
            verdict.err(),
            Some(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. })
        )
    }

    pub fn is_for(&self, server_name: &ServerName<'_>) -> bool {
        self.0.verify_is_valid_for_subject_name(server_name).is_ok()
    }
}

/// The TLS library's form of a name. Every host name has one; should the library ever see that differently, it is the
/// caller's to say so.
pub(super) fn server_name(name: &HostName) -> Option<ServerName<'static>> {
    ServerName::try_from(name.to_string()).ok()
}
