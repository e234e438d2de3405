//! Every namespace that the crate knows, in one place. A dialect's namespace is data and is not among them.

/// Declares the constants and the list of all of them, so that none can be missing from it.
macro_rules! namespaces {
    ($($(#[$doc:meta])* $name:ident = $uri:literal;)+) => {
        $($(#[$doc])* pub const $name: &str = $uri;)+

        const KNOWN: &[&str] = &[$($name,)+];
    };
}

namespaces! {
    /// The stream's root, its features and its errors (RFC 6120, 4.8.1).
    STREAMS = "http://etherx.jabber.org/streams";
    /// The conditions of stream errors (RFC 6120, 4.9.2).
    STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams";
    /// The conditions of stanza errors (RFC 6120, 8.3.2).
    STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas";
    /// Application conditions of stream errors (XEP-0205).
    APPLICATION_ERRORS = "urn:xmpp:errors";
    /// The content namespace of a client's stream (RFC 6120, 4.8.2).
    CLIENT = "jabber:client";
    /// STARTTLS (RFC 6120, 5).
    TLS = "urn:ietf:params:xml:ns:xmpp-tls";
    /// SASL as RFC 6120, 6 profiles it.
    SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
    /// Extensible SASL Profile (XEP-0388).
    SASL2 = "urn:xmpp:sasl:2";
    /// The types of channel binding that a server can verify (XEP-0440).
    CHANNEL_BINDING = "urn:xmpp:sasl-cb:0";
    /// Fast Authentication Streamlining Tokens (XEP-0484).
    FAST = "urn:xmpp:fast:0";
    /// Resource binding (RFC 6120, 7).
    BIND = "urn:ietf:params:xml:ns:xmpp-bind";
    /// Bind 2 (XEP-0386).
    BIND_2 = "urn:xmpp:bind:0";
    /// Session establishment of RFC 3921, 3, which old clients still ask for.
    SESSION = "urn:ietf:params:xml:ns:xmpp-session";
    /// Stream management (XEP-0198).
    STREAM_MANAGEMENT = "urn:xmpp:sm:3";
    /// Stream management before version 1.3 of XEP-0198.
    STREAM_MANAGEMENT_2 = "urn:xmpp:sm:2";
    /// Stream limits advertisement (XEP-0478).
    STREAM_LIMITS = "urn:xmpp:stream-limits:0";
    /// Client state indication (XEP-0352).
    CLIENT_STATE = "urn:xmpp:csi:0";
    /// The contacts of a user (RFC 6121, 2).
    ROSTER = "jabber:iq:roster";
    /// Ping (XEP-0199).
    PING = "urn:xmpp:ping";
    /// Since when a stanza has waited (XEP-0203).
    DELAY = "urn:xmpp:delay";
    /// Whether somebody is typing (XEP-0085).
    CHAT_STATES = "http://jabber.org/protocol/chatstates";
    /// Keys of devices, and what is encrypted with them: the sandbox's own.
    ENCRYPTION = "urn:x-vestibule:encryption:0";
    /// What a server should do with a message (XEP-0334).
    HINTS = "urn:xmpp:hints";
    /// What an entity is and can do (XEP-0030, 3).
    DISCO_INFO = "http://jabber.org/protocol/disco#info";
    /// What belongs to an entity (XEP-0030, 4).
    DISCO_ITEMS = "http://jabber.org/protocol/disco#items";
    /// Data forms (XEP-0004), which service discovery is extended by (XEP-0128).
    DATA_FORMS = "jabber:x:data";
    /// Entity capabilities (XEP-0115).
    CAPABILITIES = "http://jabber.org/protocol/caps";
    /// Entity capabilities 2.0 (XEP-0390).
    CAPABILITIES_2 = "urn:xmpp:caps";
    /// Hash values (XEP-0300).
    HASHES = "urn:xmpp:hashes:2";
    /// The FORM_TYPE of the form that names a client's software (XEP-0232).
    SOFTWARE_INFORMATION = "urn:xmpp:dataforms:softwareinfo";
    /// Fallback indication (XEP-0428).
    FALLBACK = "urn:xmpp:fallback:0";
    /// The stream feature of stream compression (XEP-0138).
    COMPRESSION_FEATURE = "http://jabber.org/features/compress";
    /// The negotiation of stream compression (XEP-0138).
    COMPRESSION = "http://jabber.org/protocol/compress";
    /// Efficient XML Interchange (XEP-0322).
    EXI = "http://jabber.org/protocol/compress/exi";
    /// The stream feature of authentication by IQ (XEP-0078).
    IQ_AUTH_FEATURE = "http://jabber.org/features/iq-auth";
    /// What the prefix `xml` always stands for (Namespaces in XML 1.0, 3).
    XML = "http://www.w3.org/XML/1998/namespace";
    /// What the prefix `xmlns` always stands for (Namespaces in XML 1.0, 3).
    XMLNS = "http://www.w3.org/2000/xmlns/";
}

/// Whether a namespace is one of those above, which no dialect may take.
pub fn is_known(namespace: &str) -> bool {
    KNOWN.contains(&namespace)
}

/// Whether one of those above begins with this.
pub fn any_known_begins_with(prefix: &str) -> bool {
    KNOWN.iter().any(|namespace| namespace.starts_with(prefix))
}
