//! Which endpoint addresses are passed over because they could not be connected to: pure, `now` is an argument.
//!
//! ```text
//!            3 failures in a row               its time is over: one connection tries it
//!      Up ------------------------> Ejected ---------------------------------------> Tried
//!       ^                              ^                                              |  |
//!       |                              +---------- failure: twice the time -----------+  |
//!       +------------------------------------- success ----------------------------------+
//! ```
//!
//! Only connecting counts (TCP, TLS, time, and that the stream is answered at all): a session that ends is no failure. A try that says nothing of the address, as
//! its client has left, is given back: the next connection tries it. To be ejected is to be tried last, never
//! to be refused: if nothing else can be reached, the ejected ones are tried in their turn.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Failures in a row that eject an address.
const FAILURES: u32 = 3;

/// The first ejection's time, which doubles with each failed try, and the longest.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// Addresses that nobody has asked for are forgotten after this time: the name stands for others now.
const MEMORY: Duration = Duration::from_secs(3600);

/// Addresses of one upstream that are remembered. Above that the one that was not asked for the longest is forgotten.
const MOST: usize = 256;

/// That an address is ejected is told at most once in this time: one may be ejected and come back again and again.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// How the addresses of one upstream fare.
#[derive(Debug)]
pub struct Health {
    addresses: HashMap<SocketAddr, Record>,
    /// How long one try may take: after that, another connection may try.
    trial: Duration,
    ejections: u64,
}

#[derive(Debug)]
struct Record {
    /// In a row.
    failures: u32,
    /// Ejected until then; past, it may be tried.
    until: Option<Instant>,
    asked: Instant,
    /// When it was last told that it is ejected.
    told: Option<Instant>,
    /// Whether that is what was told last.
    known_as_ejected: bool,
}

/// What may be done with an address now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Up,
    /// Its time is over, and this connection is the one that tries it.
    Tried,
    /// To be tried only when nothing else is left.
    Ejected,
}

/// How many addresses are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthCounts {
    pub up: usize,
    pub ejected: usize,
    /// Since the start.
    pub ejections: u64,
}

impl Health {
    /// `trial` is the longest that connecting to an address can take.
    pub fn new(trial: Duration) -> Self {
        Health { addresses: HashMap::new(), trial, ejections: 0 }
    }

    /// The address exists.
    pub fn note(&mut self, address: SocketAddr, now: Instant) {
        self.record(address, now);
    }

    /// What may be done with the address. One that is `Tried` counts as ejected for others, until it is known how the
    /// try went, or for as long as it can take.
    pub fn stand(&mut self, address: SocketAddr, now: Instant) -> Standing {
        let trial = self.trial;
        let record = self.record(address, now);
        match record.until {
            None => Standing::Up,
            Some(until) if until <= now => {
                record.until = Some(now + trial);
                Standing::Tried
            }
            Some(_) => Standing::Ejected,
        }
    }

    /// A connection was established and answered. Whether it is to be told that the address is back.
    pub fn succeeded(&mut self, address: SocketAddr, now: Instant) -> bool {
        let record = self.record(address, now);
        record.failures = 0;
        record.until = None;
        std::mem::take(&mut record.known_as_ejected)
    }

    /// No connection came about. `standing` is what [`stand`](Self::stand) said before: what was tried for lack of
    /// others, or was under way when the address was ejected, makes its time no longer. Whether it is to be told that
    /// the address is ejected: if it was told too short a time ago, the next failed try says so.
    pub fn failed(&mut self, address: SocketAddr, standing: Standing, now: Instant) -> bool {
        let record = self.record(address, now);
        let counts = match standing {
            Standing::Up => record.until.is_none(),
            Standing::Tried => true,
            Standing::Ejected => false,
        };
        if !counts {
            return false;
        }
        record.failures = record.failures.saturating_add(1);
        let Some(again) = record.failures.checked_sub(FAILURES) else { return false };
        let time = FIRST.saturating_mul(2_u32.saturating_pow(again)).min(LONGEST);
        record.until = Some(now + time);
        let is_news = record.is_news(now);
        self.ejections += 1;
        is_news
    }

