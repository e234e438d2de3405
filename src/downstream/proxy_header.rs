//! The PROXY protocol header (versions 1 and 2) in which a proxy says whose connection it passes on.
//!
//! It stands before TLS. Exactly its own bytes are read, as those that follow are another's.

use std::fmt;
use std::net::SocketAddr;

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::crc32c::crc32c;

/// What version 1 starts with.
const V1_PREFIX: &[u8] = b"PROXY ";
/// Bytes that a header of version 1 may have, its line end included (section 2.1 of the specification).
const V1_LONGEST: usize = 107;
/// The signature, which is shorter than every header of either version.
const SIGNATURE: usize = v2::PROTOCOL_PREFIX.len();
/// Bytes of version 2 up to and with the length of what follows.
const V2_FIXED: usize = 16;
/// Version 2 and LOCAL, in one byte.
const V2_LOCAL: u8 = 0x20;
/// Bytes that may follow the fixed part of version 2: addresses, and the TLVs of a raw SYN and a certificate's name.
const V2_LONGEST: usize = 4096;

/// Bytes of a TLV before its value.
const TLV_FIXED: usize = 3;
/// The type of the TLV that is the header's checksum.
const CRC32C: u8 = 0x03;

/// What a proxy says of a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Of the protocol: 1 or 2.
    pub version: u8,
    /// Whether the connection is the proxy's own (LOCAL), with no client behind it.
    pub local: bool,
    /// `None` if the proxy speaks for itself (LOCAL) or does not know.
    pub addresses: Option<ProxiedAddresses>,
    /// Only in version 2 and with an address family, in their order.
    pub tlvs: Vec<Tlv>,
}

/// The two ends of the connection that the proxy accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxiedAddresses {
    pub source: SocketAddr,
    pub destination: SocketAddr,
}

/// One more thing that is said of the connection (section 2.2.2 of the specification).
#[derive(Clone, PartialEq, Eq)]
pub struct Tlv {
    pub kind: u8,
    pub value: Vec<u8>,
}

/// Why a connection has no header that can be taken. It never holds what the peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyHeaderError {
    #[error("the connection ended before its PROXY header did")]
    Cut,
    #[error("the connection does not start with a PROXY header")]
    Missing,
    #[error("the PROXY header is longer than it may be")]
    TooLong,
    #[error("the PROXY header does not follow its specification, or is not of TCP")]
    Malformed,
    #[error("the PROXY header's checksum is wrong")]
    Damaged,
}

impl ProxyHeader {
    /// Reads the header and nothing beyond it. The caller bounds the time.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, ProxyHeaderError> {
        let mut header = vec![0; SIGNATURE];
        read_exact(stream, &mut header).await?;
        if header == v2::PROTOCOL_PREFIX {
            Self::read_v2(stream, header).await
        } else if header.starts_with(V1_PREFIX) {
            Self::read_v1(stream, header).await
        } else {
            Err(ProxyHeaderError::Missing)
        }
    }

    /// Byte by byte, as nothing but its end tells how long it is.
    async fn read_v1(
        stream: &mut (impl AsyncRead + Unpin),
        mut header: Vec<u8>,
    ) -> Result<Self, ProxyHeaderError> {
        while header.last() != Some(&b'\n') {
            if header.len() == V1_LONGEST {
                return Err(ProxyHeaderError::TooLong);
            }
            let mut byte = [0];
            read_exact(stream, &mut byte).await?;
            header.extend(byte);
        }
        let text = std::str::from_utf8(&header).map_err(|_| ProxyHeaderError::Malformed)?;
        let parsed = v1::Header::try_from(text).map_err(|_| ProxyHeaderError::Malformed)?;
        // The library stops at the first carriage return, and takes a sign before a port.
        if parsed.header.len() != header.len() || text.contains('+') {
            return Err(ProxyHeaderError::Malformed);
        }
        let addresses = match parsed.addresses {
            v1::Addresses::Unknown => None,
            v1::Addresses::Tcp4(v1::IPv4 {
                source_address,
                source_port,
                destination_address,
                destination_port,
            }) => Some(ProxiedAddresses {
                source: (source_address, source_port).into(),
                destination: (destination_address, destination_port).into(),
            }),
            v1::Addresses::Tcp6(v1::IPv6 {
                source_address,
                source_port,
                destination_address,
                destination_port,
            }) => Some(ProxiedAddresses {
                source: (source_address, source_port).into(),
                destination: (destination_address, destination_port).into(),
            }),
        };
        Ok(Self { version: 1, local: false, addresses, tlvs: Vec::new() })
    }

    /// The fixed part says how many bytes follow.
    async fn read_v2(
        stream: &mut (impl AsyncRead + Unpin),
        mut header: Vec<u8>,
    ) -> Result<Self, ProxyHeaderError> {
        let mut fixed = [0; V2_FIXED - SIGNATURE];
        read_exact(stream, &mut fixed).await?;
        let [command, _, length @ ..] = fixed;
        let length = usize::from(u16::from_be_bytes(length));
        if length > V2_LONGEST {
            return Err(ProxyHeaderError::TooLong);
        }
        let mut rest = vec![0; length];
        read_exact(stream, &mut rest).await?;
        // Whatever stands behind LOCAL is to be passed over, the family and the protocol included (section 2.2).
        if command == V2_LOCAL {
            return Ok(Self { version: 2, local: true, addresses: None, tlvs: Vec::new() });
        }
        header.extend(fixed);
        header.extend(rest);
        let parsed = v2::Header::try_from(header.as_slice()).map_err(|_| ProxyHeaderError::Malformed)?;
        let tlvs = parsed
            .tlvs()
            .map(|tlv| tlv.map(|tlv| Tlv { kind: tlv.kind, value: tlv.value.to_vec() }))
            .collect::<Result<_, _>>();
        let tlvs = tlvs.map_err(|_| ProxyHeaderError::Malformed)?;
        if !is_undamaged(&parsed, &header) {
            return Err(ProxyHeaderError::Damaged);
        }
        Ok(Self { version: 2, local: false, addresses: addresses_of(&parsed)?, tlvs })
    }
}

