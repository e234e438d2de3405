//! The upstreams of a configuration: endpoints, the gatekeeper's name, and whom to trust with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::certificate::server_name;
use super::document::UpstreamDocument;
use super::files::Files;
use super::{ConfigDocument, ConfigError, ConfigWarning};
use crate::policy::{Cause, Problem, ServerAddress, in_order};
use crate::upstream::tls::{Connector, Roots};
use crate::upstream::{Endpoint, UpstreamConfig};

/// Every upstream that is named, and what of it could be built.
pub(super) type Upstreams = BTreeMap<String, Option<Arc<UpstreamConfig>>>;

pub(super) fn upstreams(files: &mut Files, document: &ConfigDocument) -> Upstreams {
    let used = |name: &str| document.hosts.value.values().any(|host| host.upstream.value == name);
    let mut upstreams = Upstreams::new();
    for (name, upstream) in in_order(&document.upstreams) {
        if !used(&name.value) {
            files.warning(name.at, &ConfigWarning::UnusedUpstream);
        }
        upstreams.insert(name.value.clone(), build(files, upstream).map(Arc::new));
    }
    upstreams
}

fn build(files: &mut Files, document: &UpstreamDocument) -> Option<UpstreamConfig> {
    let connect_timeout = document.connect_timeout.value.duration();
    if connect_timeout.is_zero() {
        files.problem(document.connect_timeout.at, &ConfigError::NoTime);
    }
    let tls = connector(files, document)?;
    let endpoint = |address: &ServerAddress| Endpoint { host: address.host.clone(), port: address.port };
    Some(UpstreamConfig {
        endpoints: document.endpoints.iter().map(endpoint).collect(),
        connect_timeout,
        tls,
    })
}

fn connector(files: &mut Files, document: &UpstreamDocument) -> Option<Connector> {
    let roots = match document.roots.value.as_str() {
        "system" => Roots::System,
        _ => Roots::These(files.certificates(&document.roots)?),
    };
    let Some(name) = server_name(&document.server_name.value) else {
        files.report(Problem::new(document.server_name.at, Cause::Unreadable));
        return None;
    };
    Connector::new(name, roots)
        .map_err(|error| files.problem(document.roots.at, &ConfigError::Roots(error)))
        .ok()
}
