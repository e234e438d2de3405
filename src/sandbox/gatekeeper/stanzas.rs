//! What a bound client's stanza is, and for whom.

use std::sync::Arc;

use super::contents::{Carrier, ContentTypes};
use super::record::RecordId;
use super::routing::{Binding, Undeliverable};
use super::{Shared, signals};
use crate::sandbox::connection::Stanza;
use crate::sandbox::element::Element;
use crate::sandbox::groups;
use crate::stanza::namespace::CLIENT;
use crate::stanza::{Condition, Jid};

/// Whom a stanza is for.
#[derive(Clone, Copy)]
pub(super) enum Recipient<'a> {
    Server,
    /// An account's bare JID.
    Account(&'a str),
    /// An account and one of its resources.
    Resource(&'a str, &'a str),
    /// What all groups are asked at.
    Groups,
    /// A group, by its local part.
    Group(&'a str),
}

impl Shared {
    /// Takes a stanza from a client. Returns what it is answered at once, or the error that ends its stream.
    pub(super) fn take(
        self: &Arc<Self>,
        stanza: &Stanza,
        binding: &Binding,
    ) -> Result<Option<String>, Condition> {
        binding.traffic.count_received();
        let answer = match (stanza.root.namespace.as_str(), stanza.root.name.as_str()) {
            (CLIENT, "message") => self.take_message(stanza, binding),
            (CLIENT, "presence") => self.take_presence(stanza, binding),
            (CLIENT, "iq") => self.take_request(stanza, binding),
            _ => return Err(Condition::UnsupportedStanzaType),
        };
        answer.iter().for_each(|_| binding.traffic.count_sent());
        Ok(answer)
    }

    /// Takes down what a bind request or a presence says of the client, and what a proxy says of its connection.
    pub(super) fn learn(&self, record: RecordId, binding: &Binding, parent: &Element, carrier: Carrier) {
        if let Some(told) = ContentTypes::read(parent, &self.words.content_types, carrier) {
            self.records.update(record, |record| record.learn(told.clone()));
            self.router.learn(binding, told);
        }
        if carrier == Carrier::Bind {
            let signals = signals::read(parent, &self.words.signals);
            let traffic = binding.traffic.clone();
            self.records.update(record, |record| (record.signals, record.traffic) = (signals, traffic));
        }
    }

    /// An account is gone: its sessions end, and nothing waits for it, is told to it or opens it any more.
    pub(super) fn forget(&self, account: &str) {
        self.router.end(account);
        self.drop_what_is_kept(account);
    }

    /// Drops what was put down for an account that has opted out meanwhile. Call it after something was put down, also
    /// in a roster: who opts out is taken off the register first, and what is kept is dropped then, so one of the two
    /// sees it.
    pub(super) fn drop_if_gone(&self, account: &str) {
        if !self.exists(account) {
            self.drop_what_is_kept(account);
        }
    }

    fn drop_what_is_kept(&self, account: &str) {
        self.queue.take(account);
        self.waking.forget(account);
        self.tokens.forget(account);
        self.leave_all_groups(account);
        self.keys.forget(account);
        for (contact, _) in self.contacts.which(account, |_| true) {
            self.drop_contact(account, &contact);
        }
    }

    /// Whom a stanza is for: without an address, for its sender's own account (RFC 6120, section 10.3).
    pub(super) fn recipient<'a>(
        &self,
        stanza: &'a Element,
        binding: &'a Binding,
    ) -> Result<Recipient<'a>, Undeliverable> {
        let Some(to) = stanza.attribute("to") else { return Ok(Recipient::Account(&binding.account)) };
        let to = Jid::parse(to).map_err(|_| Undeliverable::Malformed)?;
        if groups::is_domain(to.domain(), &self.host) {
            return match (to.local(), to.resource()) {
                (None, None) => Ok(Recipient::Groups),
                (Some(group), None) => Ok(Recipient::Group(group)),
                // Nobody is written to alone by way of a group.
                _ => Err(Undeliverable::Absent),
            };
        }
        if !to.domain().eq_ignore_ascii_case(&self.host) {
            return Err(Undeliverable::Elsewhere);
        }
        Ok(match (to.local(), to.resource()) {
            (None, _) => Recipient::Server,
            (Some(account), None) => Recipient::Account(account),
            (Some(account), Some(resource)) => Recipient::Resource(account, resource),
        })
    }

    pub(super) fn bare_jid(&self, account: &str) -> String {
        format!("{account}@{}", self.host)
    }

    pub(super) fn full_jid(&self, Binding { account, resource, .. }: &Binding) -> String {
        format!("{account}@{}/{resource}", self.host)
    }
}
