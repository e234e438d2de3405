//! The catalogue: the events, the fields that occur in them, and the type and class of each.
//!
//! It does not decide anything. What is not listed here cannot be named by a policy nor written by a sink.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Deserialize;

/// What a field tells about a person or a connection.
///
/// No field is of the classes [`Content`](Self::Content) and [`Credential`](Self::Credential), and a test keeps it so.
/// They are listed to say of everything that passes through a session where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// What people say to each other.
    Content,
    /// What proves who somebody is.
    Credential,
    /// Who somebody is.
    Identifier,
    /// Where somebody connects from and to.
    Network,
    /// When, and for how long.
    Timing,
    /// How much.
    Size,
    /// How the protocols were spoken.
    Protocol,
}

impl Class {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Credential => "credential",
            Self::Identifier => "identifier",
            Self::Network => "network",
            Self::Timing => "timing",
            Self::Size => "size",
            Self::Protocol => "protocol",
        }
    }
}

/// Something that happened and may be worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A client's connection was turned away, or its TLS handshake ended, well or badly.
    Connection,
    /// An attempt to connect to the gatekeeper for a client ended.
    Upstream,
    /// A message, presence or query was passed on.
    Stanza,
    /// A stream was refused: by the gate, the phases or the limits.
    Refusal,
    /// A session ended.
    Session,
}

impl Event {
    pub const ALL: [Self; 5] = [Self::Connection, Self::Upstream, Self::Stanza, Self::Refusal, Self::Session];

    /// The name in policies and in what sinks write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Upstream => "upstream",
            Self::Stanza => "stanza",
            Self::Refusal => "refusal",
            Self::Session => "session",
        }
    }

    /// The event of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

/// The kind of value that a field holds, which decides the actions that fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// A point in time.
    Moment,
    /// A length of time.
    Span,
    /// An IPv4 or IPv6 address.
    Address,
    /// A count, a size in bytes, or a number.
    Number,
    /// Text that a peer chose.
    Text,
    /// One of Vestibule's own words, from a closed list.
    Token,
    /// A session's random id.
    Session,
}

impl Form {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Moment => "moment",
            Self::Span => "span",
            Self::Address => "address",
            Self::Number => "number",
            Self::Text => "text",
            Self::Token => "token",
            Self::Session => "session",
        }
    }
}

/// A session's random id.
///
/// It never reaches a disclosure as it is: each sink gets an id of its own, derived from this one, so that the lines of
/// one sink cannot be joined with those of another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// `random` must come from a cryptographic generator.
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// A value without its field: what actions work on. Its variants are those of [`Form`].
#[derive(Clone, Copy)]
pub(super) enum Datum<'a> {
    Moment(SystemTime),
    Span(Duration),
    Address(IpAddr),
    Number(u64),
    Text(&'a str),
    Token(&'static str),
    Session(SessionId),
}

/// One line per field: `Variant: "name", Class, Form(type), [events in which it occurs];`
///
/// A single table makes the name, class and type of a field one fact, and the pairing of a field with a value of another
/// type impossible.
macro_rules! catalogue {
    ($($(#[doc = $doc:literal])+ $field:ident: $name:literal, $class:ident, $form:ident($type:ty), [$($event:ident),+];)+) => {
        /// A field of the catalogue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $($(#[doc = $doc])+ $field,)+
        }

        /// A field with its value. The type of the value is the field's own.
        #[derive(Clone, Copy)]
        pub enum Value<'a> {
            $($(#[doc = $doc])+ $field($type),)+
        }

        impl Field {
            /// Every field, in the order in which sinks write them.
            pub const ALL: &[Self] = &[$(Self::$field),+];

            /// The name in policies and in what sinks write.
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)+ }
            }

            /// The field of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|field| field.name() == name)
            }

            /// What the field is, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$field => concat!($($doc),+).trim(),)+ }
            }

            /// What the field tells.
            pub fn class(self) -> Class {
                match self { $(Self::$field => Class::$class,)+ }
            }

            /// What kind of value the field holds.
            pub fn form(self) -> Form {
                match self { $(Self::$field => Form::$form,)+ }
            }

            /// Whether `event` can have this field.
            pub fn occurs_in(self, event: Event) -> bool {
                match self { $(Self::$field => [$(Event::$event),+].contains(&event),)+ }
            }
        }

        impl<'a> Value<'a> {
            /// The field that this is a value of.
            pub fn field(&self) -> Field {
                match self { $(Self::$field(_) => Field::$field,)+ }
            }

            /// The value of `field` that `datum` is; `None` if it is of another form, or too large a number.
            pub(super) fn of(field: Field, datum: Datum<'a>) -> Option<Self> {
                match (field, datum) {
                    $((Field::$field, Datum::$form(value)) => <$type>::try_from(value).ok().map(Self::$field),)+
                    _ => None,
                }
            }

            pub(super) fn datum(self) -> Datum<'a> {
                match self { $(Self::$field(value) => Datum::$form(value.into()),)+ }
            }
        }
    };
}

