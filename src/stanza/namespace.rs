//! Every namespace that the crate knows, in one place. A dialect's namespace is data and is not among them.

/// The stream's root, its features and its errors (RFC 6120, 4.8.1).
pub const STREAMS: &str = "http://etherx.jabber.org/streams";
/// The conditions of stream errors (RFC 6120, 4.9.2).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Application conditions of stream errors (XEP-0205).
pub const APPLICATION_ERRORS: &str = "urn:xmpp:errors";
/// The content namespace of a client's stream (RFC 6120, 4.8.2).
pub const CLIENT: &str = "jabber:client";
/// STARTTLS (RFC 6120, 5).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL as RFC 6120, 6 profiles it.
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Extensible SASL Profile (XEP-0388).
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// Resource binding (RFC 6120, 7).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Bind 2 (XEP-0386).
pub const BIND2: &str = "urn:xmpp:bind:0";
/// Session establishment of RFC 3921, 3, which old clients still ask for.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Stream management (XEP-0198).
pub const STREAM_MANAGEMENT: &str = "urn:xmpp:sm:3";
/// Stream management before version 1.3 of XEP-0198.
pub const STREAM_MANAGEMENT_2: &str = "urn:xmpp:sm:2";
/// Client state indication (XEP-0352).
pub const CLIENT_STATE: &str = "urn:xmpp:csi:0";
/// The stream feature of stream compression (XEP-0138).
pub const COMPRESSION_FEATURE: &str = "http://jabber.org/features/compress";
/// The negotiation of stream compression (XEP-0138).
pub const COMPRESSION: &str = "http://jabber.org/protocol/compress";
/// Efficient XML Interchange (XEP-0322).
pub const EXI: &str = "http://jabber.org/protocol/compress/exi";
/// The stream feature of authentication by IQ (XEP-0078).
pub const IQ_AUTH_FEATURE: &str = "http://jabber.org/features/iq-auth";
/// Authentication by IQ, before SASL (XEP-0078).
pub const IQ_AUTH: &str = "jabber:iq:auth";
/// What the prefix `xml` always stands for (Namespaces in XML 1.0, 3).
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// What the prefix `xmlns` always stands for (Namespaces in XML 1.0, 3).
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Whether a namespace is one of those above, which no dialect may take.
pub fn is_known(namespace: &str) -> bool {
    KNOWN.contains(&namespace)
}

const KNOWN: [&str; 20] = [
    STREAMS,
    STREAM_ERRORS,
    APPLICATION_ERRORS,
    CLIENT,
    TLS,
    SASL,
    SASL2,
    BIND,
    BIND2,
    SESSION,
    STREAM_MANAGEMENT,
    STREAM_MANAGEMENT_2,
    CLIENT_STATE,
    COMPRESSION_FEATURE,
    COMPRESSION,
    EXI,
    IQ_AUTH_FEATURE,
    IQ_AUTH,
    XML,
    XMLNS,
];
