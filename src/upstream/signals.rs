//! What a gatekeeper is told of a client's connection, in the three forms in which it can be told. What may be told is
//! the metadata policy's to decide: it is a disclosure to the sink `gatekeeper`, and nothing else comes in here.
//!
//! The element says each field by its name in the catalogue, so that what a policy lets out is what is told. A header of
//! the PROXY protocol has a place for a whole address and its port only: an address that the policy cuts or replaces
//! by a pseudonym is left out there, and the header says that the address is not known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ppp::v1;
use ppp::v2::{Addresses, Builder, Command, Protocol, Type, Version};

use crate::crc32c::crc32c;
use crate::disclosure::{Disclosed, DisclosedValue, Field, Gatekeeper, Range, Timestamp, visible};
use crate::stanza::write_escaped;

/// The name of the element in its namespace.
const ELEMENT: &str = "signals";

/// How one gatekeeper is told of its clients' connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signals {
    pub carrier: SignalCarrier,
    /// Of the element. What a client itself says in it is taken out, whatever the carrier.
    pub namespace: Arc<str>,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignalCarrier {
    /// Nowhere.
    Off,
    /// In the client's request for a resource or a resumption: inside TLS.
    Element,
    /// In a header before TLS, which everybody on the way can read.
    ProxyV1,
    ProxyV2,
}

impl SignalCarrier {
    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Element => "element",
            Self::ProxyV1 => "proxy-v1",
            Self::ProxyV2 => "proxy-v2",
        }
    }

    /// Whether it is a header of the PROXY protocol.
    pub fn is_header(self) -> bool {
        matches!(self, Self::ProxyV1 | Self::ProxyV2)
    }
}

/// Where the client's address is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// It is the other end of the connection.
    Observed,
    /// A balancer that is trusted has said it.
    Balancer,
    /// It is not known.
    Absent,
}

impl Signals {
    /// The element as it stands on the wire; `None` if nothing is to be told that way. It declares its own default
    /// namespace, so that it means the same below any prefixes.
    pub fn element(
        &self,
        told: Option<&Disclosed<Gatekeeper>>,
        address_from: Provenance,
    ) -> Option<Box<[u8]>> {
        let told = told.filter(|_| self.carrier == SignalCarrier::Element)?;
        let mut out = format!("<{ELEMENT} xmlns='").into_bytes();
        write_escaped(&self.namespace, &mut out);
        out.extend_from_slice(b"'>");
        for (field, value) in told.fields() {
            let name = field.name();
            let source = source(*field, address_from);
            out.extend_from_slice(format!("<{name} source='{source}'>").as_bytes());
            write_escaped(&text(value), &mut out);
            out.extend_from_slice(format!("</{name}>").as_bytes());
        }
        out.extend_from_slice(format!("</{ELEMENT}>").as_bytes());
        Some(out.into_boxed_slice())
    }

    /// What is written to a connection to the gatekeeper before anything else; empty if there is no header.
    pub fn header(&self, told: Option<&Disclosed<Gatekeeper>>) -> Vec<u8> {
        let ends = told.and_then(client).map(|client| (client, unspecified(client.ip())));
        match self.carrier {
            SignalCarrier::Off | SignalCarrier::Element => Vec::new(),
            SignalCarrier::ProxyV1 => {
                ends.map_or(v1::Addresses::Unknown, v1::Addresses::from).to_string().into_bytes()
            }
            SignalCarrier::ProxyV2 => v2_header(ends),
        }
    }
}

/// The client's address, if the policy lets out the whole of it. A port that it does not let out is 0.
fn client(told: &Disclosed<Gatekeeper>) -> Option<SocketAddr> {
    let value = |wanted| told.fields().iter().find(|(field, _)| *field == wanted).map(|(_, value)| value);
    let Some(DisclosedValue::Address(address)) = value(Field::ClientAddress) else { return None };
    let port = match value(Field::ClientPort) {
        Some(DisclosedValue::Number(port)) => u16::try_from(*port).unwrap_or_default(),
        _ => 0,
    };
    Some(SocketAddr::new(*address, port))
}

