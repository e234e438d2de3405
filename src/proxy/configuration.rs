//! What one loading of the configuration makes. It never changes: a reload puts another one in its place, and who has
//! begun with this one goes on with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::{Config, Drain, Host as HostConfig};
use crate::content_types::{CapabilitiesCache, ContentTypesPolicy, Rules};
use crate::downstream::tickets::Tickets;
use crate::downstream::tls::{Acceptor, AcceptorError, Certificates, Ticketer};
use crate::framing::{self, Vocabulary};
use crate::limit::{Addresses, Limits, Timeouts};
use crate::relay::{self, Host, Hosts};
use crate::telemetry::metrics::{HostMetrics, InForce};
use crate::telemetry::{Diagnostic, Metrics};
use crate::upstream::{Gatekeeper, Resolver, UpstreamConfig};

/// What all configurations of a process share, one after the other.
pub(super) struct Foundation {
    pub(super) metrics: Metrics,
    pub(super) resolver: Arc<Resolver>,
    pub(super) ticketer: Arc<Ticketer>,
    /// The keys that it was given.
    pub(super) tickets: Tickets,
    /// What is known of clients' capabilities. What is learnt is shared by all hosts: a hash means the same everywhere.
    pub(super) capabilities: Arc<CapabilitiesCache>,
}

/// What a connection is served by from its acceptance to the end of its session.
pub(super) struct Configuration {
    pub(super) acceptor: Acceptor,
    pub(super) vocabulary: Arc<Vocabulary>,
    /// What holds for a connection until it has named its host: the most that any host allows.
    pub(super) limits: Arc<Limits>,
    /// What they have used up is the process's.
    pub(super) addresses: Addresses,
    /// After how long a client that acknowledges nothing is given up.
    pub(super) peer_timeout: Duration,
    /// How the sessions end that are open when the process ends.
    pub(super) drain: Drain,
    /// The hosts that may be named under a server name; under none, if there is no choice of certificate.
    doors: HashMap<String, Hosts>,
    unnamed: Hosts,
    /// What stands behind each host.
    behind: HashMap<String, Behind>,
    /// As they are configured.
    pub(super) hosts: Vec<HostConfig>,
    /// When it was loaded.
    pub(super) since: SystemTime,
}

/// What a host's sessions use.
#[derive(Clone)]
pub(super) struct Behind {
    pub(super) gatekeeper: Arc<Gatekeeper>,
    pub(super) metrics: Arc<HostMetrics>,
}

impl Configuration {
    /// `addresses` is held to the limits of its hosts. A gatekeeper that is reached in the same way as one of `before`
    /// is the same one.
    pub(super) fn new(
        config: Config,
        foundation: &Foundation,
        addresses: &Addresses,
        before: Option<&Self>,
    ) -> Result<Self, AcceptorError> {
        let hosts = config.hosts;
        let of_host = |host: &HostConfig| (host.name.clone(), host.certificate.clone());
        let acceptor =
            Acceptor::new(certificates(&hosts), hosts.iter().map(of_host), Arc::clone(&foundation.ticketer))?;
        let (doors, unnamed) = doors(&hosts, &config.vocabulary, &foundation.capabilities);
        Ok(Self {
            acceptor,
            limits: Arc::new(before_the_host(hosts.iter().map(|host| &*host.limits))),
            addresses: addresses.held_to(hosts.iter().map(|host| host.limits.connections)),
            peer_timeout: config.peer_timeout,
            drain: config.drain,
            doors,
            unnamed,
            behind: behind(&hosts, foundation, before),
            vocabulary: config.vocabulary,
            hosts,
            since: SystemTime::now(),
        })
    }

    /// The hosts that a client may name which asked for `server_name`.
    pub(super) fn hosts(&self, server_name: Option<&str>) -> Hosts {
        let hosts = match server_name {
            Some(name) => self.doors.get(name),
            None => Some(&self.unnamed),
        };
        hosts.cloned().unwrap_or_default()
    }

    /// The name of the host that a client means by `to`, whatever server name it will ask for.
    pub(super) fn find_host(&self, to: &str) -> Option<Box<str>> {
        relay::find_host(&self.unnamed, to).map(|host| Box::from(host.name.as_str()))
    }

    /// What stands behind a host. Every host has it.
    pub(super) fn behind(&self, host: &str) -> Option<&Behind> {
        self.behind.get(host)
    }

    /// Of each host; hosts of the same upstream have the same one.
    pub(super) fn gatekeepers(&self) -> impl Iterator<Item = &Arc<Gatekeeper>> {
        self.behind.values().map(|behind| &behind.gatekeeper)
    }

    /// What is to be shown of it.
    pub(super) fn in_force(&self) -> InForce {
        let host = |host: &HostConfig| Some((host.name.clone(), host.certificate_end?));
        let counts = |gatekeeper: &Arc<Gatekeeper>| (gatekeeper.name().to_owned(), gatekeeper.counts());
        let shown = |gatekeeper: &Arc<Gatekeeper>| {
            let UpstreamConfig { name, certificate_end, .. } = gatekeeper.config();
            Some((name.clone(), (*certificate_end)?))
        };
        InForce {
            // Once for each gatekeeper, however many hosts it has: the name is the upstream's.
            upstreams: self.gatekeepers().map(counts).collect(),
            host_certificates: self.hosts.iter().filter_map(host).collect(),
            client_certificates: self.gatekeepers().filter_map(shown).collect(),
        }
    }
}

