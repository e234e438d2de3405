//! One client's way to a gatekeeper: its endpoints in the client's order, until one answers.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::attempt::{Attempt, now};
use super::connect::{ConnectError, ConnectRequest, Connected, Gatekeeper, establish};
use super::endpoints::{Endpoint, ranked_addresses};
use super::health::Standing;

/// So many addresses are tried for one client, however many DNS names: nobody's connection becomes a flood of others.
pub(super) const ATTEMPTS: usize = 8;

/// At most so many parts is the time that is left cut into: an endpoint that does not answer leaves enough for the next
/// ones, and each has time enough for a handshake, however many there are.
const PARTS: usize = 4;

pub(super) struct Search<'g, 'r> {
    gatekeeper: &'g Gatekeeper,
    request: ConnectRequest<'r>,
    deadline: Instant,
    /// How many addresses may still be tried.
    attempts: usize,
    /// What was passed over, to be tried for lack of others.
    ejected: Vec<(Endpoint, SocketAddr)>,
}

impl<'g, 'r> Search<'g, 'r> {
    pub fn new(gatekeeper: &'g Gatekeeper, request: ConnectRequest<'r>, deadline: Instant) -> Self {
        Search { gatekeeper, request, deadline, attempts: ATTEMPTS, ejected: Vec::new() }
    }

    /// Each endpoint in the client's order; then those addresses that are ejected.
    pub async fn run(mut self) -> Result<Connected, ConnectError> {
        let Gatekeeper { config, resolver, .. } = self.gatekeeper;
        let endpoints = config.endpoints.ranked(resolver, self.request.client).await;
        let endpoints = endpoints.map_err(|_| ConnectError::Resolution)?;
        let mut last = ConnectError::Resolution;
        for (tried, endpoint) in endpoints.iter().enumerate() {
            // No name is asked for that could not be tried.
            if self.attempts == 0 {
                break;
            }
            match self.try_endpoint(endpoint, endpoints.len() - tried).await {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => last = error,
                None => {}
            }
        }
        if self.ejected.is_empty() || self.attempts == 0 { Err(last) } else { self.try_ejected().await }
    }

    /// Those that are left, of which there is at least one.
    async fn try_ejected(&mut self) -> Result<Connected, ConnectError> {
        let ejected = std::mem::take(&mut self.ejected);
        let mut last = ConnectError::Timeout;
        let _turn = self.gatekeeper.turn().await?;
        for (tried, (endpoint, address)) in ejected.iter().take(self.attempts).enumerate() {
            match self.try_address(endpoint, *address, Standing::Ejected, ejected.len() - tried).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Each address of an endpoint in the client's order; so many endpoints are `left`, with this one. `None`: none of
    /// them may be tried now.
    async fn try_endpoint(
        &mut self,
        endpoint: &Endpoint,
        left: usize,
    ) -> Option<Result<Connected, ConnectError>> {
        let lookup = ranked_addresses(endpoint, &self.gatekeeper.resolver, self.request.client);
        let addresses = match timeout_at(share(self.deadline, left), lookup).await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(_)) => return Some(Err(ConnectError::Resolution)),
            Err(_) => return Some(Err(ConnectError::Timeout)),
        };
        let _turn = match self.gatekeeper.turn().await {
            Ok(turn) => turn,
            Err(error) => return Some(Err(error)),
        };
        let mut last = None;
        for (tried, address) in addresses.iter().enumerate() {
            if self.attempts == 0 {
                break;
            }
            let standing = self.gatekeeper.health().stand(*address, now());
            if standing == Standing::Ejected {
                self.ejected.push((endpoint.clone(), *address));
                continue;
            }
            match self.try_address(endpoint, *address, standing, addresses.len() - tried + left - 1).await {
                Ok(stream) => return Some(Ok(stream)),
                Err(error) => last = Some(Err(error)),
            }
        }
        last
    }

    /// One attempt, of which the failure is remembered, and a success once the gatekeeper has answered; so many addresses are `left`, with this one.
    async fn try_address(
        &mut self,
        endpoint: &Endpoint,
        address: SocketAddr,
        standing: Standing,
        left: usize,
    ) -> Result<Connected, ConnectError> {
        let gatekeeper = self.gatekeeper;
        let Gatekeeper { config, sources, health, .. } = gatekeeper;
        let until = share(self.deadline, left.min(self.attempts));
        self.attempts = self.attempts.saturating_sub(1);
        let (health, tell) = (Arc::clone(health), gatekeeper.tell_of(endpoint.clone()));
        let attempt = Attempt::begin(health, address, standing, config.fair_share(), tell);
        let established = timeout_at(until, establish(config, sources, self.request, address)).await;
        match established.unwrap_or(Err(ConnectError::Timeout)) {
            Ok(stream) => Ok(Connected { stream, attempt }),
            Err(error) => {
                attempt.end(Err(error));
                Err(error)
            }
        }
    }
}

