use crate::framing::{Frame, Scope};

/// The attributes of a stream header (RFC 6120, 4.7), unescaped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StreamHeader {
    pub to: Option<String>,
    pub from: Option<String>,
    pub id: Option<String>,
    pub version: Option<String>,
    pub lang: Option<String>,
    /// The default namespace, `jabber:client` for us.
    pub content_namespace: Option<String>,
}

impl StreamHeader {
    /// Reads a header frame that the gate has passed.
    pub fn parse(_frame: &Frame<'_>, _scope: &Scope) -> Self {
        todo!()
    }
}
