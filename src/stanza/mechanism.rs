//! The names of SASL mechanisms in a gatekeeper's offer and in a client's choice (RFC 6120, 6.3.3 and 6.4.2; XEP-0388).
//!
//! They are only read: neither the offer nor the choice is ever edited.

use super::namespace::{CHANNEL_BINDING, SASL, SASL2};
use super::{Element, Name, Tree, TreeError};
use crate::framing::Frame;

/// The mechanism that takes the TLS certificate for the client's identity (RFC 4422, A).
const EXTERNAL: &str = "EXTERNAL";

/// What a gatekeeper offers for authentication.
#[derive(Default)]
pub struct Mechanisms {
    /// Of SASL as RFC 6120 has it.
    pub sasl: Vec<String>,
    /// Of SASL2.
    pub sasl2: Vec<String>,
    /// The types of channel binding (XEP-0440).
    pub channel_bindings: Vec<String>,
}

impl Mechanisms {
    /// Reads stream features.
    pub fn offered(features: &Frame<'_>) -> Result<Self, TreeError> {
        let tree = Tree::of(features)?;
        let mut offered = Mechanisms::default();
        let text = |element: &Element<'_>| element.text(features.bytes).map(|text| text.trim().to_owned());
        for element in tree.elements() {
            match (element.namespace, element.name) {
                (SASL, "mechanism") => offered.sasl.extend(text(element)),
                (SASL2, "mechanism") => offered.sasl2.extend(text(element)),
                (CHANNEL_BINDING, "channel-binding") => {
                    offered.channel_bindings.extend(element.value("type").map(str::to_owned));
                }
                _ => {}
            }
        }
        Ok(offered)
    }

    /// Whether EXTERNAL is among them.
    pub fn offer_external(&self) -> bool {
        self.sasl.iter().chain(&self.sasl2).any(|name| is_external(name))
    }
}

/// Whether a client's frame asks for EXTERNAL, be it as the next step of SASL2.
pub fn asks_for_external(frame: &Frame<'_>) -> Result<bool, TreeError> {
    let attribute = match Name::of(frame.outline.name) {
        Some(Name::SaslAuth | Name::Sasl2Authenticate) => "mechanism",
        Some(Name::Sasl2Next) => "task",
        _ => return Ok(false),
    };
    Ok(Tree::of(frame)?.root().value(attribute).is_some_and(is_external))
}

/// Names of mechanisms are upper-case letters, digits, hyphens and underscores (RFC 4422, 3.1), and compare exactly. A
/// server may be lenient where that is dangerous, so this is.
fn is_external(name: &str) -> bool {
    name.trim().eq_ignore_ascii_case(EXTERNAL)
}
