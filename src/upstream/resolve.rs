//! Names to addresses, and services to names, by DNS and the hosts file. What is known is kept (`memory`).
//!
//! Nothing here is told to anybody: the library writes names into the process's log, which lets only our own lines
//! through (`telemetry/diagnostics.rs`).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use super::answers::ResolutionError;
use super::memory::Memory;
use super::rank::Place;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

/// How long one name server may take for one attempt, and how many attempts there are with each.
const PATIENCE: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

/// Of one answer, so many records are used.
const MOST_RECORDS: usize = 16;

/// A server that an SRV record names (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub host: String,
    pub port: u16,
    pub place: Place,
}

/// Asks for names, and remembers the answers. One for the process.
pub struct Resolver {
    dns: TokioResolver,
    addresses: Memory<Arc<[IpAddr]>>,
    services: Memory<Arc<[Service]>>,
}

/// The system's configuration of DNS, or that of Vestibule, cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("DNS cannot be set up")]
pub struct ResolverError;

impl Resolver {
    /// Asks these name servers; if there are none, those of the system.
    pub fn new(name_servers: &[SocketAddr]) -> Result<Self, ResolverError> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = if name_servers.is_empty() {
            TokioResolver::builder_tokio().unwrap_or_else(|_| {
                // A machine without DNS: the hosts file and plain addresses are left.
                let nowhere = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
                TokioResolver::builder_with_config(nowhere, provider)
            })
        } else {
            let servers = name_servers.iter().copied().map(name_server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            TokioResolver::builder_with_config(config, provider)
        };
        set_up(builder.options_mut());
        let dns = builder.build().map_err(|_| ResolverError)?;
        Ok(Resolver { dns, addresses: Memory::default(), services: Memory::default() })
    }

    /// The addresses of a host. A plain address stands for itself.
    pub async fn addresses(&self, host: &str) -> Result<Arc<[IpAddr]>, ResolutionError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Arc::new([address]));
        }
        let (dns, name) = (self.dns.clone(), absolute(host));
        self.addresses.remembered(host, async move { ask_for_addresses(&dns, &name).await }).await
    }

    /// The servers of a service, `_xmpp-client._tcp.DOMAIN` for instance. The target "." says that there is none.
    pub async fn services(&self, name: &str) -> Result<Arc<[Service]>, ResolutionError> {
        let (dns, absolute) = (self.dns.clone(), absolute(name));
        self.services.remembered(name, async move { ask_for_services(&dns, &absolute).await }).await
    }
}

/// A name with a dot is whole: the system's search domains are for names without one.
fn absolute(name: &str) -> String {
    if name.contains('.') && !name.ends_with('.') { format!("{name}.") } else { name.to_owned() }
}

async fn ask_for_addresses(
    dns: &TokioResolver,
    name: &str,
) -> Result<(Arc<[IpAddr]>, Duration), ResolutionError> {
    let lookup = match dns.lookup_ip(name).await {
        Ok(lookup) => lookup,
        Err(error) => return Err(why_no_address(dns, name, &error).await),
    };
    let mut addresses: Vec<IpAddr> = lookup.iter().collect();
    keep_the_same(&mut addresses, |address| *address);
    if addresses.is_empty() {
        return Err(ResolutionError::NoRecords);
    }
    Ok((addresses.into(), holds(lookup.valid_until())))
}

/// The library tells of two failed questions the error of the one for IPv4 only: that there is no address is true when
/// both say it.
async fn why_no_address(dns: &TokioResolver, name: &str, of_ipv4: &NetError) -> ResolutionError {
    match explained(of_ipv4) {
        ResolutionError::NoAnswer => ResolutionError::NoAnswer,
        ResolutionError::NoRecords => match dns.ipv6_lookup(name).await {
            Ok(_) => ResolutionError::NoAnswer,
            Err(error) => explained(&error),
        },
    }
}

async fn ask_for_services(
    dns: &TokioResolver,
    name: &str,
) -> Result<(Arc<[Service]>, Duration), ResolutionError> {
    let lookup = dns.srv_lookup(name).await.map_err(|error| explained(&error))?;
    let mut services: Vec<_> = lookup.answers().iter().filter_map(|record| service(&record.data)).collect();
    keep_the_same(&mut services, |service| (service.place.priority, service.host.clone(), service.port));
    if services.is_empty() {
        return Err(ResolutionError::NoRecords);
    }
    Ok((services.into(), holds(lookup.valid_until())))
}

