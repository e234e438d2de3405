//! Presence: who comes and goes, who asks to see it, and what rosters say of that (RFC 6121, sections 3 and 4).

use std::sync::Arc;

use super::contacts::{Contact, Full, Parted, Requested};
use super::resource::Presence;
use super::routing::Binding;
use super::stanzas::Recipient;
use super::{Shared, replies};
use crate::sandbox::connection::Stanza;
use crate::sandbox::element::{Element, escape};
use crate::stanza::namespace::CLIENT;

/// Bytes of a presence, which is kept as long as its sender is available, and told to all of the sender's contacts.
const LONGEST: usize = 16 << 10;

impl Shared {
    /// Takes a presence. Returns the error to send back, if there is one to be sent.
    pub(super) fn take_presence(self: &Arc<Self>, stanza: &Stanza, binding: &Binding) -> Option<String> {
        let presence = &stanza.root;
        let type_ = presence.attribute("type");
        if stanza.bytes.len() > LONGEST {
            // RFC 6120, section 8.3.3.12; an error is never answered by an error.
            return (type_ != Some("error")).then(|| replies::error(presence, "modify", "policy-violation"));
        }
        if presence.attribute("to").is_none() {
            match type_ {
                None => self.appear(stanza, binding),
                Some("unavailable") => self.disappear(binding, &stanza.with_from(&self.full_jid(binding))),
                // Other types mean nothing without an address.
                Some(_) => {}
            }
            return None;
        }
        // Presence that reaches nobody is nobody's concern (RFC 6121, section 8.5.1).
        match (self.recipient(presence, binding).ok()?, type_) {
            (Recipient::Account(contact) | Recipient::Resource(contact, _), Some(type_))
                if matches!(type_, "subscribe" | "subscribed" | "unsubscribe" | "unsubscribed") =>
            {
                let user = &binding.account;
                let full = self.subscribe_or_part(user, contact, type_).err()?;
                return Some(full.reply(presence));
            }
            (Recipient::Account(account), None | Some("unavailable")) => {
                self.router.direct(binding, account, type_.is_none());
                self.router.announce(account, &stanza.with_from(&self.full_jid(binding)));
            }
            (Recipient::Resource(account, resource), None | Some("unavailable" | "error")) => {
                // An error says nothing of whether its sender is there.
                if type_ != Some("error") {
                    self.router.direct(binding, account, type_.is_none());
                }
                let stamped = stanza.with_from(&self.full_jid(binding));
                let _ = self.router.deliver_exactly(account, resource, &stamped, &[]);
            }
            _ => {}
        }
        None
    }

    /// A session is over: its contacts see it go.
    pub(super) fn leave(&self, binding: &Binding) {
        self.disappear(binding, farewell(&self.full_jid(binding)).as_bytes());
    }

    /// Takes a contact off an account's list, and ends what was between the two (RFC 6121, section 2.5.2). Returns whether
    /// it was on the list.
    pub(super) fn drop_contact(&self, user: &str, contact: &str) -> bool {
        self.part(contact, user, "unsubscribe", user);
        self.part(user, contact, "unsubscribed", user);
        let removed = self.contacts.remove(user, contact);
        if removed {
            let jid = self.bare_jid(contact);
            self.push(user, &format!("<item jid='{}' subscription='remove'/>", escape(&jid)));
        }
        removed
    }

    /// Tells an account's clients what its roster says of a contact now.
    pub(super) fn push_contact(&self, account: &str, contact: &str) {
        if let Some(item) = self.contacts.get(account, contact).filter(|item| item.listed) {
            self.push(account, &self.roster_item(contact, &item));
        }
    }

    /// A contact as a roster's item. A provider's user has a visible name, which is given to those alone whom that user
    /// has let see or has asked to see: nobody learns by an internal identifier who somebody is.
    pub(super) fn roster_item(&self, contact: &str, item: &Contact) -> String {
        let is_known = item.sees || item.seen || item.asking;
        let enlistment = || self.enlistments.get(contact).filter(|_| is_known);
        let visible_id = || enlistment().map(|enlistment| enlistment.visible_id);
        let name = item.name.clone().or_else(visible_id);
        let name = name.map(|name| format!(" name='{}'", escape(&name))).unwrap_or_default();
        let ask = if item.asked { " ask='subscribe'" } else { "" };
        let groups: String =
            item.groups.iter().map(|group| format!("<group>{}</group>", escape(group))).collect();
        let (jid, subscription) = (self.bare_jid(contact), item.subscription());
        format!("<item jid='{}'{name} subscription='{subscription}'{ask}>{groups}</item>", escape(&jid))
    }

