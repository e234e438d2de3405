//! What is noticed about a certificate before clients notice it: the time and the names it is valid for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::policy::HostName;

/// The last second of the year 9999, which no certificate outlives (RFC 5280, 4.1.2.5), and one more.
const END_OF_TIME: u64 = 253_402_300_800;

/// A certificate that ends within this time is told of.
const NOTICE: Duration = Duration::from_secs(14 * 86_400);

/// What is to be said of a certificate's dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Valid,
    /// It ends soon: in so many whole days.
    Ending {
        days: u64,
    },
    /// It is over, or has not begun.
    NotNow,
}

/// The end entity's certificate of a chain. What cannot be read here is left to the TLS library to refuse.
pub(super) struct Leaf<'a>(EndEntityCert<'a>);

impl<'a> Leaf<'a> {
    pub fn read(certificate: &'a CertificateDer<'_>) -> Option<Self> {
        EndEntityCert::try_from(certificate).ok().map(Self)
    }

    pub fn validity(&self, now: SystemTime) -> Validity {
        if !self.is_valid_at(now) {
            return Validity::NotNow;
        }
        match self.end().and_then(|end| end.duration_since(now).ok()) {
            Some(left) if left < NOTICE => Validity::Ending { days: left.as_secs() / 86_400 },
            _ => Validity::Valid,
        }
    }

    /// Whether `now` lies between the certificate's dates.
    fn is_valid_at(&self, now: SystemTime) -> bool {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let now = UnixTime::since_unix_epoch(since_epoch);
        // Nobody is trusted, so that this fails in any case; but the dates are looked at before the issuer.
        let verdict = self.0.verify_for_usage(&[], &[], &[], now, KeyUsage::server_auth(), None, None);
        !matches!(
            verdict.err(),
            Some(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. })
        )
    }

    /// The end is told as the reason why it is not valid at the end of all time.
    pub fn end(&self) -> Option<SystemTime> {
        let never = UnixTime::since_unix_epoch(Duration::from_secs(END_OF_TIME));
        match self.0.verify_for_usage(&[], &[], &[], never, KeyUsage::server_auth(), None, None).err()? {
            webpki::Error::CertExpired { not_after, .. } => {
                UNIX_EPOCH.checked_add(Duration::from_secs(not_after.as_secs()))
            }
            _ => None,
        }
    }

    pub fn is_for(&self, server_name: &ServerName<'_>) -> bool {
        self.0.verify_is_valid_for_subject_name(server_name).is_ok()
    }
}

/// When a certificate ends. `None`: it cannot be read.
pub fn certificate_end(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    Leaf::read(certificate)?.end()
}

/// The TLS library's form of a name. Every host name has one; should the library ever see that differently, it is the
/// caller's to say so.
pub(super) fn server_name(name: &HostName) -> Option<ServerName<'static>> {
    ServerName::try_from(name.to_string()).ok()
}
