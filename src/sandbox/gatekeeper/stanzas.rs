//! What becomes of a bound client's stanzas: to whom they go, and what the server answers itself (RFC 6121, section 8).

use super::routing::{Binding, Undeliverable};
use super::{Shared, replies};
use crate::framing::Scope;
use crate::sandbox::connection::Stanza;
use crate::sandbox::element::{Element, escape};
use crate::stanza::namespace::{CLIENT, SESSION};
use crate::stanza::{Condition, Jid};

/// XMPP Ping (XEP-0199).
const PING: &str = "urn:xmpp:ping";

impl Shared {
    /// Takes a stanza from a client. Returns what it is answered at once, or the error that ends its stream.
    pub(super) fn take(&self, stanza: &Stanza, binding: &Binding) -> Result<Option<String>, Condition> {
        let root = &stanza.root;
        let stamped = stanza.with_from(&self.full_jid(binding));
        match (root.namespace.as_str(), root.name.as_str()) {
            (CLIENT, "message") => Ok(self.route(root, &stamped, binding)),
            (CLIENT, "presence") if root.attribute("to").is_some() => {
                // A contact that is not there is told the next time that it is (RFC 6121, section 4.6.3).
                self.route(root, &stamped, binding);
                Ok(None)
            }
            (CLIENT, "presence") => {
                let available = root.attribute("type") != Some("unavailable");
                self.router.broadcast(binding, self.contacts(binding), stamped, available);
                Ok(None)
            }
            (CLIENT, "iq") => Ok(self.answer(root, &stamped, binding)),
            _ => Err(Condition::UnsupportedStanzaType),
        }
    }

    /// Its session is over: its contacts see it go.
    pub(super) fn leave(&self, binding: &Binding) {
        let farewell = format!("<presence type='unavailable' from='{}'/>", escape(&self.full_jid(binding)));
        self.router.broadcast(binding, self.contacts(binding), farewell.into_bytes(), false);
    }

    /// Takes back what a session that is over did not get (XEP-0198, section 4): a message goes to the account's other
    /// resources.
    pub(super) fn give_back(&self, binding: &Binding, stanzas: Vec<Vec<u8>>) {
        for stanza in stanzas {
            // It was read once already, so that this cannot fail. Its namespace is the one of the stream.
            let Ok(root) = Element::read(&stanza, &Scope::default()) else { continue };
            if root.name == "message" && root.attribute("type") != Some("error") {
                // Where there is no other resource, nobody is left to get it.
                let _ = self.router.deliver(&binding.account, None, &stanza);
            }
        }
    }

    /// Answers what is asked of the server or of the account, routes what is asked of others.
    fn answer(&self, iq: &Element, stamped: &[u8], binding: &Binding) -> Option<String> {
        let own_bare = format!("{}@{}", binding.account, self.host);
        let asked = iq.attribute("to").unwrap_or(&own_bare);
        if asked != own_bare && asked != self.host {
            return self.route(iq, stamped, binding);
        }
        let understood = iq.child(PING, "ping").or_else(|| iq.child(SESSION, "session")).is_some();
        match iq.attribute("type") {
            Some("get" | "set") if understood => Some(replies::result(iq)),
            Some("get" | "set") => Some(replies::error(iq, "cancel", "service-unavailable")),
            _ => None,
        }
    }

    /// Hands a stanza to whom it is for. Returns the error to send back, if there is one to be sent.
    fn route(&self, stanza: &Element, stamped: &[u8], binding: &Binding) -> Option<String> {
        let delivered = match stanza.attribute("to").map(Jid::parse) {
            None => self.router.deliver(&binding.account, None, stamped).map_err(condition_of),
            Some(Err(_)) => Err(("modify", "jid-malformed")),
            Some(Ok(to)) if !to.domain().eq_ignore_ascii_case(&self.host) => {
                Err(("cancel", "remote-server-not-found"))
            }
            Some(Ok(to)) => self.deliver(stanza, to, stamped).map_err(condition_of),
        };
        // An error is never answered by an error (RFC 6120, section 8.3.1), nor is the answer to a request.
        let answerable = !matches!(stanza.attribute("type"), Some("error" | "result"));
        let (type_, condition) = delivered.err().filter(|_| answerable)?;
        Some(replies::error(stanza, type_, condition))
    }

    fn deliver(&self, stanza: &Element, to: Jid<'_>, stamped: &[u8]) -> Result<(), Undeliverable> {
        let account = to.local().ok_or(Undeliverable::Absent)?;
        match to.resource() {
            Some(resource) if stanza.name == "iq" => self.router.deliver_exactly(account, resource, stamped),
            None if stanza.name == "iq" => Err(Undeliverable::Absent),
            resource => self.router.deliver(account, resource, stamped),
        }
    }

    fn contacts(&self, binding: &Binding) -> &[String] {
        self.accounts.get(&binding.account).map(|account| account.contacts.as_slice()).unwrap_or_default()
    }

    pub(super) fn full_jid(&self, Binding { account, resource, .. }: &Binding) -> String {
        format!("{account}@{}/{resource}", self.host)
    }
}

fn condition_of(undeliverable: Undeliverable) -> (&'static str, &'static str) {
    match undeliverable {
        Undeliverable::Absent => ("cancel", "service-unavailable"),
        Undeliverable::Congested => ("wait", "resource-constraint"),
    }
}