/// Name servers give records in any order: all replicas keep the same ones of too many.
fn keep_the_same<T, K: Ord>(records: &mut Vec<T>, key: impl FnMut(&T) -> K) {
    records.sort_by_cached_key(key);
    records.truncate(MOST_RECORDS);
}

fn set_up(options: &mut ResolverOpts) {
    options.timeout = PATIENCE;
    options.attempts = ATTEMPTS;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // What is known is remembered here, also when nobody answers any more.
    options.cache_size = 0;
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn service(data: &RData) -> Option<Service> {
    let RData::SRV(record) = data else { return None };
    let host = record.target.to_ascii();
    (!record.target.is_root() && record.port != 0).then(|| Service {
        host: host.to_ascii_lowercase(),
        port: record.port,
        place: Place { priority: record.priority, weight: record.weight },
    })
}

/// Errors hold names: only what they mean leaves.
fn explained(error: &NetError) -> ResolutionError {
    if error.is_no_records_found() { ResolutionError::NoRecords } else { ResolutionError::NoAnswer }
}

fn holds(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::ResolutionError::{NoAnswer, NoRecords};
    use super::*;

    /// What a name server says of a question (RFC 1035, 4.1.1).
    const NOTHING: u8 = 0;
    const SERVFAIL: u8 = 2;
    const NXDOMAIN: u8 = 3;

    /// A resolver whose name server says this to questions for IPv4 addresses, and that to all others.
    async fn told(of_ipv4: u8, otherwise: u8) -> Resolver {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let resolver = Resolver::new(&[socket.local_addr().unwrap()]).unwrap();
        tokio::spawn(async move {
            let mut message = [0; 512];
            while let Ok((length, asker)) = socket.recv_from(&mut message).await {
                // Behind the header stands the name, which ends with an empty label, then the type: 1 is A.
                let end = 12 + message[12..length].iter().position(|byte| *byte == 0).unwrap();
                let code = if message[end + 1..end + 3] == [0, 1] { of_ipv4 } else { otherwise };
                message[2] |= 0x80;
                message[3] = 0x80 | code;
                socket.send_to(&message[..length], asker).await.unwrap();
            }
        });
        resolver
    }

    #[tokio::test]
    async fn that_there_is_no_address_is_true_when_it_is_said_for_both_families() {
        for (of_ipv4, of_ipv6, expected) in [
            (NXDOMAIN, NXDOMAIN, NoRecords),
            (NOTHING, NOTHING, NoRecords),
            (SERVFAIL, SERVFAIL, NoAnswer),
            (SERVFAIL, NXDOMAIN, NoAnswer),
            (NXDOMAIN, SERVFAIL, NoAnswer),
        ] {
            let resolver = told(of_ipv4, of_ipv6).await;
            assert_eq!(resolver.addresses("a.example").await, Err(expected), "{of_ipv4} {of_ipv6}");
        }
    }

    #[tokio::test]
    async fn a_name_server_that_fails_does_not_say_that_there_is_no_service() {
        for (code, expected) in [(NXDOMAIN, NoRecords), (NOTHING, NoRecords), (SERVFAIL, NoAnswer)] {
            let resolver = told(NOTHING, code).await;
            assert_eq!(resolver.services("_xmpps-client._tcp.a.example").await, Err(expected), "{code}");
        }
    }

    #[test]
    fn search_domains_are_for_names_without_a_dot() {
        let asked = ["a.example", "a.example.", "localhost"].map(absolute);
        assert_eq!(asked, ["a.example.", "a.example.", "localhost"]);
    }

    #[test]
    fn all_replicas_keep_the_same_of_too_many_records() {
        let mut one: Vec<usize> = (0..2 * MOST_RECORDS).collect();
        let mut other: Vec<usize> = one.iter().rev().copied().collect();
        keep_the_same(&mut one, |record| *record);
        keep_the_same(&mut other, |record| *record);
        assert_eq!((one.len(), &one), (MOST_RECORDS, &other));
    }
}