fn certificates(hosts: &[HostConfig]) -> Certificates {
    Certificates::new(
        hosts
            .iter()
            .flat_map(|host| host.server_names.iter().map(|name| (name.clone(), host.certificate.clone()))),
    )
}

/// Which hosts stand behind which server name, and all of them.
fn doors(
    hosts: &[HostConfig],
    vocabulary: &Vocabulary,
    capabilities: &Arc<CapabilitiesCache>,
) -> (HashMap<String, Hosts>, Hosts) {
    let rules = |policy: &Arc<ContentTypesPolicy>| {
        Arc::new(Rules::new(Arc::clone(policy), vocabulary, Arc::clone(capabilities)))
    };
    let mut doors: HashMap<String, Vec<Arc<Host>>> = HashMap::new();
    let mut all = Vec::new();
    for config in hosts {
        let host = Arc::new(Host {
            name: config.name.clone(),
            limits: Arc::clone(&config.limits),
            content_types: config.content_types.as_ref().map(rules),
            refuses_external: config.upstream.tls.has_certificate(),
            signals_namespace: Arc::clone(&config.upstream.signals.namespace),
        });
        all.push(Arc::clone(&host));
        for name in &config.server_names {
            doors.entry(name.clone()).or_default().push(Arc::clone(&host));
        }
    }
    (doors.into_iter().map(|(name, hosts)| (name, hosts.into())).collect(), all.into())
}

/// Hosts that are reached by the same upstream share its gatekeeper, and with it the bound on connecting. A gatekeeper
/// that was there before keeps what it knows: how its endpoints fare, and its TLS tickets.
fn behind(
    hosts: &[HostConfig],
    foundation: &Foundation,
    before: Option<&Configuration>,
) -> HashMap<String, Behind> {
    let known = before.into_iter().flat_map(|before| before.behind.values());
    let mut gatekeepers: BTreeMap<&str, Arc<Gatekeeper>> = BTreeMap::new();
    let gatekeeper = |config: &Arc<UpstreamConfig>| {
        let same = |behind: &&Behind| behind.gatekeeper.config() == &**config;
        match known.clone().find(same) {
            Some(behind) => Arc::clone(&behind.gatekeeper),
            None => {
                let resolver = Arc::clone(&foundation.resolver);
                Arc::new(Gatekeeper::new(Arc::clone(config), resolver, |news| {
                    Diagnostic::Endpoint(news).report();
                }))
            }
        }
    };
    let mut behind = HashMap::new();
    for host in hosts {
        let shared = gatekeepers.entry(&host.upstream.name).or_insert_with(|| gatekeeper(&host.upstream));
        let metrics = foundation.metrics.host(&host.name);
        behind.insert(host.name.clone(), Behind { gatekeeper: Arc::clone(shared), metrics });
    }
    behind
}

/// What holds for a connection until it has named its host: in each respect the most that any host allows, so that no
/// host's client is cut off by another host's limits.
fn before_the_host<'l>(hosts: impl Iterator<Item = &'l Limits>) -> Limits {
    let mut most = Limits::default();
    let (times, sizes): (Vec<_>, Vec<_>) =
        hosts.map(|limits| (limits.timeouts, limits.before_authentication)).unzip();
    let longest = |pick: fn(&Timeouts) -> Duration| times.iter().map(pick).max();
    let timeouts = &mut most.timeouts;
    timeouts.tls_handshake = longest(|timeouts| timeouts.tls_handshake).unwrap_or(timeouts.tls_handshake);
    timeouts.header = longest(|timeouts| timeouts.header).unwrap_or(timeouts.header);
    timeouts.authentication = longest(|timeouts| timeouts.authentication).unwrap_or(timeouts.authentication);
    timeouts.write_stall = longest(|timeouts| timeouts.write_stall).unwrap_or(timeouts.write_stall);
    most.before_authentication = sizes.into_iter().reduce(looser).unwrap_or(most.before_authentication);
    most
}

fn looser(one: framing::Limits, other: framing::Limits) -> framing::Limits {
    framing::Limits {
        stanza_bytes: one.stanza_bytes.max(other.stanza_bytes),
        header_bytes: one.header_bytes.max(other.header_bytes),
        depth: one.depth.max(other.depth),
        attributes: one.attributes.max(other.attributes),
        namespaces: one.namespaces.max(other.namespaces),
        elements: one.elements.max(other.elements),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_host_holds_the_most_that_any_host_allows() {
        let sizes = |stanza_bytes, depth| framing::Limits {
            stanza_bytes,
            header_bytes: depth,
            depth,
            attributes: depth,
            namespaces: depth,
            elements: depth,
        };
        // The defaults are larger: they are no host's.
        let host = |sizes| Limits { before_authentication: sizes, ..Limits::default() };
        let hosts = [host(sizes(2000, 3)), host(sizes(1000, 5))];
        assert_eq!(before_the_host(hosts.iter()).before_authentication, sizes(2000, 5));
    }
}