    /// Nothing came of it that says anything of the address. A trial is the next connection's then.
    pub fn given_back(&mut self, address: SocketAddr, standing: Standing, now: Instant) {
        let record = self.record(address, now);
        if standing == Standing::Tried && record.until.is_some() {
            record.until = Some(now);
        }
    }

    /// As things stand, without the addresses that were forgotten.
    pub fn counts(&mut self, now: Instant) -> HealthCounts {
        self.forget(now);
        let ejected = self.addresses.values().filter(|record| record.until.is_some()).count();
        HealthCounts { up: self.addresses.len() - ejected, ejected, ejections: self.ejections }
    }

    /// The addresses that are not forgotten, and whether each is up; in no particular order.
    pub fn addresses(&mut self, now: Instant) -> Vec<(SocketAddr, bool)> {
        self.forget(now);
        self.addresses.iter().map(|(address, record)| (*address, record.until.is_none())).collect()
    }

    fn forget(&mut self, now: Instant) {
        self.addresses.retain(|_, record| now.saturating_duration_since(record.asked) < MEMORY);
    }

    fn record(&mut self, address: SocketAddr, now: Instant) -> &mut Record {
        if self.addresses.len() >= MOST && !self.addresses.contains_key(&address) {
            let oldest = self.addresses.iter().min_by_key(|(_, record)| record.asked);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.addresses.remove(&oldest);
            }
        }
        let new = Record { failures: 0, until: None, asked: now, told: None, known_as_ejected: false };
        let record = self.addresses.entry(address).or_insert(new);
        record.asked = now;
        record
    }
}

