//! What the gatekeeper says of its own accord: features, results and errors.

use std::time::{Duration, UNIX_EPOCH};

use super::authentication::HASHED_TOKEN;
use super::clock;
use super::fast::Granted;
use super::routing::Undeliverable;
use crate::sandbox::element::{Element, escape};
use crate::sandbox::random;
use crate::stanza::namespace::{
    BIND, BIND_2, FAST, ROSTER, SASL, SASL2, STANZA_ERRORS, STREAM_ERRORS, STREAM_MANAGEMENT, STREAMS,
};

/// What no standard has a word for: the sandbox's own choice.
const SANDBOX: &str = "urn:x-vestibule:sandbox:0";
/// The mechanisms in both profiles, the best first.
const MECHANISMS: [&str; 3] = ["SCRAM-SHA-256", "OAUTHBEARER", "PLAIN"];
/// Bytes of the longest name of a class that an error repeats to who wrote it.
const LONGEST_CLASS: usize = 64;

/// Features before authentication (RFC 6120, section 6.4.1), and all that SASL2 can do at once (XEP-0388, section 2.1;
/// XEP-0386, section 3.1; XEP-0198, section 2; XEP-0484, section 3.1).
pub(super) fn mechanisms() -> String {
    let mechanisms: String =
        MECHANISMS.map(|mechanism| format!("<mechanism>{mechanism}</mechanism>")).concat();
    let inline = format!(
        "<inline><sm xmlns='{STREAM_MANAGEMENT}'/><bind xmlns='{BIND_2}'><inline>\
         <feature var='{STREAM_MANAGEMENT}'/></inline></bind>\
         <fast xmlns='{FAST}'><mechanism>{HASHED_TOKEN}</mechanism></fast></inline>"
    );
    format!(
        "<stream:features xmlns:stream='{STREAMS}'><mechanisms xmlns='{SASL}'>{mechanisms}</mechanisms>\
         <authentication xmlns='{SASL2}'>{mechanisms}{inline}</authentication></stream:features>"
    )
}

/// A challenge or a success, with its data in Base64 (RFC 6120, sections 6.4.3 and 6.4.6; XEP-0388, section 2.5).
pub(super) fn sasl(namespace: &str, name: &str, data: &str) -> String {
    format!("<{name} xmlns='{namespace}'>{data}</{name}>")
}

/// The refusal of one attempt to authenticate, with the reason in words (RFC 6120, section 6.4.5; XEP-0388, section
/// 2.6.2).
pub(super) fn failure(namespace: &str, condition: &str, text: &str) -> String {
    let text = escape(text);
    format!(
        "<failure xmlns='{namespace}'><{condition} xmlns='{SASL}'/><text xml:lang='en'>{text}</text></failure>"
    )
}

/// The success of SASL2 (XEP-0388, section 2.6.1): the client's address, what the mechanism still has to say, in Base64,
/// and the answers to what was asked for along with it, as XML.
pub(super) fn success(jid: &str, additional: &str, answers: &str) -> String {
    let additional = match additional {
        "" => String::new(),
        data => format!("<additional-data>{data}</additional-data>"),
    };
    let jid = escape(jid);
    format!(
        "<success xmlns='{SASL2}'>{additional}<authorization-identifier>{jid}</authorization-identifier>{answers}\
         </success>"
    )
}

/// A resource is bound with SASL2 (XEP-0386, section 3.2). `answers` is XML.
pub(super) fn bound_inline(answers: &str) -> String {
    format!("<bound xmlns='{BIND_2}'>{answers}</bound>")
}

/// A token of FAST (XEP-0484, section 3.3).
pub(super) fn token(Granted { secret, expires }: &Granted) -> String {
    let expiry = clock::written(UNIX_EPOCH + Duration::from_secs(*expires));
    format!("<token xmlns='{FAST}' token='{secret}' expiry='{expiry}'/>")
}

/// Features of a stream that SASL2 has bound: stream management, unless it is on already.
pub(super) fn established(is_managed: bool) -> String {
    let feature = if is_managed { String::new() } else { format!("<sm xmlns='{STREAM_MANAGEMENT}'/>") };
    format!("<stream:features xmlns:stream='{STREAMS}'>{feature}</stream:features>")
}

/// Features after authentication (RFC 6120, section 7.2; XEP-0198, section 2).
pub(super) fn binding() -> String {
    format!(
        "<stream:features xmlns:stream='{STREAMS}'><bind xmlns='{BIND}'/><sm xmlns='{STREAM_MANAGEMENT}'/>\
         </stream:features>"
    )
}

/// The answer to a bind request (RFC 6120, section 7.6.1).
pub(super) fn bound(request: &Element, full_jid: &str) -> String {
    let jid = escape(full_jid);
    format!("<iq type='result'{}><bind xmlns='{BIND}'><jid>{jid}</jid></bind></iq>", echoed_id(request))
}