fn addresses_of(header: &v2::Header<'_>) -> Result<Option<ProxiedAddresses>, ProxyHeaderError> {
    if header.protocol == v2::Protocol::Datagram {
        return Err(ProxyHeaderError::Malformed);
    }
    Ok(match header.addresses {
        v2::Addresses::IPv4(ends) => Some(ProxiedAddresses {
            source: (ends.source_address, ends.source_port).into(),
            destination: (ends.destination_address, ends.destination_port).into(),
        }),
        v2::Addresses::IPv6(ends) => Some(ProxiedAddresses {
            source: (ends.source_address, ends.source_port).into(),
            destination: (ends.destination_address, ends.destination_port).into(),
        }),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
    })
}

/// Whether the checksum in the header, if there is one, is that of the header with zeros in its place (section 2.2.3). In a
/// header without an address family (UNSPEC) none is looked for, as nothing that it protects is used.
fn is_undamaged(parsed: &v2::Header<'_>, header: &[u8]) -> bool {
    let mut end = header.len() - parsed.tlv_bytes().len();
    let mut tlvs = parsed.tlvs().flatten().inspect(|tlv| end += TLV_FIXED + tlv.value.len());
    let Some(checksum) = tlvs.find(|tlv| tlv.kind == CRC32C) else { return true };
    let mut blank = header.to_vec();
    blank[end - checksum.value.len()..end].fill(0);
    checksum.value.as_ref() == crc32c(&blank).to_be_bytes()
}

/// Shows the version and how much there is, and nothing of what it says.
impl fmt::Debug for ProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyHeader(version {}, {} TLVs)", self.version, self.tlvs.len())
    }
}

/// Shows the type and the length of the value.
impl fmt::Debug for Tlv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tlv({:#04x}, {} bytes)", self.kind, self.value.len())
    }
}

async fn read_exact(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
) -> Result<(), ProxyHeaderError> {
    stream.read_exact(buffer).await.map(drop).map_err(|_| ProxyHeaderError::Cut)
}

#[cfg(test)]
mod tests {
    use ppp::v2::{Builder, Command, Protocol, Version};
    use tokio::io::AsyncWriteExt;

    use super::*;

    const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 5223\r\n";

    fn ends() -> (SocketAddr, SocketAddr) {
        ("[2001:db8::1]:5000".parse().unwrap(), "[2001:db8::2]:5223".parse().unwrap())
    }

    fn v2_header(command: Command, protocol: Protocol) -> Vec<u8> {
        Builder::with_addresses(Version::Two | command, protocol, ends())
            .write_tlv(0x01_u8, b"xmpp-client")
            .and_then(|builder| builder.write_tlv(0xE0_u8, b"\x01\xFF"))
            .and_then(Builder::build)
            .unwrap()
    }

    async fn read(mut bytes: &[u8]) -> Result<ProxyHeader, ProxyHeaderError> {
        ProxyHeader::read(&mut bytes).await
    }

    #[tokio::test]
    async fn nothing_beyond_the_header_is_read_however_it_is_split() {
        for header in [V1.to_vec(), v2_header(Command::Proxy, Protocol::Stream)] {
            let (mut near, mut far) = tokio::io::duplex(1);
            let writing = async {
                far.write_all(&header).await.unwrap();
                far.write_all(b"TLS").await.unwrap();
                drop(far);
            };
            let reading = async {
                assert!(ProxyHeader::read(&mut near).await.is_ok());
                let mut rest = Vec::new();
                near.read_to_end(&mut rest).await.unwrap();
                assert_eq!(rest, b"TLS");
            };
            tokio::join!(writing, reading);
        }
    }

