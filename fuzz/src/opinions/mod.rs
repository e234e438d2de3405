//! Other parsers, each asked for its opinion of one whole document.

mod rxml;
mod system;

use crate::quirks;
use crate::reading::Reading;

/// A parser that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oracle {
    /// As strict as XMPP asks, in Rust.
    Rxml,
    /// What Prosody, ejabberd and many clients read with. It implements the fourth edition of XML 1.0.
    Expat,
    /// What libstrophe and many scripting languages can read with.
    Libxml2,
    /// libxml2's other parser, for documents that come in pieces.
    Libxml2Push,
}

/// An oracle refuses; the reason is in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl Oracle {
    pub const ALL: [Oracle; 4] = [Oracle::Rxml, Oracle::Expat, Oracle::Libxml2, Oracle::Libxml2Push];

    /// What the oracle sees in a document, which has to be complete.
    pub fn read(self, document: &[u8]) -> Result<Reading, Refused> {
        match self {
            Oracle::Rxml => rxml::read(&quirks::with_line_ends_for_rxml(document)),
            Oracle::Expat => system::read_with_expat(document),
            Oracle::Libxml2 => system::read_with_libxml2(document),
            Oracle::Libxml2Push => system::read_with_libxml2_push(document),
        }
    }
}

/// Whether rxml refuses everything that begins with `input`.
pub fn rxml_refuses_the_beginning(input: &[u8]) -> bool {
    rxml::refuses_the_beginning(&quirks::with_line_ends_for_rxml(input))
}

/// What rxml sees in a document if it is given as it is.
pub fn read_by_rxml_as_it_is(document: &[u8]) -> Result<Reading, Refused> {
    rxml::read(document)
}
