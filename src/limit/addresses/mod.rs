//! What clients' addresses are held to: connections at one time, new ones, failed authentications.
//!
//! An address is an IPv4 address, or the 64 bits of an IPv6 address that name a network: who has one address of it has
//! all of them (RFC 6177).

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::Quota;
use governor::nanos::Nanos;

use super::bucket::{Bucket, nanoseconds};
use super::store::{Key, KeyedHash, Refills, SECRET_LENGTH, Store};

/// Addresses without a connection that are remembered: at about 400 bytes each, 26 MB.
const MOST_IDLE: usize = 65_536;

/// What one address is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at one time.
    pub at_once: NonZeroU32,
    /// New connections.
    pub per_second: NonZeroU32,
    /// New connections at once after a pause.
    pub burst: NonZeroU32,
    /// Failed authentications.
    pub failures_per_minute: NonZeroU32,
    /// Failed authentications at once after a pause.
    pub failure_burst: NonZeroU32,
}

/// Why an address may not have a connection, or has it no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressRefusal {
    /// It has as many as it may have at one time.
    TooManyConnections,
    /// It opens them too fast.
    ConnectionRate,
    /// Too many authentications failed.
    FailedAuthentications,
}

impl AddressRefusal {
    pub const ALL: [Self; 3] = [Self::TooManyConnections, Self::ConnectionRate, Self::FailedAuthentications];

    /// The word in policies, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooManyConnections => "too-many-connections",
            Self::ConnectionRate => "connection-rate",
            Self::FailedAuthentications => "failed-authentications",
        }
    }
}

/// The addresses that clients connect from, and what they are held to.
pub struct Addresses {
    /// What holds before the host is known, and then what the hosts say otherwise.
    limits: Arc<[ConnectionLimits]>,
    counts: Arc<Counts>,
}

/// What the addresses have used up, whatever they are held to. Locked when a connection begins, when it ends, and
/// when an authentication fails.
struct Counts {
    hash: KeyedHash,
    /// What all times count from.
    start: Instant,
    store: Mutex<Store<Address>>,
}

/// One address: its buckets under each of the limits, in their order.
struct Address {
    start: Instant,
    limits: Arc<[ConnectionLimits]>,
    buckets: Vec<Arc<AddressBuckets>>,
}

struct AddressBuckets {
    opened: Bucket,
    failed: Bucket,
}

/// The right of an address to one connection. Given back when it is dropped.
pub struct AddressPermit {
    counts: Arc<Counts>,
    key: Key,
    address: Arc<Address>,
    /// What each of the limits says of the connection, but for the first, which let it in.
    verdicts: Box<[Result<(), AddressRefusal>]>,
}

impl ConnectionLimits {
    /// In each respect the more of both.
    fn more(self, other: Self) -> Self {
        Self {
            at_once: self.at_once.max(other.at_once),
            per_second: self.per_second.max(other.per_second),
            burst: self.burst.max(other.burst),
            failures_per_minute: self.failures_per_minute.max(other.failures_per_minute),
            failure_burst: self.failure_burst.max(other.failure_burst),
        }
    }

    /// Of new connections, and of failed authentications.
    fn quotas(&self) -> (Quota, Quota) {
        let failures = Quota::per_minute(self.failures_per_minute);
        (Quota::per_second(self.per_second).allow_burst(self.burst), failures.allow_burst(self.failure_burst))
    }

    fn buckets(&self) -> AddressBuckets {
        let (opened, failed) = self.quotas();
        AddressBuckets { opened: Bucket::new(opened), failed: Bucket::new(failed) }
    }
}

impl Addresses {
    /// `hosts` are the limits of all hosts. Before a client has named its host, the most that any of them allows holds.
    /// `secret` is random, and used for nothing else.
    pub fn new(
        hosts: impl IntoIterator<Item = ConnectionLimits>,
        secret: &[u8; SECRET_LENGTH],
        now: Instant,
    ) -> Self {
        let (hash, store) = (KeyedHash::new(secret), Mutex::new(Store::new(MOST_IDLE)));
        Self { limits: distinct(hosts), counts: Arc::new(Counts { hash, start: now, store }) }
    }

    /// The same addresses with what they have used up, held to other limits.
    pub fn held_to(&self, hosts: impl IntoIterator<Item = ConnectionLimits>) -> Self {
        Self { limits: distinct(hosts), counts: Arc::clone(&self.counts) }
    }

    /// One more connection from an address, if it may have one before its host is known.
    pub fn admit(&self, address: IpAddr, now: Instant) -> Result<AddressPermit, AddressRefusal> {
        let counts = &self.counts;
        let key = counts.hash.of(&[&network(address).octets()]);
        let elapsed = elapsed(counts.start, now);
        let mut store = counts.store();
        let (mut address, open) = store.enter(key, now, || Address::new(counts.start, &self.limits));
        if address.limits != self.limits {
            address = store.replace(key, address.under(&self.limits, elapsed));
        }
        let mut verdicts = self.limits.iter().zip(&address.buckets).map(|(limits, buckets)| {
            // What is over one limit is not charged to the next.
            if open > limits.at_once.get() {
                Err(AddressRefusal::TooManyConnections)
            } else if buckets.is_over_failures(elapsed) {
                Err(AddressRefusal::FailedAuthentications)
            } else if !buckets.opened.take(elapsed) {
                Err(AddressRefusal::ConnectionRate)
            } else {
                Ok(())
            }
        });
        let before_the_host = verdicts.next().unwrap_or(Ok(()));
        if let Err(refusal) = before_the_host {
            store.leave(key);
            return Err(refusal);
        }
        let verdicts = verdicts.collect();
        Ok(AddressPermit { counts: Arc::clone(counts), key, address, verdicts })
    }
}