/// What stands in the place of the address that the client connected to. It is Vestibule's or its balancer's, in the
/// provider's network, and tells nothing of the client.
fn unspecified(client: IpAddr) -> SocketAddr {
    let address = match client {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(address, 0)
}

/// Version 2 with its checksum. Without addresses it is of no address family: LOCAL would say that the connection is
/// Vestibule's own, and that no client stands behind it.
fn v2_header(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let blank = [0; 4];
    let (protocol, addresses) = match ends {
        Some(ends) => (Protocol::Stream, Addresses::from(ends)),
        None => (Protocol::Unspecified, Addresses::Unspecified),
    };
    let built = Builder::with_addresses(Version::Two | Command::Proxy, protocol, addresses)
        .write_tlv(Type::CRC32C, &blank)
        .and_then(Builder::build);
    // Writing to memory does not fail, and so few bytes are never too many.
    let mut header = built.unwrap_or_default();
    let checksum = crc32c(&header).to_be_bytes();
    // It is the last thing in the header (section 2.2.3 of the specification).
    if let Some(place) = header.last_chunk_mut() {
        *place = checksum;
    }
    header
}

fn source(field: Field, address_from: Provenance) -> &'static str {
    match (field, address_from) {
        (Field::ClientAddress | Field::ClientPort, Provenance::Balancer) => "balancer",
        _ => "observed",
    }
}

