//! What passes through a session and is no field: content, credentials, and what is used in memory only.
//!
//! No policy can name any of it. The list is there to say so with the right words, for the public report, and for the
//! canary tests, which put a marker into everything that is listed.

use super::catalogue::Class;

/// Something that Vestibule sees and that no policy can let out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld {
    pub name: &'static str,
    pub class: Class,
    /// What it is and what it is used for, in half a sentence.
    pub use_: &'static str,
}

const fn withheld(name: &'static str, class: Class, use_: &'static str) -> Withheld {
    Withheld { name, class, use_ }
}

/// All of it, by class.
pub const WITHHELD: &[Withheld] = &[
    withheld("body", Class::Content, "what people write, in clear or encrypted: passed on"),
    withheld("subject", Class::Content, "the subject of a message: passed on"),
    withheld(
        "payload",
        Class::Content,
        "any other child of a stanza: passed on, edited where the content types say so",
    ),
    withheld("presence-status", Class::Content, "what a presence shows: passed on"),
    withheld("form", Class::Content, "data forms: passed on"),
    withheld("error-text", Class::Content, "the text of a stanza's or stream's error: passed on"),
    withheld("sasl-message", Class::Credential, "what SASL and SASL2 exchange, tokens included: passed on"),
    withheld(
        "resumption-id",
        Class::Credential,
        "what resumes a stream (XEP-0198): passed on; a keyed hash of it finds the account's limits",
    ),
    withheld("tls-secret", Class::Credential, "the keys of the TLS connections: used for them"),
    withheld(
        "tls-hello",
        Class::Network,
        "what else both sides say in their TLS handshakes, certificates included: read by the TLS library",
    ),
    withheld(
        "dns-answer",
        Class::Network,
        "what DNS says of the gatekeeper's endpoints: remembered for its time, to connect to them",
    ),
    withheld(
        "proxy-header",
        Class::Network,
        "what else a balancer says in its PROXY header, and its own address: read over",
    ),
    withheld(
        "own-signals",
        Class::Network,
        "what a client says where the gatekeeper is told of its connection: taken out",
    ),
    withheld(
        "stream-header",
        Class::Protocol,
        "the other attributes of a stream header: passed on; its language chooses texts",
    ),
    withheld(
        "requested-host",
        Class::Protocol,
        "the host that a stream header names: compared with those configured",
    ),
    withheld("sasl-mechanism", Class::Protocol, "the mechanism that the client chooses: passed on"),
    withheld(
        "user-agent",
        Class::Identifier,
        "the software that a client names in SASL2: chooses its profile",
    ),
    withheld(
        "requested-resource",
        Class::Identifier,
        "the resource that a client asks for: chooses its profile",
    ),
    withheld(
        "capabilities",
        Class::Identifier,
        "entity capabilities and service discovery: choose the profile, carry the content types",
    ),
    withheld(
        "content",
        Class::Protocol,
        "class, type and size of a message's content: held to the profile, counted by host and class",
    ),
    withheld(
        "element-name",
        Class::Protocol,
        "names and namespaces of elements and attributes: judged by the gate",
    ),
];

impl Withheld {
    /// What is withheld under this name.
    pub fn from_name(name: &str) -> Option<&'static Self> {
        WITHHELD.iter().find(|withheld| withheld.name == name)
    }
}
