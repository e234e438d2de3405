//! Requests: what the server answers for itself and for the account, and what goes to others (RFC 6121, sections 2 and
//! 8.5; XEP-0030, XEP-0199).

use std::sync::Arc;

use super::routing::{Binding, Undeliverable};
use super::stanzas::Recipient;
use super::{Shared, keys, replies};
use crate::sandbox::connection::Stanza;
use crate::sandbox::element::Element;
use crate::sandbox::groups;
use crate::stanza::Jid;
use crate::stanza::namespace::{DISCO_INFO, DISCO_ITEMS, PING, ROSTER, SESSION};

/// Bytes of a contact's name and of a group's.
const LONGEST_NAME: usize = 256;
/// Groups that one contact is in.
const GROUPS: usize = 8;

/// Of whom something is asked.
#[derive(Clone, Copy)]
enum Asked {
    Server,
    Account,
}

/// Why a request fails: the error's type and condition.
pub(super) type Failure = (&'static str, &'static str);

impl Shared {
    /// Answers a request or hands it on. Returns what is to be sent back, if anything is.
    pub(super) fn take_request(self: &Arc<Self>, stanza: &Stanza, binding: &Binding) -> Option<String> {
        let iq = &stanza.root;
        match self.recipient(iq, binding) {
            Ok(Recipient::Server) => self.answer(iq, Asked::Server, binding),
            Ok(Recipient::Account(account)) if keys::is_about_keys(iq) => {
                Some(self.answer_about_keys(iq, account, binding))
            }
            Ok(Recipient::Account(account)) if account == binding.account => {
                self.answer(iq, Asked::Account, binding)
            }
            Ok(Recipient::Account(_)) => replies::undeliverable(iq, &Undeliverable::Absent),
            Ok(Recipient::Groups) => self.take_group_request(iq, None, binding),
            Ok(Recipient::Group(group)) => self.take_group_request(iq, Some(group), binding),
            Ok(Recipient::Resource(account, resource)) => {
                let stamped = stanza.with_from(&self.full_jid(binding));
                let delivered = self.router.deliver_exactly(account, resource, &stamped, &[]);
                replies::undeliverable(iq, &delivered.err()?)
            }
            Err(reason) => replies::undeliverable(iq, &reason),
        }
    }

    /// An answer to what was asked, none to an answer.
    fn answer(&self, iq: &Element, asked: Asked, binding: &Binding) -> Option<String> {
        let content = iq.children.first();
        let answered = match (iq.attribute("type"), content) {
            (Some("result" | "error"), _) => return None,
            (Some("get"), Some(content)) => self.get(content, asked, binding),
            (Some("set"), Some(content)) => self.set(content, asked, binding),
            _ => Err(("modify", "bad-request")),
        };
        Some(match answered {
            Ok(content) => replies::result(iq, &content),
            Err((type_, condition)) => replies::error(iq, type_, condition),
        })
    }

    fn get(&self, content: &Element, asked: Asked, binding: &Binding) -> Result<String, Failure> {
        match (content.namespace.as_str(), asked) {
            (PING, _) => Ok(String::new()),
            (DISCO_INFO | DISCO_ITEMS, _) if content.attribute("node").is_some() => {
                Err(("cancel", "item-not-found"))
            }
            (DISCO_INFO, _) => Ok(asked.identity()),
            (DISCO_ITEMS, Asked::Server) => {
                let groups = groups::domain(&self.host);
                Ok(format!("<query xmlns='{DISCO_ITEMS}'><item jid='{groups}'/></query>"))
            }
            (DISCO_ITEMS, Asked::Account) => Ok(format!("<query xmlns='{DISCO_ITEMS}'/>")),
            (ROSTER, Asked::Account) => Ok(self.roster(binding)),
            _ => Err(("cancel", "service-unavailable")),
        }
    }

    fn set(&self, content: &Element, asked: Asked, binding: &Binding) -> Result<String, Failure> {
        match (content.namespace.as_str(), asked) {
            // Old clients still ask for it (RFC 3921, section 3).
            (SESSION, _) => Ok(String::new()),
            (ROSTER, Asked::Account) => self.set_contact(content, binding).map(|()| String::new()),
            _ => Err(("cancel", "service-unavailable")),
        }
    }

    fn roster(&self, binding: &Binding) -> String {
        self.router.follow_roster(binding);
        let contacts = self.contacts.which(&binding.account, |contact| contact.listed);
        let items: String = contacts.iter().map(|(contact, item)| self.roster_item(contact, item)).collect();
        format!("<query xmlns='{ROSTER}'>{items}</query>")
    }

    /// Lists, changes or removes the one contact that is in the request (RFC 6121, sections 2.3 to 2.5).
    fn set_contact(&self, query: &Element, Binding { account, .. }: &Binding) -> Result<(), Failure> {
        let [item] = query.children.as_slice() else { return Err(("modify", "bad-request")) };
        let jid =
            item.attribute("jid").filter(|_| item.is(ROSTER, "item")).ok_or(("modify", "bad-request"))?;
        let jid = Jid::parse(jid).map_err(|_| ("modify", "jid-malformed"))?;
        let ours = jid.domain().eq_ignore_ascii_case(&self.host);
        let contact = jid.local().filter(|contact| ours && contact != account);
        let contact = contact.ok_or(("cancel", "not-allowed"))?;
        if item.attribute("subscription") == Some("remove") {
            let removed = self.drop_contact(account, contact);
            return if removed { Ok(()) } else { Err(("modify", "item-not-found")) };
        }
        let (name, groups) = name_and_groups(item).ok_or(("modify", "not-acceptable"))?;
        let listed = self.contacts.set(account, contact, name, groups);
        listed.map_err(|_| ("wait", "resource-constraint"))?;
        self.push_contact(account, contact);
        self.drop_if_gone(account);
        Ok(())
    }
}

impl Asked {
    /// What the entity is and can do (XEP-0030, section 3).
    fn identity(self) -> String {
        let (identity, features) = match self {
            Self::Server => {
                ("category='server' type='im'", [DISCO_INFO, DISCO_ITEMS, PING, ROSTER].as_slice())
            }
            Self::Account => ("category='account' type='registered'", [DISCO_INFO, DISCO_ITEMS].as_slice()),
        };
        let features: String = features.iter().map(|feature| format!("<feature var='{feature}'/>")).collect();
        format!("<query xmlns='{DISCO_INFO}'><identity {identity}/>{features}</query>")
    }
}

/// What the user calls a contact, or `None` if that is too long, too much or said twice (RFC 6121, section 2.3.3).
fn name_and_groups(item: &Element) -> Option<(Option<String>, Vec<String>)> {
    let name = item.attribute("name").filter(|name| !name.is_empty());
    let groups: Vec<_> = item.children.iter().filter(|child| child.is(ROSTER, "group")).collect();
    let short = |text: &str| text.len() <= LONGEST_NAME;
    let fine = groups.iter().enumerate().all(|(position, group)| {
        let twice = groups.iter().take(position).any(|earlier| earlier.text == group.text);
        !group.text.is_empty() && short(&group.text) && !twice
    });
    let acceptable = name.is_none_or(short) && groups.len() <= GROUPS && fine;
    let groups = groups.iter().map(|group| group.text.clone()).collect();
    acceptable.then(|| (name.map(str::to_owned), groups))
}