/// A value as it stands in the element: as in the logs, but for JSON's quotation marks.
fn text(value: &DisclosedValue) -> String {
    match value {
        DisclosedValue::Moment(moment) => Timestamp(*moment).to_string(),
        DisclosedValue::Span(span) => format!("{}.{:03}", span.as_secs(), span.subsec_millis()),
        DisclosedValue::Address(address) => address.to_string(),
        DisclosedValue::Prefix(address, length) => format!("{address}/{length}"),
        DisclosedValue::Number(number) => number.to_string(),
        // What XML cannot hold must not get that far.
        DisclosedValue::Text(text) => visible(text).to_string(),
        DisclosedValue::Token(token) => (*token).to_owned(),
        DisclosedValue::Pseudonym(pseudonym) => {
            format!("{:032x}", u128::from_be_bytes(*pseudonym.as_bytes()))
        }
        DisclosedValue::NumberRange(from, to) => Range(*from, *to).to_string(),
        DisclosedValue::SpanRange(from, to) => {
            Range(from.as_secs_f64(), to.map(|to| to.as_secs_f64())).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use zeroize::Zeroizing;

    use super::*;
    use crate::disclosure::document::MetadataDocument;
    use crate::disclosure::{Event, PseudonymKeys, Value};
    use crate::policy;

    /// What a policy with one rule lets out of a connection from `client`.
    fn told(fields: &str, client: &str) -> Option<Disclosed<Gatekeeper>> {
        let text = format!(
            "rules:\n  - sink: gatekeeper\n    events: [connection]\n    purpose: tests\n    basis: tests\n    \
             retention: 1d\n    fields: {{ {fields} }}\n"
        );
        let policy = policy::load::<MetadataDocument>(&text).unwrap().value.policy;
        let client: SocketAddr = client.parse().unwrap();
        let mut observation = policy.interest(UNIX_EPOCH).observe(Event::Connection, UNIX_EPOCH).unwrap();
        observation.record(Value::ClientAddress(client.ip()));
        observation.record(Value::ClientPort(client.port()));
        observation.record(Value::Sni("a<b>&'\u{1}.example"));
        policy.disclose::<Gatekeeper>(&observation, &PseudonymKeys::new(Zeroizing::new([7_u8; 32])))
    }

    fn signals(carrier: SignalCarrier) -> Signals {
        Signals { carrier, namespace: "urn:example:s".into() }
    }

    fn header(carrier: SignalCarrier, fields: &str, client: &str) -> Vec<u8> {
        signals(carrier).header(told(fields, client).as_ref())
    }

    const WHOLE: &str = "client-address: keep, client-port: keep";
    const CUT: &str = "client-address: { truncate: { v4: 24, v6: 48 } }, client-port: keep";

    #[test]
    fn the_element_says_what_the_policy_lets_out_and_where_it_is_from() {
        let element = |fields, from| {
            let told = told(fields, "192.0.2.7:5000");
            signals(SignalCarrier::Element).element(told.as_ref(), from).unwrap()
        };
        assert_eq!(
            *element(WHOLE, Provenance::Balancer),
            *b"<signals xmlns='urn:example:s'><client-address source='balancer'>192.0.2.7</client-address>\
               <client-port source='balancer'>5000</client-port></signals>"
        );
        assert_eq!(
            *element("client-address: { truncate: { v4: 24, v6: 48 } }", Provenance::Observed),
            *b"<signals xmlns='urn:example:s'><client-address source='observed'>192.0.2.0/24</client-address>\
               </signals>"
        );
    }

    #[test]
    fn what_a_client_chose_does_not_become_markup() {
        let told = told("sni: keep", "192.0.2.7:5000");
        let element = signals(SignalCarrier::Element).element(told.as_ref(), Provenance::Balancer).unwrap();
        let text = String::from_utf8(element.into_vec()).unwrap();
        assert!(text.contains("<sni source='observed'>a&lt;b&gt;&amp;"), "{text}");
        assert!(!text.contains('\u{1}'));
    }

    #[test]
    fn only_the_carrier_that_is_chosen_tells_anything() {
        let told = told(WHOLE, "192.0.2.7:5000");
        let element = |carrier| signals(carrier).element(told.as_ref(), Provenance::Observed);
        for carrier in [SignalCarrier::Off, SignalCarrier::ProxyV1, SignalCarrier::ProxyV2] {
            assert_eq!(element(carrier), None);
        }
        assert_eq!(signals(SignalCarrier::Element).element(None, Provenance::Observed), None);
        for carrier in [SignalCarrier::Off, SignalCarrier::Element] {
            assert_eq!(signals(carrier).header(told.as_ref()), b"");
        }
    }

    #[test]
    fn version_1_says_the_whole_address_or_that_it_is_not_known() {
        let line =
            |fields, client| String::from_utf8(header(SignalCarrier::ProxyV1, fields, client)).unwrap();
        assert_eq!(line(WHOLE, "192.0.2.7:5000"), "PROXY TCP4 192.0.2.7 0.0.0.0 5000 0\r\n");
        assert_eq!(line(WHOLE, "[2001:db8::7]:5000"), "PROXY TCP6 2001:db8::7 :: 5000 0\r\n");
        // A listener of IPv6 sees clients of IPv4 by such addresses.
        assert_eq!(line(WHOLE, "[::ffff:192.0.2.7]:5000"), "PROXY TCP4 192.0.2.7 0.0.0.0 5000 0\r\n");
        assert_eq!(line("client-address: keep", "192.0.2.7:5000"), "PROXY TCP4 192.0.2.7 0.0.0.0 0 0\r\n");
        for fields in [CUT, "client-address: pseudonym", "client-port: keep"] {
            assert_eq!(line(fields, "192.0.2.7:5000"), "PROXY UNKNOWN\r\n", "{fields}");
        }
        assert_eq!(signals(SignalCarrier::ProxyV1).header(None), b"PROXY UNKNOWN\r\n");
    }

    #[test]
    fn version_2_is_of_tcp_with_its_checksum_or_of_no_family() {
        let read = header(SignalCarrier::ProxyV2, WHOLE, "[2001:db8::7]:5000");
        let parsed = ppp::v2::Header::try_from(read.as_slice()).unwrap();
        let [source, destination] =
            ["[2001:db8::7]:5000", "[::]:0"].map(|end| end.parse::<SocketAddr>().unwrap());
        assert_eq!(parsed.addresses, Addresses::from((source, destination)));
        assert_eq!(parsed.protocol, Protocol::Stream);
        let mut blank = read.clone();
        let end = blank.len() - 4;
        blank[end..].fill(0);
        assert_eq!(read[end..], crc32c(&blank).to_be_bytes());
        for unknown in [
            header(SignalCarrier::ProxyV2, CUT, "192.0.2.7:5000"),
            signals(SignalCarrier::ProxyV2).header(None),
        ] {
            assert_eq!(unknown[12..16], [0x21, 0x00, 0, 7]);
        }
    }
}
