//! What the gatekeeper says of its own accord: features, results and errors.

use crate::sandbox::element::{Element, escape};
use crate::stanza::namespace::{BIND, SASL, STREAMS};

/// The conditions of stanza errors (RFC 6120, section 8.3.3).
const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// Features before authentication (RFC 6120, section 6.4.1).
pub(super) fn mechanisms() -> String {
    format!(
        "<stream:features xmlns:stream='{STREAMS}'><mechanisms xmlns='{SASL}'><mechanism>SCRAM-SHA-256</mechanism>\
         <mechanism>OAUTHBEARER</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>"
    )
}

/// A challenge or a success, with its data in Base64 (RFC 6120, sections 6.4.3 and 6.4.6).
pub(super) fn sasl(name: &str, data: &str) -> String {
    format!("<{name} xmlns='{SASL}'>{data}</{name}>")
}

/// The refusal of one attempt to authenticate, with the reason in words (RFC 6120, section 6.4.5).
pub(super) fn failure(condition: &str, text: &str) -> String {
    let text = escape(text);
    format!("<failure xmlns='{SASL}'><{condition}/><text xml:lang='en'>{text}</text></failure>")
}

/// Features after authentication (RFC 6120, section 7.2).
pub(super) fn binding() -> String {
    format!("<stream:features xmlns:stream='{STREAMS}'><bind xmlns='{BIND}'/></stream:features>")
}

/// The answer to a bind request (RFC 6120, section 7.6.1).
pub(super) fn bound(request: &Element, full_jid: &str) -> String {
    let jid = escape(full_jid);
    format!("<iq type='result'{}><bind xmlns='{BIND}'><jid>{jid}</jid></bind></iq>", echoed_id(request))
}

/// An empty result from whom the request went to.
pub(super) fn result(request: &Element) -> String {
    format!("<iq type='result'{}{}/>", echoed_id(request), echoed_sender(request))
}

/// A stanza error of this type and condition (RFC 6120, section 8.3).
pub(super) fn error(stanza: &Element, type_: &str, condition: &str) -> String {
    let Element { name, .. } = stanza;
    format!(
        "<{name} type='error'{}{}><error type='{type_}'><{condition} xmlns='{STANZA_ERRORS}'/></error></{name}>",
        echoed_id(stanza),
        echoed_sender(stanza)
    )
}

fn echoed_id(stanza: &Element) -> String {
    stanza.attribute("id").map(|id| format!(" id='{}'", escape(id))).unwrap_or_default()
}

/// Whom the stanza went to is whom the answer comes from.
fn echoed_sender(stanza: &Element) -> String {
    stanza.attribute("to").map(|to| format!(" from='{}'", escape(to))).unwrap_or_default()
}
