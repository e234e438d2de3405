//! Where a gatekeeper's servers are: listed, or named by SRV records.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::rank::{Place, rank};
use super::resolve::{ResolutionError, Resolver};

/// The servers of one gatekeeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoints {
    /// At least one. Clients are spread over them.
    Listed(Vec<Endpoint>),
    /// Those that the SRV records of this name name: `_xmpps-client._tcp.DOMAIN` for direct TLS (XEP-0368, 3),
    /// `_xmpp-client._tcp.DOMAIN` for STARTTLS (RFC 6120, 3.2.1).
    Srv(String),
}

/// A host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
}

impl Endpoint {
    fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.host.parse().ok()?, self.port))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.trim_end_matches('.');
        let colons = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(formatter, "{}{host}{}:{}", colons.0, colons.1, self.port)
    }
}

impl fmt::Display for Endpoints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoints::Srv(name) => formatter.write_str(name),
            Endpoints::Listed(endpoints) => {
                let endpoints: Vec<String> = endpoints.iter().map(Endpoint::to_string).collect();
                formatter.write_str(&endpoints.join(", "))
            }
        }
    }
}

impl Endpoints {
    /// Those that are plain addresses, and so are known without asking.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let listed = match self {
            Endpoints::Listed(endpoints) => endpoints.as_slice(),
            Endpoints::Srv(_) => &[],
        };
        listed.iter().filter_map(Endpoint::address)
    }

    /// How the configuration writes one of them.
    pub(super) fn as_configured<'e>(&'e self, endpoint: &Endpoint) -> Cow<'e, str> {
        match self {
            Endpoints::Srv(name) => Cow::Borrowed(name),
            Endpoints::Listed(_) => Cow::Owned(endpoint.to_string()),
        }
    }

    /// All of them, the one that a client's connection tries first standing first.
    pub(super) async fn ranked(
        &self,
        resolver: &Resolver,
        client: IpAddr,
    ) -> Result<Vec<Endpoint>, ResolutionError> {
        let mut places: Vec<(Endpoint, Place)> = match self {
            Endpoints::Listed(endpoints) => {
                endpoints.iter().map(|endpoint| (endpoint.clone(), Place::EQUAL)).collect()
            }
            Endpoints::Srv(name) => {
                let services = resolver.services(name).await?;
                let endpoint = |host: &str, port| Endpoint { host: host.to_owned(), port };
                services
                    .iter()
                    .map(|service| (endpoint(&service.host, service.port), service.place))
                    .collect()
            }
        };
        rank(client, &mut places, |(endpoint, place)| (*place, endpoint.to_string()));
        Ok(places.into_iter().map(|(endpoint, _)| endpoint).collect())
    }
}

/// The addresses of one endpoint, in the same way.
pub(super) async fn ranked_addresses(
    endpoint: &Endpoint,
    resolver: &Resolver,
    client: IpAddr,
) -> Result<Vec<SocketAddr>, ResolutionError> {
    let addresses: Arc<[IpAddr]> = resolver.addresses(&endpoint.host).await?;
    let mut addresses: Vec<_> =
        addresses.iter().map(|address| SocketAddr::new(*address, endpoint.port)).collect();
    rank(client, &mut addresses, |address| (Place::EQUAL, address.to_string()));
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_named_as_the_configuration_writes_it_and_not_as_dns_does() {
        let endpoint = Endpoint { host: "a.gatekeeper.example".to_owned(), port: 5223 };
        let listed = Endpoints::Listed(vec![endpoint.clone()]);
        assert_eq!(listed.as_configured(&endpoint), "a.gatekeeper.example:5223");
        let srv = Endpoints::Srv("gatekeeper.example".to_owned());
        assert_eq!(srv.as_configured(&endpoint), "gatekeeper.example");
    }
}