/// The end of one attempt's share of the time until `deadline`, when so many are left to try.
fn share(deadline: Instant, attempts: usize) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    // At most PARTS: it fits.
    now + left / attempts.clamp(1, PARTS) as u32
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, TcpListener};
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::time::Duration;

    use super::super::connect::{Transport, UpstreamConfig};
    use super::super::endpoints::Endpoints;
    use super::super::fault::TlsFault;
    use super::super::resolve::Resolver;
    use super::super::signals::{SignalCarrier, Signals};
    use super::super::tls::{Connector, Roots};
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn gatekeeper(endpoints: Vec<Endpoint>) -> Gatekeeper {
        let root = rcgen::generate_simple_self_signed([]).unwrap().cert.der().clone();
        let tls = Connector::new("gatekeeper.example".try_into().unwrap(), Roots::These(vec![root]), None);
        let config = UpstreamConfig {
            name: "gatekeeper".to_owned(),
            endpoints: Endpoints::Listed(endpoints),
            connect_timeout: Duration::from_secs(30),
            max_connecting: 1,
            source_addresses: Vec::new(),
            peer_timeout: Duration::from_secs(60),
            transport: Transport::Tls,
            tls: tls.unwrap(),
            certificate_end: None,
            signals: Signals { carrier: SignalCarrier::Off, namespace: "urn:example".into() },
        };
        // Nobody answers there.
        let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Gatekeeper::new(Arc::new(config), Arc::new(Resolver::new(&[nowhere]).unwrap()), |_| {})
    }

    async fn connect(gatekeeper: &Gatekeeper) -> Option<ConnectError> {
        connect_for(gatekeeper, CLIENT).await
    }

    async fn connect_for(gatekeeper: &Gatekeeper, client: IpAddr) -> Option<ConnectError> {
        let vocabulary = Arc::new(crate::stanza::vocabulary(&[], &[]));
        let host = "gatekeeper.example";
        let request = ConnectRequest { client, host, header: b"", vocabulary: &vocabulary };
        gatekeeper.connect(request).await.err()
    }

    /// Endpoints that send everybody away before TLS, and who has met them.
    fn unfriendly(count: usize) -> (Vec<Endpoint>, Receiver<()>) {
        let (met, meetings) = sync_channel(64);
        let mut endpoints = Vec::new();
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            endpoints.push(Endpoint { host: "127.0.0.1".to_owned(), port });
            let met = met.clone();
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    let _ = met.send(());
                    drop(stream);
                }
            });
        }
        (endpoints, meetings)
    }

    #[tokio::test]
    async fn one_client_tries_eight_addresses_at_most() {
        let (endpoints, meetings) = unfriendly(12);
        assert_eq!(connect(&gatekeeper(endpoints)).await, Some(ConnectError::Tls(TlsFault::Ended)));
        assert_eq!(meetings.try_iter().count(), ATTEMPTS);
    }

    #[tokio::test]
    async fn what_is_told_is_why_the_last_address_failed_that_was_tried() {
        let (mut endpoints, _meetings) = unfriendly(ATTEMPTS);
        let unresolved = Endpoint { host: "nowhere.example".to_owned(), port: 5223 };
        endpoints.push(unresolved.clone());
        let gatekeeper = gatekeeper(endpoints);
        let Gatekeeper { config, resolver, .. } = &gatekeeper;
        // The order is the client's: this one's has the name behind all addresses.
        for client in (1..=255).map(|number| IpAddr::from([192, 0, 2, number])) {
            let order = config.endpoints.ranked(resolver, client).await.unwrap();
            if order.last() == Some(&unresolved) {
                assert_eq!(connect_for(&gatekeeper, client).await, Some(ConnectError::Tls(TlsFault::Ended)));
                return;
            }
        }
        panic!("nobody's last endpoint is the name");
    }

    #[tokio::test]
    async fn who_asks_dns_takes_nobody_s_turn() {
        let gatekeeper = gatekeeper(vec![Endpoint { host: "nowhere.example".to_owned(), port: 5223 }]);
        let _turn = gatekeeper.turn().await.unwrap();
        assert_eq!(connect(&gatekeeper).await, Some(ConnectError::Resolution));
    }
}
