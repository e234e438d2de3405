use super::*;

const SECRET: [u8; SECRET_LENGTH] = [7; SECRET_LENGTH];

fn limits(at_once: u32, burst: u32, failure_burst: u32) -> ConnectionLimits {
    let count = |value| NonZeroU32::new(value).expect("not zero");
    ConnectionLimits {
        at_once: count(at_once),
        per_second: count(1),
        burst: count(burst),
        failures_per_minute: count(60),
        failure_burst: count(failure_burst),
    }
}

fn addresses(hosts: &[ConnectionLimits], now: Instant) -> Arc<Addresses> {
    Arc::new(Addresses::new(hosts.iter().copied(), &SECRET, now))
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Connections from one address until one is refused, and why it is.
fn fill(addresses: &Arc<Addresses>, from: IpAddr, now: Instant) -> (Vec<AddressPermit>, AddressRefusal) {
    let mut permits = Vec::new();
    loop {
        match addresses.admit(from, now) {
            Ok(permit) => permits.push(permit),
            Err(refusal) => return (permits, refusal),
        }
    }
}

#[test]
fn an_address_has_so_many_connections_at_one_time_and_another_one_its_own() {
    let now = Instant::now();
    let addresses = addresses(&[limits(3, 100, 1)], now);
    let one = address("192.0.2.1");
    let (mut permits, refusal) = fill(&addresses, one, now);
    assert_eq!((permits.len(), refusal), (3, AddressRefusal::TooManyConnections));
    assert_eq!(fill(&addresses, address("192.0.2.2"), now).0.len(), 3);
    permits.pop();
    assert!(addresses.admit(one, now).is_ok());
}

#[test]
fn new_connections_come_at_their_rate_also_when_the_old_ones_are_gone() {
    let now = Instant::now();
    let addresses = addresses(&[limits(100, 5, 1)], now);
    let one = address("192.0.2.1");
    let (permits, refusal) = fill(&addresses, one, now);
    assert_eq!((permits.len(), refusal), (5, AddressRefusal::ConnectionRate));
    drop(permits);
    assert_eq!(addresses.admit(one, now).err(), Some(AddressRefusal::ConnectionRate));
    let later = now + Duration::from_secs(2);
    assert_eq!(fill(&addresses, one, later).0.len(), 2);
}

#[test]
fn what_is_refused_does_not_put_off_what_is_let_in() {
    let now = Instant::now();
    let addresses = addresses(&[limits(100, 1, 1)], now);
    let one = address("192.0.2.1");
    drop(addresses.admit(one, now));
    for millisecond in 1..1000 {
        assert!(addresses.admit(one, now + Duration::from_millis(millisecond)).is_err());
    }
    assert!(addresses.admit(one, now + Duration::from_secs(1)).is_ok());
}

#[test]
fn failed_authentications_end_the_session_at_hand_and_keep_new_ones_out() {
    let now = Instant::now();
    let host = limits(100, 100, 3);
    let addresses = addresses(&[host], now);
    let one = address("192.0.2.1");
    let permit = addresses.admit(one, now).expect("the first");
    for _ in 0..3 {
        assert_eq!(permit.fail_authentication(&host, now), Ok(()));
    }
    assert_eq!(permit.fail_authentication(&host, now), Err(AddressRefusal::FailedAuthentications));
    assert_eq!(addresses.admit(one, now).err(), Some(AddressRefusal::FailedAuthentications));
    assert!(addresses.admit(address("192.0.2.2"), now).is_ok());
    // They are paid at 60 a minute.
    assert!(addresses.admit(one, now + Duration::from_secs(1)).is_ok());
}

#[test]
fn failures_of_many_connections_keep_an_address_out_for_a_burst_at_most() {
    let now = Instant::now();
    let host = limits(100, 100, 3);
    let addresses = addresses(&[host], now);
    let one = address("192.0.2.1");
    let (permits, _) = fill(&addresses, one, now);
    for permit in permits.iter().chain(&permits) {
        let _ = permit.fail_authentication(&host, now);
    }
    drop(permits);
    let paid = now + Duration::from_secs(3);
    assert!(addresses.admit(one, paid - Duration::from_nanos(1)).is_err());
    assert!(addresses.admit(one, paid).is_ok());
}

#[test]
fn before_the_host_the_most_holds_and_then_the_hosts_own_against_the_same_counts() {
    let now = Instant::now();
    let (strict, loose) = (limits(2, 10, 1), limits(5, 3, 9));
    let addresses = addresses(&[strict, loose], now);
    let (permits, refusal) = fill(&addresses, address("192.0.2.1"), now);
    // Five at one time, ten in a burst.
    assert_eq!((permits.len(), refusal), (5, AddressRefusal::TooManyConnections));
    let verdicts = |host| permits.iter().map(|permit| permit.hold_to(host).err()).collect::<Vec<_>>();
    let (many, fast) = (Some(AddressRefusal::TooManyConnections), Some(AddressRefusal::ConnectionRate));
    assert_eq!(verdicts(&strict), [None, None, many, many, many]);
    assert_eq!(verdicts(&loose), [None, None, None, fast, fast]);
}

#[test]
fn a_hosts_own_number_of_failures_ends_its_sessions_only() {
    let now = Instant::now();
    let (strict, loose) = (limits(9, 9, 1), limits(9, 9, 5));
    let addresses = addresses(&[strict, loose], now);
    let permit = addresses.admit(address("192.0.2.1"), now).expect("the first");
    assert_eq!(permit.fail_authentication(&strict, now), Ok(()));
    assert_eq!(permit.fail_authentication(&loose, now), Ok(()));
    assert!(permit.fail_authentication(&strict, now).is_err());
    let next = addresses.admit(address("192.0.2.1"), now).expect("the most has room");
    assert_eq!(next.hold_to(&strict), Err(AddressRefusal::FailedAuthentications));
    assert_eq!(next.hold_to(&loose), Ok(()));
}

#[test]
fn an_ipv6_network_is_one_address_and_a_mapped_one_is_that_of_ipv4() {
    let same = |one: &str, other: &str| network(address(one)) == network(address(other));
    assert!(same("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"));
    assert!(!same("2001:db8:0:1::1", "2001:db8:0:2::1"));
    assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
    assert!(!same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
    assert!(!same("192.0.2.1", "192.0.2.2"));
}

#[test]
fn many_addresses_that_come_and_go_are_not_all_remembered() {
    let now = Instant::now();
    let addresses = addresses(&[ConnectionLimits::default()], now);
    for number in 0..2 * MOST_IDLE as u32 {
        drop(addresses.admit(std::net::Ipv4Addr::from_bits(number).into(), now));
    }
    assert_eq!(addresses.counts.store().len(), MOST_IDLE);
    // And once they are as good as new, they go by themselves.
    let later = now + Duration::from_secs(3600);
    for number in 0..MOST_IDLE as u32 {
        drop(addresses.admit(std::net::Ipv4Addr::from_bits(number % 8).into(), later));
    }
    assert!(addresses.counts.store().len() <= 8, "{}", addresses.counts.store().len());
}

#[test]
fn under_other_limits_what_is_used_stays_used_and_the_maxima_are_the_new_ones() {
    let now = Instant::now();
    let one = address("192.0.2.1");
    let before = addresses(&[limits(4, 10, 3)], now);
    let (permits, _) = fill(&before, one, now);
    let more = before.held_to([limits(6, 20, 3)]);
    assert!(more.admit(one, now).is_ok(), "a fifth of six");
    let fewer = before.held_to([limits(3, 10, 3)]);
    assert_eq!(fewer.admit(one, now).err(), Some(AddressRefusal::TooManyConnections));
    drop(permits);
    // Five of the rate were used, and one by each who was refused by no rate.
    let slower = Arc::new(before.held_to([limits(100, 7, 3)]));
    let (permits, refusal) = fill(&slower, one, now);
    assert_eq!((permits.len(), refusal), (2, AddressRefusal::ConnectionRate));
    assert_eq!(fill(&slower, address("192.0.2.2"), now).0.len(), 7);
}

#[test]
fn an_address_that_is_kept_out_for_its_failures_is_kept_out_under_other_limits_too() {
    let now = Instant::now();
    let one = address("192.0.2.1");
    let host = limits(9, 9, 3);
    let before = addresses(&[host], now);
    let permit = before.admit(one, now).expect("the first");
    while permit.fail_authentication(&host, now).is_ok() {}
    let after = before.held_to([limits(10, 10, 2)]);
    assert_eq!(after.admit(one, now).err(), Some(AddressRefusal::FailedAuthentications));
    assert!(after.admit(one, now + Duration::from_secs(4)).is_ok());
}

#[test]
fn a_connection_goes_on_with_the_limits_that_it_began_with() {
    let now = Instant::now();
    let one = address("192.0.2.1");
    let (host, other) = (limits(9, 9, 3), limits(9, 9, 1));
    let before = addresses(&[host], now);
    let permit = before.admit(one, now).expect("the first");
    let _later = before.held_to([other]).admit(one, now).expect("the second");
    assert_eq!(permit.hold_to(&host), Ok(()));
    for _ in 0..3 {
        assert_eq!(permit.fail_authentication(&host, now), Ok(()));
    }
    assert!(permit.fail_authentication(&host, now).is_err());
}

#[test]
fn what_fails_on_a_connection_counts_under_limits_that_came_after_it() {
    let now = Instant::now();
    let one = address("192.0.2.1");
    let host = limits(9, 9, 3);
    let before = addresses(&[host], now);
    let permit = before.admit(one, now).expect("the first");
    let after = before.held_to([limits(9, 9, 2)]);
    let _later = after.admit(one, now).expect("the second");
    for _ in 0..3 {
        assert_eq!(permit.fail_authentication(&host, now), Ok(()));
    }
    assert_eq!(after.admit(one, now).err(), Some(AddressRefusal::FailedAuthentications));
}
