//! What is said in a group, and what a group tells of itself: each of it goes to people one by one, as far as their
//! clients can receive it, and waits for who is absent.

use std::sync::Arc;

use crate::sandbox::connection::Stanza;
use crate::sandbox::element::{Element, escape};
use crate::sandbox::gatekeeper::queue;
use crate::sandbox::gatekeeper::routing::{Binding, Undeliverable};
use crate::sandbox::gatekeeper::{Shared, replies};
use crate::sandbox::groups::NAMESPACE;
use crate::sandbox::random;

impl Shared {
    /// Hands a member's message to all other members. Returns the error to send back, if there is one to be sent.
    ///
    /// Whose client cannot receive what is in it gets nothing, and the sender is not told: what others' clients are is
    /// not the group's concern. If there was no room for some member, the sender is; the others have it all the same.
    pub(in crate::sandbox::gatekeeper) fn take_group_message(
        self: &Arc<Self>,
        stanza: &Stanza,
        id: &str,
        Binding { account, .. }: &Binding,
    ) -> Option<String> {
        let message = &stanza.root;
        match message.attribute("type") {
            Some("groupchat") => {}
            // An error is never answered by an error (RFC 6120, section 8.3.1).
            Some("error") => return None,
            _ => return Some(replies::error(message, "modify", "bad-request")),
        }
        let Ok(members) = self.groups.receivers(id, account) else {
            return Some(replies::error(message, "cancel", "item-not-found"));
        };
        let has_room = self.hand_to(&members, stanza, id, account);
        (!has_room).then(|| replies::error(message, "wait", "resource-constraint"))
    }

    /// Whether there was room for everybody.
    fn hand_to(self: &Arc<Self>, members: &[String], stanza: &Stanza, id: &str, sender: &str) -> bool {
        let from = format!("{}/{sender}", self.group_jid(id));
        let contents = self.judged(&stanza.root);
        let mut has_room = true;
        for member in members {
            let addressed = stanza.with_addresses(&from, &self.bare_jid(member));
            let addressed = queue::without_forged_delays(&stanza.root, addressed, &self.host);
            let delivered = self.deliver_or_keep(member, sender, &stanza.root, addressed, &contents);
            has_room &= delivered != Err(Undeliverable::Congested);
        }
        has_room
    }

    /// Asks somebody into a group, who may be absent.
    pub(super) fn tell_invitation(self: &Arc<Self>, id: &str, name: &str, by: &str, whom: &str) {
        let (name, by_jid) = (escape(name), self.bare_jid(by));
        let content = format!("<invitation xmlns='{NAMESPACE}' name='{name}' by='{}'/>", escape(&by_jid));
        let invitation = self.of_group(id, "normal", whom, &content);
        if let Some(root) = Element::of_stanza(&invitation) {
            // The invitation stands all the same, and is among the groups that can be listed.
            let _ = self.deliver_or_keep(whom, by, &root, invitation, &[]);
        }
    }

    /// Tells members that somebody has joined or left. Who is absent finds it in the list of members.
    pub(in crate::sandbox::gatekeeper) fn tell_members(
        &self,
        id: &str,
        members: Vec<String>,
        what: &str,
        who: &str,
    ) {
        let content = format!("<{what} xmlns='{NAMESPACE}' jid='{}'/>", escape(&self.bare_jid(who)));
        for member in members {
            let _ = self.router.deliver(&member, &self.of_group(id, "headline", &member, &content), &[]);
        }
    }

    /// An account that is gone leaves all groups.
    pub(in crate::sandbox::gatekeeper) fn leave_all_groups(&self, account: &str) {
        for group in self.groups.of(account) {
            if let Ok(left) = self.groups.leave(&group.id, account) {
                self.tell_members(&group.id, left, "left", account);
            }
        }
    }

    /// A message in the name of a group itself.
    fn of_group(&self, id: &str, type_: &str, to: &str, content: &str) -> Vec<u8> {
        let (from, to) = (self.group_jid(id), self.bare_jid(to));
        // Without randomness the id is one that was there before, which matters to nobody here.
        let number = random::token().unwrap_or_default();
        format!(
            "<message type='{type_}' id='{number}' from='{from}' to='{}'>{content}</message>",
            escape(&to)
        )
        .into_bytes()
    }
}
