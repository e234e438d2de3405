//! Traffic put through limits as sessions would do it, without a session: for the tests that stand in limits files, and
//! for explanations.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Accounts, AddressRefusal, Addresses, Cost, Limits, RateLimit, RateLimiter, SECRET_LENGTH, Slowed,
    TooManySessions,
};
use crate::framing::RefusalKind;

/// Nothing is kept from anybody here.
const SECRET: [u8; SECRET_LENGTH] = [0; SECRET_LENGTH];

/// Who sends and connects.
const HOST: &str = "host.example";
const ACCOUNT: &str = "account@host.example";

/// What the clients of one account send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    pub stanzas: u32,
    /// Bytes of each.
    pub size: usize,
    /// `None`: all at once.
    pub per_second: Option<u32>,
    /// Sessions that send in turn.
    pub sessions: u32,
}

/// What comes from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrivals {
    /// None of them ends.
    pub connections: u32,
    /// `None`: all at once.
    pub per_second: Option<u32>,
    /// On each connection, as soon as it is there.
    pub failed_authentications: u32,
}

/// Why a stream ends, or why there is none. The words are those of logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// A stanza is larger than clients may send.
    StanzaTooBig,
    /// The account has as many sessions as it may have at one time.
    TooManySessions,
    /// The address has as many connections as it may have at one time.
    TooManyConnections,
    /// The address opens connections too fast.
    ConnectionRate,
    /// Too many authentications from the address failed.
    FailedAuthentications,
}

impl Refusal {
    pub fn name(self) -> &'static str {
        match self {
            Self::StanzaTooBig => RefusalKind::StanzaTooBig.name(),
            Self::TooManySessions => TooManySessions::NAME,
            Self::TooManyConnections => AddressRefusal::TooManyConnections.name(),
            Self::ConnectionRate => AddressRefusal::ConnectionRate.name(),
            Self::FailedAuthentications => AddressRefusal::FailedAuthentications.name(),
        }
    }

    /// Whether connections are refused for it, not stanzas.
    pub fn is_of_address(self) -> bool {
        !matches!(self, Self::StanzaTooBig | Self::TooManySessions)
    }
}

impl From<AddressRefusal> for Refusal {
    fn from(refusal: AddressRefusal) -> Self {
        match refusal {
            AddressRefusal::TooManyConnections => Self::TooManyConnections,
            AddressRefusal::ConnectionRate => Self::ConnectionRate,
            AddressRefusal::FailedAuthentications => Self::FailedAuthentications,
        }
    }
}

/// How long a stanza waits, and what for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    pub time: Duration,
    /// `None`: it does not wait.
    pub by: Option<RateLimit>,
}

/// What becomes of arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reception {
    /// Connections that are let in; those that a failed authentication ended are among them.
    pub admitted: u32,
    /// Why the first one was refused or ended.
    pub refused: Option<Refusal>,
}

/// Limits that traffic can be put through.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    limits: Limits,
    start: Instant,
}

impl Rehearsal {
    /// `start` is when all traffic begins: any moment will do.
    pub fn new(limits: Limits, start: Instant) -> Self {
        Self { limits, start }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The longest that a stanza waits.
    pub fn send(&self, traffic: Traffic) -> Result<Wait, Refusal> {
        let now = self.start;
        if traffic.size > self.limits.from_client.stanza_bytes {
            return Err(Refusal::StanzaTooBig);
        }
        let accounts = Arc::new(Accounts::new(&SECRET));
        let mut sessions = Vec::new();
        for _ in 0..traffic.sessions.max(1) {
            let permit = accounts.enter(HOST, ACCOUNT, &self.limits.accounts, now);
            let permit = permit.map_err(|_| Refusal::TooManySessions)?;
            let mut limiter = RateLimiter::new(self.limits.client_rate, now);
            limiter.join(permit, now);
            sessions.push((limiter, now));
        }
        let mut longest = Wait::default();
        let turns = sessions.len();
        for stanza in 0..traffic.stanzas {
            let sent = now + offset(stanza, traffic.per_second);
            // Each session in its turn.
            let Some((limiter, last)) = sessions.get_mut(stanza as usize % turns) else { break };
            let (passed, by) = pass(limiter, traffic.size, sent.max(*last));
            let time = passed.saturating_duration_since(sent);
            if time > longest.time {
                longest = Wait { time, by: by.or(longest.by) };
            }
            *last = passed;
        }
        Ok(longest)
    }

    /// What becomes of connections from one address.
    pub fn arrive(&self, arrivals: Arrivals) -> Reception {
        let now = self.start;
        let limits = self.limits.connections;
        let addresses = Arc::new(Addresses::new([limits], &SECRET, now));
        let mut open = Vec::new();
        let mut refused = None;
        for connection in 0..arrivals.connections {
            let at = now + offset(connection, arrivals.per_second);
            match addresses.admit(IpAddr::V4(Ipv4Addr::LOCALHOST), at) {
                Ok(permit) => {
                    let failures = 0..arrivals.failed_authentications;
                    let over = failures.map(|_| permit.fail_authentication(&limits, at).err());
                    refused = refused.or(over.flatten().next());
                    open.push(permit);
                }
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        let admitted = u32::try_from(open.len()).unwrap_or(u32::MAX);
        Reception { admitted, refused: refused.map(Refusal::from) }
    }
}

/// When the one with this number comes, counted from the first.
fn offset(number: u32, per_second: Option<u32>) -> Duration {
    per_second.map_or(Duration::ZERO, |rate| Duration::from_secs(1) * number / rate.max(1))
}

/// When a stanza that is there at `now` passes, and what it has to wait for last.
fn pass(limiter: &mut RateLimiter, size: usize, now: Instant) -> (Instant, Option<RateLimit>) {
    let (mut now, mut waited_for) = (now, None);
    loop {
        match limiter.admit(now) {
            Ok(admitted) => {
                limiter.charge(admitted, Cost::Stanza(size), now);
                return (now, waited_for);
            }
            Err(Slowed { until, by }) if until > now => (now, waited_for) = (until, Some(by)),
            // It is further away than times go.
            Err(Slowed { by, .. }) => return (now, Some(by)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::limit::Rate;

    #[test]
    fn a_wait_of_centuries_ends() {
        let mut limits = Limits::default();
        let slowest = Rate { kib_per_second: NonZeroU32::MIN, kib_burst: NonZeroU32::MAX, ..Rate::CLIENT };
        limits.client_rate = Some(slowest);
        limits.from_client.stanza_bytes = usize::MAX;
        let rehearsal = Rehearsal::new(limits, Instant::now());
        let traffic = Traffic { stanzas: 9, size: usize::MAX, per_second: None, sessions: 1 };
        let wait = rehearsal.send(traffic).expect("it is not refused");
        assert!(wait.time > Duration::from_secs(100 * 365 * 86_400));
        assert_eq!(wait.by, Some(RateLimit::SessionBytes));
    }
}
