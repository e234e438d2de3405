//! Which addresses may be connected to: public ones, and what the configuration names.
//!
//! A name that leads to an address of the gatekeeper's own network would make of the media proxy a way into it. So
//! whatever is not public is refused, by the registries of special addresses (RFC 6890, RFC 8190), and with it each form
//! in which an IPv6 address holds one of IPv4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

pub struct Addresses {
    /// Named ones that are not public.
    networks: Vec<IpNet>,
}

impl Addresses {
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self { networks }
    }

    pub fn allow(&self, address: IpAddr) -> bool {
        let is_public = match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        };
        is_public || self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Whether an address is in a network that is written as its first address and the length of its prefix.
fn is_in_v4(address: Ipv4Addr, (first, length): ([u8; 4], u32)) -> bool {
    let shift = 32 - length;
    address.to_bits() >> shift == u32::from_be_bytes(first) >> shift
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    const SPECIAL: [([u8; 4], u32); 16] = [
        ([0, 0, 0, 0], 8),       // this network
        ([10, 0, 0, 0], 8),      // private
        ([100, 64, 0, 0], 10),   // shared, behind a carrier's NAT
        ([127, 0, 0, 0], 8),     // loopback
        ([169, 254, 0, 0], 16),  // link-local, and the metadata services of clouds
        ([172, 16, 0, 0], 12),   // private
        ([192, 0, 0, 0], 24),    // protocol assignments
        ([192, 0, 2, 0], 24),    // documentation
        ([192, 31, 196, 0], 24), // AS112
        ([192, 52, 193, 0], 24), // AMT
        ([192, 88, 99, 0], 24),  // 6to4 relays
        ([192, 168, 0, 0], 16),  // private
        ([198, 18, 0, 0], 15),   // benchmarks
        ([198, 51, 100, 0], 24), // documentation
        ([203, 0, 113, 0], 24),  // documentation
        ([224, 0, 0, 0], 3),     // multicast, reserved, broadcast
    ];
    !SPECIAL.into_iter().any(|network| is_in_v4(address, network))
}

/// Only what is given out as global unicast, less what of it is special: that leaves out IPv4-mapped addresses, NAT64
/// (RFC 6052, RFC 8215), unique local, link-local and multicast ones, which all are elsewhere.
fn is_public_v6(address: Ipv6Addr) -> bool {
    const GLOBAL: (u128, u32) = (0x2000 << 112, 3);
    const SPECIAL: [(u128, u32); 5] = [
        (0x2001 << 112, 23),               // protocol assignments: Teredo, ORCHID, benchmarks
        (0x2001_0db8 << 96, 32),           // documentation
        (0x2002 << 112, 16),               // 6to4, which holds an address of IPv4
        (0x2620_004f_8000_0000 << 64, 48), // AS112
        (0x3fff << 112, 20),               // documentation
    ];
    let is_in = |(first, length): (u128, u32)| address.to_bits() >> (128 - length) == first >> (128 - length);
    is_in(GLOBAL) && !SPECIAL.into_iter().any(is_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(networks: &[&str], address: &str) -> bool {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        Addresses::new(networks).allow(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_allowed() {
        for public in
            ["1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "223.255.255.255"]
        {
            assert!(allowed(&[], public), "{public}");
        }
        for public in ["2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "2620:4f::1"] {
            assert!(allowed(&[], public), "{public}");
        }
    }

    #[test]
    fn addresses_of_any_other_kind_are_refused() {
        let v4 = ["0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254"];
        let more = ["172.31.255.255", "192.0.0.8", "192.88.99.1", "192.168.0.1", "198.19.0.1", "203.0.113.9"];
        let last = ["192.0.2.1", "198.51.100.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"];
        let v6 = ["::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "100::1", "5f00::1"];
        let mapped = ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1"];
        let nested = ["2002:7f00:1::1", "2001::1", "2001:db8::1", "2001:20::1", "3fff::1", "2620:4f:8000::1"];
        for special in [&v4[..], &more, &last, &v6, &mapped, &nested].concat() {
            assert!(!allowed(&[], special), "{special}");
        }
    }

    #[test]
    fn a_named_network_is_allowed_and_nothing_beside_it() {
        let networks = ["127.0.0.0/8", "fd00::/8"];
        assert!(allowed(&networks, "127.0.0.1") && allowed(&networks, "fd00::1"));
        for other in ["10.0.0.1", "::1", "::ffff:127.0.0.1", "fc00::1", "64:ff9b::7f00:1"] {
            assert!(!allowed(&networks, other), "{other}");
        }
    }
}
