//! Values that every kind of file writes the same way: sizes, periods, moments, domain names
//! and addresses. Each type is described in the schema by a `format` that the check reads by the same function.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A number of bytes: `262144`, `256 KiB`, `2 MiB`, `1 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

/// A length of time: `500ms`, `10s`, `15min`, `2h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

/// A point in time with its offset from UTC (RFC 3339): `2026-12-01T12:00:00Z`, `2026-12-01T13:00:00+01:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(SystemTime);

/// A domain name of ASCII letters, digits and hyphens (RFC 1123, 2.1), in lower case. An internationalised name is
/// written in its A-label form (`xn--…`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostName(String);

/// A numeric IP address: `192.0.2.1`, `2001:db8::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpAddress(pub IpAddr);

/// A numeric IP address with a port: `0.0.0.0:5223`, `[::]:5223`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketAddress(pub SocketAddr);

/// Addresses that begin alike, or a single one: `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub IpNet);

/// Where a server is reached: `chat.example:5223`, `192.0.2.1:5223`, `[2001:db8::1]:5223`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// A domain name in lower case, or an IP address (an IPv6 address without its brackets).
    pub host: String,
    pub port: u16,
}

/// Why a text is not of the format: the message says what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected} should stand here")]
pub struct FormatError {
    pub expected: &'static str,
}

impl ByteSize {
    const FORMAT: Format = Format {
        name: "byte-size",
        expected: "a size such as `262144`, `256 KiB` or `2 MiB`",
        accepts: |text| Self::parse(text).is_ok(),
    };
    const UNITS: [(&'static str, u64); 4] = [("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Reads a whole number with an optional unit.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        amount(text, &Self::UNITS).map(Self).ok_or(Self::FORMAT.error())
    }

    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl Period {
    const FORMAT: Format = Format {
        name: "period",
        expected: "a length of time such as `500ms`, `10s`, `15min`, `2h` or `7d`",
        accepts: |text| Self::parse(text).is_ok(),
    };
    /// In milliseconds.
    const UNITS: [(&'static str, u64); 5] =
        [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// Reads a whole number with its unit.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let milliseconds = amount(text, &Self::UNITS).ok_or(Self::FORMAT.error())?;
        Ok(Self(Duration::from_millis(milliseconds)))
    }

    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl Moment {
    const FORMAT: Format = Format {
        name: "date-time",
        expected: "a time with its offset from UTC, such as `2026-12-01T12:00:00Z`,",
        accepts: |text| Self::parse(text).is_ok(),
    };

    /// In UTC: before, a clock was not set; what comes after, RFC 3339 cannot write.
    const YEARS: RangeInclusive<i32> = 1970..=9999;

    /// `time` must be in the years 1970 to 9999.
    pub const fn new(time: SystemTime) -> Self {
        Self(time)
    }

    /// Reads a date and a time of day with its offset, in the years 1970 to 9999.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok();
        let moment = moment.and_then(|moment| moment.checked_to_offset(UtcOffset::UTC));
        let moment =
            moment.filter(|moment| Self::YEARS.contains(&moment.year())).ok_or(Self::FORMAT.error())?;
        Ok(Self(moment.into()))
    }

    pub const fn time(self) -> SystemTime {
        self.0
    }
}

impl fmt::Display for Moment {
    /// In UTC.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from(self.0).format(&Rfc3339).map_err(|_| fmt::Error)?;
        formatter.write_str(&text)
    }
}

impl HostName {
    const FORMAT: Format = Format {
        name: "host-name",
        expected: "a domain name such as `chat.example`",
        accepts: |text| Self::parse(text).is_ok(),
    };

    /// Reads a name; upper case becomes lower case.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        // An IPv4 address has the letters of a name, but its last label is a number.
        let is_address = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if text.len() <= 253 && !is_address && text.split('.').all(is_label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(Self::FORMAT.error())
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl IpAddress {
    const FORMAT: Format = Format {
        name: "ip-address",
        expected: "a numeric address, such as `192.0.2.1` or `2001:db8::1`,",
        accepts: |text| Self::parse(text).is_ok(),
    };

    pub fn parse(text: &str) -> Result<Self, FormatError> {
        text.parse().map(Self).map_err(|_| Self::FORMAT.error())
    }
}

impl SocketAddress {
    const FORMAT: Format = Format {
        name: "socket-address",
        expected: "a numeric address with a port, such as `0.0.0.0:5223` or `[::]:5223`,",
        accepts: |text| Self::parse(text).is_ok(),
    };

    pub fn parse(text: &str) -> Result<Self, FormatError> {
        text.parse().map(Self).map_err(|_| Self::FORMAT.error())
    }
}

impl Network {
    const FORMAT: Format = Format {
        name: "network",
        expected: "a network or an address, such as `192.0.2.0/24`, `2001:db8::/32` or `192.0.2.1`,",
        accepts: |text| Self::parse(text).is_ok(),
    };

    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| single()).map(Self).map_err(|_| Self::FORMAT.error())
    }
}

impl ServerAddress {
    const FORMAT: Format = Format {
        name: "server-address",
        expected: "a host and a port, such as `chat.example:5223` or `[2001:db8::1]:5223`,",
        accepts: |text| Self::parse(text).is_ok(),
    };

    pub fn parse(text: &str) -> Result<Self, FormatError> {
        Self::split(text).ok_or(Self::FORMAT.error())
    }

    fn split(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(bracketed) => bracketed.parse::<Ipv6Addr>().ok()?.to_string(),
            None => match host.parse::<Ipv4Addr>() {
                Ok(address) => address.to_string(),
                Err(_) => HostName::parse(host).ok()?.0,
            },
        };
        Some(Self { host, port })
    }
}

/// What the schema's `format` means to the check.
pub(super) struct Format {
    pub name: &'static str,
    pub expected: &'static str,
    pub accepts: fn(&str) -> bool,
}

/// All formats that the check knows.
pub(super) const FORMATS: [Format; 8] = [
    ByteSize::FORMAT,
    Period::FORMAT,
    Moment::FORMAT,
    HostName::FORMAT,
    IpAddress::FORMAT,
    SocketAddress::FORMAT,
    ServerAddress::FORMAT,
    Network::FORMAT,
];

impl Format {
    const fn error(&self) -> FormatError {
        FormatError { expected: self.expected }
    }
}

/// Gives a type that is written as a text its place in documents and schemas.
macro_rules! written_as_text {
    ($type:ident, $($keyword:literal: $value:tt),+) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextVisitor(Self::parse))
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    $($keyword: $value,)+
                    "format": Self::FORMAT.name,
                    "description": Self::FORMAT.expected,
                })
            }
        }
    };
}

written_as_text!(ByteSize, "type": ["integer", "string"], "minimum": 0);
written_as_text!(Period, "type": "string");
written_as_text!(Moment, "type": "string");
written_as_text!(HostName, "type": "string");
written_as_text!(IpAddress, "type": "string");
written_as_text!(SocketAddress, "type": "string");
written_as_text!(ServerAddress, "type": "string");
written_as_text!(Network, "type": "string");

struct TextVisitor<T>(fn(&str) -> Result<T, FormatError>);

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }

    /// A size may be written as a plain number.
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

/// A whole number and one of the units, with an optional space between.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}