    #[tokio::test]
    async fn version_1_says_both_addresses() {
        let header = read(V1).await.unwrap();
        let addresses = header.addresses.unwrap();
        assert_eq!(addresses.source, "192.0.2.1:5000".parse().unwrap());
        assert_eq!(addresses.destination, "198.51.100.2:5223".parse().unwrap());
        let unknown = read(b"PROXY UNKNOWN\r\n").await.unwrap();
        assert_eq!(unknown, ProxyHeader { version: 1, local: false, addresses: None, tlvs: Vec::new() });
    }

    #[tokio::test]
    async fn version_2_says_both_addresses_and_more() {
        let header = read(&v2_header(Command::Proxy, Protocol::Stream)).await.unwrap();
        let (source, destination) = ends();
        assert_eq!(header.addresses, Some(ProxiedAddresses { source, destination }));
        let tlvs = [
            Tlv { kind: 0x01, value: b"xmpp-client".to_vec() },
            Tlv { kind: 0xE0, value: b"\x01\xFF".to_vec() },
        ];
        assert_eq!(header.tlvs, tlvs);
        assert_eq!(
            format!("{header:?} {:?}", header.tlvs[1]),
            "ProxyHeader(version 2, 2 TLVs) Tlv(0xe0, 2 bytes)"
        );
    }

    #[tokio::test]
    async fn a_checksum_has_to_be_right() {
        let build = |checksum: u32| {
            Builder::with_addresses(Version::Two | Command::Proxy, Protocol::Stream, ends())
                .write_tlv(CRC32C, &checksum.to_be_bytes())
                .and_then(|builder| builder.write_tlv(0x01_u8, b"xmpp-client"))
                .and_then(Builder::build)
                .unwrap()
        };
        let right = build(crc32c(&build(0)));
        assert_eq!(read(&right).await.unwrap().tlvs.len(), 2);
        let mut wrong = right;
        *wrong.last_mut().unwrap() ^= 1;
        assert_eq!(read(&wrong).await, Err(ProxyHeaderError::Damaged));
    }

    #[tokio::test]
    async fn what_stands_in_a_header_without_an_address_family_is_read_over() {
        let builder = Builder::with_addresses(
            Version::Two | Command::Proxy,
            Protocol::Unspecified,
            v2::Addresses::Unspecified,
        );
        let wrong = builder.write_tlv(CRC32C, b"\0\0\0\0").and_then(Builder::build).unwrap();
        let header = read(&wrong).await.unwrap();
        assert_eq!(header, ProxyHeader { version: 2, local: false, addresses: None, tlvs: Vec::new() });
    }

    #[tokio::test]
    async fn a_proxy_that_speaks_for_itself_says_nothing() {
        let said = v2_header(Command::Local, Protocol::Stream);
        let (mut odd_family, mut odd_length) = (said.clone(), said.clone());
        odd_family[13] = 0xFF;
        odd_length[15] = 3;
        odd_length.truncate(V2_FIXED + 3);
        for header in [said, odd_family, odd_length] {
            let header = read(&header).await.unwrap();
            assert_eq!(header, ProxyHeader { version: 2, local: true, addresses: None, tlvs: Vec::new() });
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let mut version_3 = v2_header(Command::Proxy, Protocol::Stream);
        version_3[12] = 0x31;
        let mut cut_tlv = v2_header(Command::Proxy, Protocol::Stream);
        let length = cut_tlv.len() - 16 - 1;
        cut_tlv[15] = u8::try_from(length).unwrap();
        let malformed = [
            b"PROXY TCP4 192.0.2.1 198.51.100.2 5000\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.256 198.51.100.2 5000 5223\r\n".to_vec(),
            b"PROXY TCP6 192.0.2.1 198.51.100.2 5000 5223\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 65536\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 +5000 5223\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 +5223\r\n".to_vec(),
            b"PROXY UNKNOWN\n".to_vec(),
            b"PROXY UNKNOWN\r\r\n".to_vec(),
            b"PROXY \xFF\xFF\xFF\xFF\xFF\xFF\r\n".to_vec(),
            version_3,
            cut_tlv,
            v2_header(Command::Proxy, Protocol::Datagram),
        ];
        for header in malformed {
            let refused = read(&header).await;
            assert_eq!(refused, Err(ProxyHeaderError::Malformed), "{}", header.escape_ascii());
        }
        assert_eq!(
            read(b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\x00").await,
            Err(ProxyHeaderError::Missing)
        );
        assert_eq!(read(b"PROXY ").await, Err(ProxyHeaderError::Cut));
    }

    #[tokio::test]
    async fn a_header_that_is_too_long_is_not_waited_for() {
        let (mut near, mut far) = tokio::io::duplex(8192);
        far.write_all(&[V1_PREFIX, &[b'x'; V1_LONGEST]].concat()).await.unwrap();
        assert_eq!(ProxyHeader::read(&mut near).await, Err(ProxyHeaderError::TooLong));
        let (mut near, mut far) = tokio::io::duplex(8192);
        far.write_all(&[v2::PROTOCOL_PREFIX, b"\x21\x11\xFF\xFF"].concat()).await.unwrap();
        assert_eq!(ProxyHeader::read(&mut near).await, Err(ProxyHeaderError::TooLong));
    }
}
