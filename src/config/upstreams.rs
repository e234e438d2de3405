//! The upstreams of a configuration: endpoints, the gatekeeper's name, whom to trust with it, and what to show it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::certificate::{Leaf, Validity, server_name};
use super::document::{CertificateDocument, Transport as TransportDocument, UpstreamDocument};
use super::files::Files;
use super::signals;
use super::{ConfigDocument, ConfigError, ConfigWarning, certificate_end};
use crate::policy::{Cause, Located, Problem, ServerAddress, in_order};
use crate::upstream::tls::{ClientCertificate, Connector, Roots};
use crate::upstream::{Endpoint, Endpoints, Transport, UpstreamConfig};

/// Every upstream that is named, and what of it could be built.
pub(super) type Upstreams = BTreeMap<String, Option<Arc<UpstreamConfig>>>;

/// `now` is for the certificates' dates.
pub(super) fn upstreams(files: &mut Files, document: &ConfigDocument, now: SystemTime) -> Upstreams {
    let used = |name: &str| document.hosts.value.values().any(|host| host.upstream.value == name);
    let mut upstreams = Upstreams::new();
    for (name, upstream) in in_order(&document.upstreams) {
        if !used(&name.value) {
            files.warning(name.at, &ConfigWarning::UnusedUpstream);
        }
        let peer_timeout = document.peer_timeout.value.duration();
        let endpoints = endpoints(files, name, upstream);
        let connect_timeout = upstream.connect_timeout.value.duration();
        if connect_timeout.is_zero() {
            files.problem(upstream.connect_timeout.at, &ConfigError::NoTime);
        }
        let sources = upstream.source_addresses.iter().flatten();
        let signals = signals::signals(files, upstream);
        let tls = connector(files, upstream, now);
        let config = tls.zip(endpoints).zip(signals).map(|(((tls, certificate_end), endpoints), signals)| {
            let (transport, tls) = match upstream.transport {
                TransportDocument::Tls => (Transport::Tls, tls),
                TransportDocument::Starttls => (Transport::StartTls, tls.without_alpn()),
            };
            Arc::new(UpstreamConfig {
                name: name.value.clone(),
                endpoints,
                connect_timeout,
                max_connecting: usize::try_from(upstream.max_connecting).unwrap_or(usize::MAX),
                source_addresses: sources.map(|address| address.0).collect(),
                peer_timeout,
                transport,
                tls,
                certificate_end,
                signals,
            })
        });
        upstreams.insert(name.value.clone(), config);
    }
    upstreams
}

fn endpoints(files: &mut Files, name: &Located<String>, document: &UpstreamDocument) -> Option<Endpoints> {
    let endpoint = |address: &ServerAddress| Endpoint { host: address.host.clone(), port: address.port };
    match (&document.endpoints, &document.srv) {
        (Some(listed), None) => Some(Endpoints::Listed(listed.iter().map(endpoint).collect())),
        (None, Some(domain)) => {
            let service = match document.transport {
                TransportDocument::Tls => "_xmpps-client",
                TransportDocument::Starttls => "_xmpp-client",
            };
            // Fully qualified: the system's search domains have no say in it.
            Some(Endpoints::Srv(format!("{service}._tcp.{}.", domain.value)))
        }
        (None, None) => {
            files.problem(name.at, &ConfigError::NoEndpoints);
            None
        }
        (Some(_), Some(domain)) => {
            files.problem(domain.at, &ConfigError::TwoKindsOfEndpoints);
            None
        }
    }
}

/// TLS to the gatekeeper, and when our certificate ends, if there is one.
fn connector(
    files: &mut Files,
    document: &UpstreamDocument,
    now: SystemTime,
) -> Option<(Connector, Option<SystemTime>)> {
    let roots = match document.roots.value.as_str() {
        "system" => Some(Roots::System),
        _ => files.certificates(&document.roots).map(Roots::These),
    };
    let certificate = match &document.client_certificate {
        None => Some(None),
        Some(certificate) => client_certificate(files, certificate, now).map(Some),
    };
    let Some(name) = server_name(&document.server_name.value) else {
        files.report(Problem::new(document.server_name.at, Cause::Unreadable));
        return None;
    };
    let (certificate, end) = certificate?.unzip();
    let connector = Connector::new(name, roots?, certificate)
        .map_err(|error| files.problem(document.roots.at, &ConfigError::Roots(error)))
        .ok()?;
    Some((connector, end.flatten()))
}

/// Our certificate, and when it ends. One that the gatekeeper will refuse is a warning only: it is not wrong before we
/// come.
fn client_certificate(
    files: &mut Files,
    document: &CertificateDocument,
    now: SystemTime,
) -> Option<(ClientCertificate, Option<SystemTime>)> {
    let chain = files.certificates(&document.chain);
    let key = files.private_key(&document.key);
    let chain = chain?;
    let end = chain.first().and_then(certificate_end);
    match chain.first().and_then(Leaf::read).map(|leaf| leaf.validity(now)) {
        None | Some(Validity::Valid) => {}
        Some(Validity::Ending { days }) => {
            files.warning(document.chain.at, &ConfigWarning::ClientCertificateEndsSoon { days });
        }
        Some(Validity::NotNow) => {
            files.warning(document.chain.at, &ConfigWarning::ClientCertificateNotValidNow);
        }
    }
    let certificate = ClientCertificate::new(chain, key?)
        .map_err(|error| files.problem(document.chain.at, &ConfigError::ClientCertificate(error)))
        .ok()?;
    Some((certificate, end))
}
