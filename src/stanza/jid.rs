/// A JID (RFC 7622), borrowed from where it stood. Each part has 1 to 1,023 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Jid<'a> {
    text: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JidError {
    #[error("empty domain")]
    EmptyDomain,
}

impl<'a> Jid<'a> {
    pub fn parse(_text: &'a str) -> Result<Self, JidError> {
        todo!()
    }
    pub fn local(&self) -> Option<&'a str> {
        todo!()
    }
    pub fn domain(&self) -> &'a str {
        self.text
    }
    pub fn resource(&self) -> Option<&'a str> {
        todo!()
    }
    pub fn bare(&self) -> &'a str {
        todo!()
    }
}