/// Stream management is on; the session can be resumed by this identifier within this time (XEP-0198, section 3).
pub(super) fn enabled(resumption: Option<(&str, Duration)>) -> String {
    let attributes = resumption
        .map(|(id, within)| format!(" id='{}' resume='true' max='{}'", escape(id), within.as_secs()))
        .unwrap_or_default();
    format!("<enabled xmlns='{STREAM_MANAGEMENT}'{attributes}/>")
}

/// The session of this identifier goes on (XEP-0198, section 5).
pub(super) fn resumed(id: &str, handled: u32) -> String {
    format!("<resumed xmlns='{STREAM_MANAGEMENT}' previd='{}' h='{handled}'/>", escape(id))
}

/// Stream management is not enabled or a session not resumed (XEP-0198, sections 3 and 5).
pub(super) fn failed(condition: &str, handled: Option<u32>) -> String {
    let handled = handled.map(|handled| format!(" h='{handled}'")).unwrap_or_default();
    format!("<failed xmlns='{STREAM_MANAGEMENT}'{handled}><{condition} xmlns='{STANZA_ERRORS}'/></failed>")
}

/// Asks how many stanzas the client has handled (XEP-0198, section 4).
pub(super) fn acknowledgement_request() -> String {
    format!("<r xmlns='{STREAM_MANAGEMENT}'/>")
}

/// Says how many stanzas of the client were handled (XEP-0198, section 4).
pub(super) fn acknowledgement(handled: u32) -> String {
    format!("<a xmlns='{STREAM_MANAGEMENT}' h='{handled}'/>")
}

/// The stream error of a client that acknowledges what it was not sent (XEP-0198, section 4).
pub(super) fn handled_count_too_high(handled: u32, sent: u32) -> String {
    format!(
        "<stream:error xmlns:stream='{STREAMS}'><undefined-condition xmlns='{STREAM_ERRORS}'/>\
         <handled-count-too-high xmlns='{STREAM_MANAGEMENT}' h='{handled}' send-count='{sent}'/></stream:error>"
    )
}

/// The stream error of a connection whose session another one has resumed, or whose client has bound another resource
/// (RFC 6120, section 4.9.3.3).
pub(super) fn conflict() -> String {
    format!("<stream:error xmlns:stream='{STREAMS}'><conflict xmlns='{STREAM_ERRORS}'/></stream:error>")
}

/// A result from whom the request went to. `content` is XML, or nothing.
pub(super) fn result(request: &Element, content: &str) -> String {
    format!("<iq type='result'{}{}>{content}</iq>", echoed_id(request), echoed_sender(request))
}

/// A change of the roster, which the client answers and nobody waits for (RFC 6121, section 2.1.6).
pub(super) fn roster_push(item: &str) -> String {
    // Without randomness the id is one that was there before, which only matters to who waits.
    let id = random::token().unwrap_or_default();
    format!("<iq type='set' id='roster-{id}'><query xmlns='{ROSTER}'>{item}</query></iq>")
}

/// A stanza error of this type and condition (RFC 6120, section 8.3).
pub(super) fn error(stanza: &Element, type_: &str, condition: &str) -> String {
    detailed_error(stanza, type_, condition, "")
}

/// The error that tells why a stanza reached nobody. An error is never answered by an error, nor is the answer to a
/// request (RFC 6120, sections 8.2.3 and 8.3.1).
pub(super) fn undeliverable(stanza: &Element, reason: &Undeliverable) -> Option<String> {
    if matches!(stanza.attribute("type"), Some("error" | "result")) {
        return None;
    }
    Some(match reason {
        Undeliverable::Absent => error(stanza, "cancel", "service-unavailable"),
        Undeliverable::Congested => error(stanza, "wait", "resource-constraint"),
        Undeliverable::Unwanted(class) => unwanted(stanza, class),
        Undeliverable::Malformed => error(stanza, "modify", "jid-malformed"),
        Undeliverable::Elsewhere => error(stanza, "cancel", "remote-server-not-found"),
    })
}

/// The receiver's client cannot receive content of this class, which is the name of an element.
fn unwanted(stanza: &Element, class: &str) -> String {
    let named = if class.len() <= LONGEST_CLASS { format!(" class='{class}'") } else { String::new() };
    let detail = format!("<content-not-accepted xmlns='{SANDBOX}'{named}/>");
    detailed_error(stanza, "modify", "not-acceptable", &detail)
}

/// `detail` is an application's own condition, as XML (RFC 6120, section 8.3.4).
fn detailed_error(stanza: &Element, type_: &str, condition: &str, detail: &str) -> String {
    let Element { name, .. } = stanza;
    format!(
        "<{name} type='error'{}{}><error type='{type_}'><{condition} xmlns='{STANZA_ERRORS}'/>{detail}</error></{name}>",
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