catalogue! {
    /// When the event happened.
    Time: "time", Timing, Moment(SystemTime), [Connection, Upstream, Stanza, Refusal, Session];
    /// The session's random id, another one in each sink.
    SessionId: "session-id", Identifier, Session(SessionId), [Connection, Upstream, Stanza, Refusal, Session];
    /// The address that the client connected from.
    ClientAddress: "client-address", Network, Address(IpAddr), [Connection, Upstream, Stanza, Refusal, Session];
    /// The port that the client connected from.
    ClientPort: "client-port", Network, Number(u16), [Connection, Upstream, Stanza, Refusal, Session];
    /// The server name in the client's TLS handshake (RFC 6066, section 3).
    Sni: "sni", Network, Text(&'a str), [Connection, Upstream, Stanza, Refusal, Session];
    /// The application protocol that was agreed on with the client (RFC 7301).
    Alpn: "alpn", Protocol, Token(&'static str), [Connection, Upstream, Stanza, Refusal, Session];
    /// The version of TLS that was agreed on with the client.
    TlsVersion: "tls-version", Protocol, Token(&'static str), [Connection, Upstream, Stanza, Refusal, Session];
    /// The cipher suite that was agreed on with the client.
    TlsCipher: "tls-cipher", Protocol, Token(&'static str), [Connection, Upstream, Stanza, Refusal, Session];
    /// How the client's connection and TLS handshake went.
    HandshakeResult: "handshake-result", Protocol, Token(&'static str), [Connection];
    /// The configured host that the stream was for.
    Host: "host", Protocol, Text(&'a str), [Upstream, Stanza, Refusal, Session];
    /// How connecting to the gatekeeper went.
    ConnectResult: "connect-result", Protocol, Token(&'static str), [Upstream];
    /// The bare JID that the gatekeeper bound.
    Account: "account", Identifier, Text(&'a str), [Stanza, Refusal, Session];
    /// The resource that the gatekeeper bound.
    Resource: "resource", Identifier, Text(&'a str), [Stanza, Refusal, Session];
    /// How long it took: the handshake, the connecting, or the session since its connection was accepted.
    Duration: "duration", Timing, Span(Duration), [Connection, Upstream, Session];
    /// The side that the stanza or the refused stream came from.
    Side: "side", Protocol, Token(&'static str), [Stanza, Refusal];
    /// `message`, `presence` or `iq`.
    StanzaKind: "stanza-kind", Protocol, Token(&'static str), [Stanza];
    /// The stanza's type, if it is one of RFC 6121's, otherwise `other`.
    StanzaType: "stanza-type", Protocol, Token(&'static str), [Stanza];
    /// The stanza's id.
    StanzaId: "stanza-id", Identifier, Text(&'a str), [Stanza];
    /// Whom the stanza says it is from.
    From: "from", Identifier, Text(&'a str), [Stanza];
    /// Whom the stanza is to.
    To: "to", Identifier, Text(&'a str), [Stanza];
    /// The stanza's size in bytes, as it came.
    StanzaBytes: "stanza-bytes", Size, Number(u64), [Stanza];
    /// Bytes of the client's stream that were relayed.
    BytesFromClient: "bytes-from-client", Size, Number(u64), [Session];
    /// Bytes of the gatekeeper's stream that were relayed.
    BytesFromGatekeeper: "bytes-from-gatekeeper", Size, Number(u64), [Session];
    /// Stanzas of the client that were relayed.
    StanzasFromClient: "stanzas-from-client", Size, Number(u64), [Session];
    /// Stanzas of the gatekeeper that were relayed.
    StanzasFromGatekeeper: "stanzas-from-gatekeeper", Size, Number(u64), [Session];
    /// Frames that Vestibule changed.
    Edits: "edits", Size, Number(u64), [Session];
    /// Failed authentications.
    AuthenticationFailures: "authentication-failures", Size, Number(u64), [Session];
    /// How long the client was made to wait by its rate.
    Throttled: "throttled", Timing, Span(Duration), [Session];
    /// Why the session ended.
    EndReason: "end-reason", Protocol, Token(&'static str), [Session];
    /// The condition of the stream error that Vestibule sent (RFC 6120, section 4.9.3).
    StreamError: "stream-error", Protocol, Token(&'static str), [Refusal, Session];
    /// What the refusal was about.
    RefusalKind: "refusal-kind", Protocol, Token(&'static str), [Refusal];
    /// Bytes from the start of the refused side's stream to the byte that decided.
    RefusalOffset: "refusal-offset", Protocol, Number(u64), [Refusal];
    /// Where the rule stands that was broken, if it is one of the gate's.
    RefusalRule: "refusal-rule", Protocol, Token(&'static str), [Refusal];
}

impl fmt::Debug for Value<'_> {
    /// The field's name and, for text, its length: never the value, which may be a peer's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.datum() {
            Datum::Text(text) => write!(f, "{} ({} bytes)", self.field().name(), text.len()),
            _ => f.write_str(self.field().name()),
        }
    }
}
