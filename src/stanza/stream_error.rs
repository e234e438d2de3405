/// The conditions of RFC 6120, 4.9.3 that Vestibule sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    NotWellFormed,
    // RestrictedXml, UnsupportedEncoding, PolicyViolation, ResourceConstraint, ConnectionTimeout, HostUnknown,
    // ImproperAddressing, NotAuthorized, RemoteConnectionFailed, SystemShutdown, InternalServerError,
    // UnsupportedStanzaType, UnsupportedVersion, InvalidNamespace, BadNamespacePrefix, Reset, UndefinedCondition ...
}

/// A stream error as it goes on the wire: a condition and, where one is defined, an application condition
/// (`stanza-too-big`, `rate-limited`: XEP-0205, `urn:xmpp:errors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamError {
    pub condition: Condition,
}

impl Condition {
    /// The element's name on the wire.
    pub fn name(self) -> &'static str {
        todo!()
    }
}

impl StreamError {
    /// Appends `<stream:error …>…</stream:error>`, which declares its own prefix. No closing tag.
    pub fn write(&self, _out: &mut Vec<u8>) {
        todo!()
    }
    /// Appends a stream header of our own (prefix `stream`, version 1.0, `id`, `from` if the host is known).
    pub fn write_header(_id: &str, _from: Option<&str>, _out: &mut Vec<u8>) {
        todo!()
    }
}
