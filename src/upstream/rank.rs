//! In which order a client's connection tries the endpoints: pure, and the same on every replica and in every release.
//!
//! Endpoints of a lower priority number come first (RFC 2782). Within a priority, each endpoint draws a number from a
//! hash of the client's address and its own name, and the highest one wins (weighted rendezvous hashing): a client that
//! comes again, to this process or to another, reaches the endpoint that has its session; when an endpoint goes, only
//! its own clients move; and each gets clients in proportion to its weight.

use std::cmp::Ordering;
use std::net::IpAddr;

use aws_lc_rs::digest::{Context, SHA256};

/// Names this use of the hash and its version: a change of what is hashed is a change of this.
const LABEL: &[u8] = b"vestibule endpoint 1";

/// What a weight of zero counts beside others: "a very small chance of being selected" (RFC 2782).
const ALMOST_NOTHING: f64 = 0.001;

/// Where an endpoint stands among the others, as an SRV record says it (RFC 2782).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub priority: u16,
    pub weight: u16,
}

impl Place {
    /// That of endpoints which are all alike.
    pub const EQUAL: Place = Place { priority: 0, weight: 1 };
}

/// Sorts `candidates` for a client: the one to try first stands first. `describe` gives a candidate's place and a name
/// that no other one has.
pub fn rank<T>(client: IpAddr, candidates: &mut [T], describe: impl Fn(&T) -> (Place, String)) {
    candidates.sort_by_cached_key(|candidate| {
        let (place, name) = describe(candidate);
        Rank { priority: place.priority, score: score(client, place.weight, &name), name }
    });
}

/// Less is earlier.
struct Rank {
    priority: u16,
    score: f64,
    name: String,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        let priority = self.priority.cmp(&other.priority);
        let score = other.score.total_cmp(&self.score);
        priority.then(score).then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Rank {}

/// The chance that this is the highest score of several is in proportion to the weight.
fn score(client: IpAddr, weight: u16, name: &str) -> f64 {
    let weight = if weight == 0 { ALMOST_NOTHING } else { f64::from(weight) };
    weight / -draw(client, name).ln()
}

/// A number between 0 and 1, without either.
fn draw(client: IpAddr, name: &str) -> f64 {
    let mut context = Context::new(&SHA256);
    context.update(LABEL);
    match client.to_canonical() {
        IpAddr::V4(address) => {
            context.update(&[4]);
            context.update(&address.octets());
        }
        // Whoever has one address has the whole /64, and changes within it.
        IpAddr::V6(address) => {
            context.update(&[6]);
            context.update(&((address.to_bits() >> 64) as u64).to_be_bytes());
        }
    }
    context.update(name.as_bytes());
    let digest = context.finish();
    let first = digest.as_ref().iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    // The 53 bits that a double holds.
    ((first >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn order(client: IpAddr, endpoints: &[(&str, u16, u16)]) -> Vec<String> {
        let mut endpoints = endpoints.to_vec();
        rank(client, &mut endpoints, |(name, priority, weight)| {
            (Place { priority: *priority, weight: *weight }, (*name).to_owned())
        });
        endpoints.into_iter().map(|(name, _, _)| name.to_owned()).collect()
    }

    fn clients() -> impl Iterator<Item = IpAddr> {
        (0..10_000_u32).map(|number| Ipv4Addr::from(0x0a00_0000 + number).into())
    }

    /// What a release before this one, and another replica, choose: found by another program, from the definition. If
    /// this changes, clients cannot resume over an update, and `LABEL` has to change, too.
    #[test]
    fn the_choice_is_the_same_in_every_release() {
        for (client, expected) in [
            ("192.0.2.1", "cab"),
            ("192.0.2.2", "cab"),
            ("192.0.2.3", "bac"),
            ("192.0.2.4", "cab"),
            ("2001:db8::1", "acb"),
            ("2001:db8:0:1::1", "cab"),
        ] {
            let endpoints = [("a:5223", 0, 1), ("b:5223", 0, 1), ("c:5223", 0, 1)];
            let chosen = order(client.parse().unwrap(), &endpoints).concat();
            assert_eq!(chosen.replace(":5223", ""), expected, "{client}");
        }
    }

    #[test]
    fn the_order_in_which_endpoints_are_named_does_not_matter() {
        for client in clients().take(100) {
            let one = order(client, &[("a", 0, 1), ("b", 0, 3), ("c", 1, 1)]);
            let other = order(client, &[("c", 1, 1), ("b", 0, 3), ("a", 0, 1)]);
            assert_eq!(one, other);
        }
    }

    #[test]
    fn a_network_of_version_6_is_one_client_and_a_mapped_address_is_the_one_of_version_4() {
        let endpoints = [("a", 0, 1), ("b", 0, 1), ("c", 0, 1), ("d", 0, 1)];
        let of = |client: &str| order(client.parse().unwrap(), &endpoints);
        for network in 0..50 {
            let one = of(&format!("2001:db8:0:{network:x}::1"));
            assert_eq!(one, of(&format!("2001:db8:0:{network:x}:ffff:1:2:3")));
            assert_eq!(of(&format!("::ffff:192.0.2.{network}")), of(&format!("192.0.2.{network}")));
        }
        let alike = Ipv6Addr::from(0x0a00_0001_u128 << 96);
        assert!((0..50).any(|network| {
            let other = Ipv6Addr::from((0x0a00_0001_u128 << 96) + (network << 64));
            order(alike.into(), &endpoints) != order(other.into(), &endpoints)
        }));
    }

    #[test]
    fn a_lower_priority_number_comes_first_whatever_the_weights_are() {
        for client in clients().take(100) {
            let order = order(client, &[("spare", 20, 65_535), ("first", 10, 0), ("second", 10, 0)]);
            assert_eq!(order[2], "spare");
        }
    }

    #[test]
    fn clients_come_in_proportion_to_the_weights() {
        let endpoints = [("large", 0, 60), ("small", 0, 20), ("smaller", 0, 20), ("none", 0, 0)];
        let mut large = 0;
        let mut none = 0;
        for client in clients() {
            match order(client, &endpoints)[0].as_str() {
                "large" => large += 1,
                "none" => none += 1,
                _ => {}
            }
        }
        assert!((5_800..=6_200).contains(&large), "{large} of 10,000 for a weight of 60 %");
        assert!(none <= 5, "{none} for a weight of zero");
    }

    #[test]
    fn when_an_endpoint_goes_only_its_own_clients_move() {
        for client in clients().take(1_000) {
            let before = order(client, &[("a", 0, 1), ("b", 0, 1), ("c", 0, 1)]);
            let after = order(client, &[("a", 0, 1), ("b", 0, 1)]);
            let left: Vec<_> = before.into_iter().filter(|name| name != "c").collect();
            assert_eq!(left, after);
        }
    }
}