/// What holds before the host is known, and then what the hosts say otherwise.
fn distinct(hosts: impl IntoIterator<Item = ConnectionLimits>) -> Arc<[ConnectionLimits]> {
    let hosts: Vec<_> = hosts.into_iter().collect();
    let most = hosts.iter().copied().reduce(ConnectionLimits::more).unwrap_or_default();
    let mut limits = vec![most];
    for host in hosts {
        if !limits.contains(&host) {
            limits.push(host);
        }
    }
    limits.into()
}

impl Counts {
    fn store(&self) -> MutexGuard<'_, Store<Address>> {
        // A panic leaves an entry counted or not, and nothing half done.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AddressPermit {
    /// What a host says of the connection that has named it.
    pub fn hold_to(&self, host: &ConnectionLimits) -> Result<(), AddressRefusal> {
        let later = self.address.place(host).checked_sub(1);
        later.and_then(|place| self.verdicts.get(place).copied()).unwrap_or(Ok(()))
    }

    /// An authentication failed on a connection that has named a host. An error: there were too many of them.
    pub fn fail_authentication(&self, host: &ConnectionLimits, now: Instant) -> Result<(), AddressRefusal> {
        let elapsed = elapsed(self.address.start, now);
        let own = &self.address.buckets;
        let store = self.counts.store();
        // Since the connection began, the address may have come under other limits: they count its failures, too.
        let in_force = store.get(self.key).into_iter().flat_map(|address| &address.buckets);
        let others = in_force.filter(|buckets| !own.iter().any(|known| Arc::ptr_eq(known, buckets)));
        own.iter().chain(others).for_each(|buckets| buckets.fail(elapsed));
        let over = self.address.buckets.get(self.address.place(host));
        let over = over.is_some_and(|buckets| buckets.is_over_failures(elapsed));
        if over { Err(AddressRefusal::FailedAuthentications) } else { Ok(()) }
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        self.counts.store().leave(self.key);
    }
}

impl Address {
    fn new(start: Instant, limits: &Arc<[ConnectionLimits]>) -> Self {
        let buckets = limits.iter().map(|limits| Arc::new(limits.buckets())).collect();
        Self { start, limits: Arc::clone(limits), buckets }
    }

    /// The same address under other limits. The buckets of those that stay stay; of new ones as much is used as of those
    /// that every connection is charged to.
    fn under(&self, limits: &Arc<[ConnectionLimits]>, now: Nanos) -> Self {
        let known = self.limits.iter().zip(&self.buckets);
        let bucket = |limits: &ConnectionLimits| {
            let same = known.clone().find(|(known, _)| *known == limits);
            match (same, self.buckets.first()) {
                (Some((_, buckets)), _) => Arc::clone(buckets),
                (None, Some(before)) => Arc::new(before.under(limits, now)),
                (None, None) => Arc::new(limits.buckets()),
            }
        };
        Self { start: self.start, limits: Arc::clone(limits), buckets: limits.iter().map(bucket).collect() }
    }

    /// The place of a host's limits. Those of a host that is not served here are those before the host.
    fn place(&self, limits: &ConnectionLimits) -> usize {
        self.limits.iter().position(|known| known == limits).unwrap_or(0)
    }
}

impl AddressBuckets {
    fn under(&self, limits: &ConnectionLimits, now: Nanos) -> Self {
        let (opened, failed) = limits.quotas();
        Self { opened: self.opened.under(opened, now), failed: self.failed.under(failed, now) }
    }

    /// Failures are the address's, not a connection's. However many connections fail at one time, the others that share
    /// the address wait for a burst at most.
    fn fail(&self, now: Nanos) {
        self.failed.charge_within_burst(1, now);
    }

    /// Whether failures are unpaid.
    fn is_over_failures(&self, now: Nanos) -> bool {
        self.failed.pay(self.failed.charge_later(0), now).is_err()
    }
}

impl Refills for Address {
    fn full(&self) -> Instant {
        let full = |buckets: &Arc<AddressBuckets>| buckets.opened.full().max(buckets.failed.full());
        self.start + Duration::from(self.buckets.iter().map(full).max().unwrap_or_default())
    }
}

fn elapsed(start: Instant, now: Instant) -> Nanos {
    Nanos::new(nanoseconds(now.saturating_duration_since(start)))
}

/// What an address is counted by: itself if it is one of IPv4, also in the form of IPv6 (RFC 4291, 2.5.5.2), otherwise
/// its network of 64 bits.
pub fn network(address: IpAddr) -> Ipv6Addr {
    const NETWORK: u128 = !0 << 64;
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK),
    }
}

#[cfg(test)]
mod tests;
