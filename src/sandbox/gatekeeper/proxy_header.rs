//! The PROXY protocol header that the gatekeeper got, as it shows it.

use std::net::SocketAddr;

use serde::Serialize;

use crate::downstream::proxy_header as read;

/// What a proxy says of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProxyHeader {
    /// Of the protocol: 1 or 2.
    pub version: u8,
    /// `None` if the proxy speaks for itself (LOCAL) or does not know.
    pub addresses: Option<ProxiedAddresses>,
    /// Only in version 2, in their order.
    pub tlvs: Vec<Tlv>,
}

/// The two ends of the connection that the proxy accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProxiedAddresses {
    pub source: SocketAddr,
    pub destination: SocketAddr,
}

/// One more thing that is said of the connection (section 2.2.2 of the specification).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tlv {
    #[serde(rename = "type")]
    pub kind: u8,
    #[serde(flatten)]
    pub value: TlvValue,
}

/// A value as a reader can take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TlvValue {
    /// Printable ASCII.
    Text(String),
    /// Anything else, two digits a byte.
    Hex(String),
}

impl From<read::ProxyHeader> for ProxyHeader {
    fn from(header: read::ProxyHeader) -> Self {
        let addresses = header
            .addresses
            .map(|ends| ProxiedAddresses { source: ends.source, destination: ends.destination });
        Self { version: header.version, addresses, tlvs: header.tlvs.into_iter().map(Tlv::from).collect() }
    }
}

impl From<read::Tlv> for Tlv {
    fn from(read::Tlv { kind, value }: read::Tlv) -> Self {
        let is_printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        let value = if value.iter().all(is_printable) {
            TlvValue::Text(value.into_iter().map(char::from).collect())
        } else {
            TlvValue::Hex(value.iter().map(|byte| format!("{byte:02x}")).collect())
        };
        Self { kind, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_shown_as_text_and_the_rest_as_digits() {
        let tlv = |value: &[u8]| Tlv::from(read::Tlv { kind: 0xE0, value: value.to_vec() });
        let shown = |value| serde_json::to_value(tlv(value)).unwrap();
        assert_eq!(shown(b"xmpp-client"), serde_json::json!({"type": 0xE0, "text": "xmpp-client"}));
        assert_eq!(shown(b"\x01\xFF"), serde_json::json!({"type": 0xE0, "hex": "01ff"}));
    }
}
