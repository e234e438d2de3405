//! The two ways in which SASL is spoken over XMPP: that of RFC 6120, section 6, and SASL2 (XEP-0388). The mechanisms and
//! what they say are the same in both.

use crate::sandbox::element::Element;
use crate::stanza::namespace::{SASL, SASL2};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox::gatekeeper) enum Profile {
    /// A new stream follows (RFC 6120, section 6.4.6).
    Sasl,
    /// The stream goes on, and the request says what else is wanted (XEP-0388, section 2.3).
    Sasl2,
}

impl Profile {
    /// The one that an element begins to speak, if it asks to authenticate.
    pub fn of(request: &Element) -> Option<Self> {
        if request.is(SASL, "auth") {
            Some(Self::Sasl)
        } else if request.is(SASL2, "authenticate") {
            Some(Self::Sasl2)
        } else {
            None
        }
    }

    pub fn namespace(self) -> &'static str {
        match self {
            Self::Sasl => SASL,
            Self::Sasl2 => SASL2,
        }
    }

    /// The initial response in Base64; `None` if the request has none. In SASL, an empty one is written as `=`
    /// (RFC 6120, section 6.4.2); in SASL2, as an empty element (XEP-0388, section 2.2).
    pub fn initial_response(self, request: &Element) -> Option<&str> {
        match self {
            Self::Sasl => Some(request.text.as_str()).filter(|text| !text.is_empty()),
            Self::Sasl2 => request.child(SASL2, "initial-response").map(|response| response.text.as_str()),
        }
    }
}