impl Record {
    /// Whether it is to be told now that the address is ejected.
    fn is_news(&mut self, now: Instant) -> bool {
        let told_lately = self.told.is_some_and(|told| now.saturating_duration_since(told) < TOLD_FOR);
        if self.known_as_ejected || told_lately {
            return false;
        }
        self.told = Some(now);
        self.known_as_ejected = true;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIAL: Duration = Duration::from_secs(10);

    fn address(last: u8) -> SocketAddr {
        ([192, 0, 2, last], 5223).into()
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// An address that has just been ejected.
    fn ejected(now: Instant) -> Health {
        let mut health = Health::new(TRIAL);
        for _ in 0..FAILURES {
            assert_eq!(health.stand(address(1), now), Standing::Up);
            health.failed(address(1), Standing::Up, now);
        }
        health
    }

    #[test]
    fn three_failures_in_a_row_eject_an_address_and_no_other() {
        let now = Instant::now();
        let mut health = ejected(now);
        assert_eq!(health.stand(address(1), now), Standing::Ejected);
        assert_eq!(health.stand(address(2), now), Standing::Up);
        assert_eq!(health.counts(now), HealthCounts { up: 1, ejected: 1, ejections: 1 });
    }

    #[test]
    fn a_success_in_between_begins_the_row_anew() {
        let now = Instant::now();
        let mut health = Health::new(TRIAL);
        for _ in 0..5 {
            health.failed(address(1), Standing::Up, now);
            health.failed(address(1), Standing::Up, now);
            health.succeeded(address(1), now);
        }
        assert_eq!(health.stand(address(1), now), Standing::Up);
    }

    #[test]
    fn when_its_time_is_over_one_connection_tries_it_and_its_success_brings_it_back() {
        let now = Instant::now();
        let mut health = ejected(now);
        let later = now + FIRST;
        assert_eq!(health.stand(address(1), later - Duration::from_millis(1)), Standing::Ejected);
        assert_eq!(health.stand(address(1), later), Standing::Tried);
        assert_eq!(health.stand(address(1), later), Standing::Ejected);
        health.succeeded(address(1), later);
        assert_eq!(health.stand(address(1), later), Standing::Up);
        assert_eq!(health.counts(later), HealthCounts { up: 1, ejected: 0, ejections: 1 });
    }

    #[test]
    fn each_try_that_fails_doubles_the_time_up_to_a_bound() {
        let mut now = Instant::now();
        let mut health = ejected(now);
        for expected in [5, 10, 20, 40, 80, 160, 300, 300, 300] {
            assert_eq!(health.stand(address(1), now + seconds(expected) - seconds(1)), Standing::Ejected);
            now += seconds(expected);
            assert_eq!(health.stand(address(1), now), Standing::Tried);
            health.failed(address(1), Standing::Tried, now);
        }
    }

    #[test]
    fn what_is_tried_for_lack_of_others_makes_the_time_no_longer_and_may_bring_the_address_back() {
        let now = Instant::now();
        let mut health = ejected(now);
        for _ in 0..50 {
            health.failed(address(1), Standing::Ejected, now);
            health.failed(address(1), Standing::Up, now);
        }
        assert_eq!(health.stand(address(1), now + FIRST), Standing::Tried);
        health.succeeded(address(1), now);
        assert_eq!(health.stand(address(1), now), Standing::Up);
    }

    #[test]
    fn a_try_of_which_nothing_is_heard_is_followed_by_another() {
        let now = Instant::now();
        let mut health = ejected(now);
        let later = now + FIRST;
        assert_eq!(health.stand(address(1), later), Standing::Tried);
        assert_eq!(health.stand(address(1), later + TRIAL - seconds(1)), Standing::Ejected);
        assert_eq!(health.stand(address(1), later + TRIAL), Standing::Tried);
    }

    #[test]
    fn an_ejection_is_told_once_and_its_end_too() {
        let mut now = Instant::now();
        let mut health = Health::new(TRIAL);
        let mut fail = |standing, now| health.failed(address(1), standing, now);
        assert_eq!([(); 5].map(|()| fail(Standing::Up, now)), [false, false, true, false, false]);
        for _ in 0..10 {
            now += LONGEST;
            assert!(!fail(Standing::Tried, now));
        }
        assert_eq!([(); 2].map(|()| health.succeeded(address(1), now)), [true, false]);
    }

    #[test]
    fn an_address_that_comes_and_goes_is_told_of_once_a_minute_and_as_it_is_in_the_end() {
        let (start, mut health) = (Instant::now(), Health::new(TRIAL));
        let (mut ejected, mut back) = (0, 0);
        for second in 0..180 {
            let now = start + seconds(second);
            for _ in 0..FAILURES {
                ejected += u32::from(health.failed(address(1), Standing::Up, now));
            }
            back += u32::from(health.succeeded(address(1), now));
        }
        assert_eq!((ejected, back), (3, 3));
        // An ejection that lasts is told by the first try that fails when it may be.
        let now = start + seconds(180) - seconds(1);
        let told = [(); 3].map(|()| health.failed(address(1), Standing::Up, now));
        assert_eq!(told, [false; 3]);
        assert!(health.failed(address(1), Standing::Tried, now + seconds(1)));
    }

    #[test]
    fn what_nobody_asks_for_any_more_is_forgotten() {
        let now = Instant::now();
        let mut health = ejected(now);
        health.note(address(2), now + MEMORY - seconds(1));
        assert_eq!(health.counts(now + MEMORY), HealthCounts { up: 1, ejected: 0, ejections: 1 });
    }

    #[test]
    fn only_so_many_addresses_are_remembered() {
        let start = Instant::now();
        let mut health = ejected(start);
        for number in 0..1_000_u32 {
            let address = (std::net::Ipv4Addr::from(number), 5223).into();
            health.note(address, start + seconds(u64::from(number)));
            assert!(health.addresses.len() <= MOST);
        }
        assert_eq!(health.counts(start + seconds(1_000)).up, MOST);
    }
}