    /// A session is available, perhaps for the first time: then it learns who else is, and who has asked meanwhile.
    fn appear(self: &Arc<Self>, stanza: &Stanza, binding: &Binding) {
        let account = &binding.account;
        let stamped = stanza.with_from(&self.full_jid(binding));
        let presence = Presence { stanza: stamped, priority: priority(&stanza.root) };
        let watched = self.names(account, |contact| contact.sees);
        if self.router.appear(binding, &self.names(account, |contact| contact.seen), &watched, presence) {
            self.waking.arrived(account);
            for contact in self.names(account, |contact| contact.asking) {
                let request = self.subscription("subscribe", &contact, account);
                let _ = self.router.deliver_exactly(account, &binding.resource, request.as_bytes(), &[]);
            }
        }
        self.deliver_waiting(account);
    }

    fn disappear(&self, binding: &Binding, farewell: &[u8]) {
        self.router.disappear(binding, &self.names(&binding.account, |contact| contact.seen), farewell);
    }

    fn subscribe_or_part(self: &Arc<Self>, user: &str, contact: &str, type_: &str) -> Result<(), Full> {
        match type_ {
            // Everybody sees their own presence anyway.
            _ if user == contact => {}
            "subscribe" => self.subscribe(user, contact)?,
            "subscribed" => self.approve(user, contact)?,
            "unsubscribe" => self.part(contact, user, type_, user),
            _ => self.part(user, contact, type_, user),
        }
        self.drop_if_gone(user);
        self.drop_if_gone(contact);
        Ok(())
    }

    /// The user asks to see the contact's presence.
    fn subscribe(self: &Arc<Self>, user: &str, contact: &str) -> Result<(), Full> {
        let requested = self.contacts.ask(user, contact, self.exists(contact))?;
        self.push_contact(user, contact);
        if requested == Requested::Granted {
            self.router.announce(user, self.subscription("subscribed", contact, user).as_bytes());
            self.introduce(contact, user);
        } else if self.contacts.get(contact, user).is_some_and(|asked| asked.asking) {
            self.router.announce(contact, self.subscription("subscribe", user, contact).as_bytes());
            if self.router.available(contact).is_empty() {
                self.wake(contact);
            }
        }
        Ok(())
    }

    /// The user lets the contact see the user's presence.
    fn approve(&self, user: &str, contact: &str) -> Result<(), Full> {
        if self.contacts.grant(user, contact)? {
            self.push_contact(user, contact);
            self.push_contact(contact, user);
            self.router.announce(contact, self.subscription("subscribed", user, contact).as_bytes());
            self.introduce(user, contact);
        }
        Ok(())
    }

    /// `watcher` no longer sees the presence of `watched`, because `author`, one of the two, has said so.
    fn part(&self, watched: &str, watcher: &str, type_: &str, author: &str) {
        let other = if author == watched { watcher } else { watched };
        let parted = self.contacts.part(watched, watcher);
        if parted == Parted::Nothing {
            return;
        }
        self.push_contact(watched, watcher);
        self.push_contact(watcher, watched);
        self.router.announce(other, self.subscription(type_, author, other).as_bytes());
        // Who has only asked must not learn by a farewell that somebody was there.
        if parted == Parted::Subscription {
            for (resource, _) in self.router.available(watched) {
                let jid = format!("{}/{resource}", self.bare_jid(watched));
                self.router.announce(watcher, farewell(&jid).as_bytes());
            }
        }
    }

    /// `watcher` sees where `watched` is available.
    fn introduce(&self, watched: &str, watcher: &str) {
        for (_, presence) in self.router.available(watched) {
            self.router.announce(watcher, &presence);
        }
    }

    /// A presence stanza about a subscription, from one bare JID to another (RFC 6121, section 3.1.2).
    fn subscription(&self, type_: &str, from: &str, to: &str) -> String {
        let (from, to) = (self.bare_jid(from), self.bare_jid(to));
        format!("<presence type='{type_}' from='{}' to='{}'/>", escape(&from), escape(&to))
    }

    /// The local parts of those contacts of whom this is true.
    fn names(&self, account: &str, wanted: impl Fn(&Contact) -> bool) -> Vec<String> {
        self.contacts.which(account, wanted).into_iter().map(|(name, _)| name).collect()
    }

    fn push(&self, account: &str, item: &str) {
        self.router.push_roster(account, replies::roster_push(item).as_bytes());
    }
}

fn farewell(full_jid: &str) -> String {
    format!("<presence type='unavailable' from='{}'/>", escape(full_jid))
}

/// RFC 6121, section 4.7.2.3: 0 if it is not said.
fn priority(presence: &Element) -> i8 {
    presence.child(CLIENT, "priority").and_then(|priority| priority.text.trim().parse().ok()).unwrap_or(0)
}

impl Full {
    /// What who adds a contact is told.
    pub fn reply(self, stanza: &Element) -> String {
        replies::error(stanza, "wait", "resource-constraint")
    }
}
