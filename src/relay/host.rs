//! What the relay needs to know of the hosts it serves.

use std::sync::Arc;

use crate::content_types::Rules;
use crate::limit::Limits;

/// A host's part of the relay's configuration.
pub struct Host {
    /// The domain, in lower case.
    pub name: String,
    pub limits: Arc<Limits>,
    pub content_types: Option<Arc<Rules>>,
    /// Vestibule shows the gatekeeper a certificate of its own: SASL EXTERNAL would make every client Vestibule.
    pub refuses_external: bool,
    /// Of the element that tells of the client's connection.
    pub signals_namespace: Arc<str>,
}

/// The hosts that a connection may name in `to`, by the server name it asked for.
pub type Hosts = Arc<[Arc<Host>]>;

/// The host that a header's `to` names. Domains compare without case (RFC 7622, 3.2).
pub fn find<'a>(hosts: &'a [Arc<Host>], domain: &str) -> Option<&'a Arc<Host>> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    hosts.iter().find(|host| host.name.eq_ignore_ascii_case(domain))
}
