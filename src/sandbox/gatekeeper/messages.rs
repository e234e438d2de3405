//! Messages: to whom they are delivered, what waits for the absent, and what is not sent because the receiver's client
//! cannot receive it (RFC 6121, section 8.5; XEP-0160).

use std::collections::VecDeque;
use std::sync::Arc;

use super::contents::{self, Content};
use super::queue::{self, Queued, Waiting};
use super::routing::{Binding, Undeliverable};
use super::stanzas::Recipient;
use super::{Shared, replies};
use crate::sandbox::connection::Stanza;
use crate::sandbox::element::Element;
use crate::stanza::Jid;
use crate::stanza::namespace::{CHAT_STATES, CLIENT, HINTS};

/// What becomes of a message while nobody is there to take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absence {
    /// It waits.
    Kept,
    /// It has no meaning later, and its sender misses no answer.
    Ignored,
    /// It comes back.
    Refused,
}

impl Shared {
    /// Hands a message to whom it is for. Returns the error to send back, if there is one to be sent.
    pub(super) fn take_message(self: &Arc<Self>, stanza: &Stanza, binding: &Binding) -> Option<String> {
        if let Ok(Recipient::Group(group)) = self.recipient(&stanza.root, binding) {
            return self.take_group_message(stanza, group, binding);
        }
        let stamped = stanza.with_from(&self.full_jid(binding));
        let stamped = queue::without_forged_delays(&stanza.root, stamped, &self.host);
        let routed = self.route_message(&stanza.root, stamped, binding);
        replies::undeliverable(&stanza.root, &routed.err()?)
    }

    /// Takes back messages that a session was sent and that its client has not acknowledged: they are delivered to the
    /// account's other resources or wait in front of all others. Call it once the session has left. What is no message
    /// is not kept, and a request comes back as an error (XEP-0198, section 4).
    pub(super) fn give_back(self: &Arc<Self>, account: &str, stanzas: Vec<Waiting>) {
        let mut messages = VecDeque::new();
        for waiting in stanzas {
            let Some(root) = Element::of_stanza(&waiting.stanza) else { continue };
            if waits_for_the_absent(&root) {
                messages.push_back(Queued { sender: sender(&root).unwrap_or_default(), message: waiting });
            } else if root.is(CLIENT, "iq") {
                self.bounce(&root, &Undeliverable::Absent);
            }
        }
        if messages.is_empty() || !self.exists(account) {
            return;
        }
        messages.append(&mut self.queue.take(account));
        self.deliver_oldest(account, messages);
        if !self.router.takes_messages(account) {
            self.wake(account);
        }
    }

    /// Delivers what waits for an account, the oldest first, as long as somebody takes it.
    pub(super) fn deliver_waiting(&self, account: &str) {
        self.deliver_oldest(account, self.queue.take(account));
    }

    fn deliver_oldest(&self, account: &str, mut waiting: VecDeque<Queued>) {
        while let Some(queued) = waiting.pop_front() {
            if !self.deliver_late(account, &queued.message) {
                waiting.push_front(queued);
                break;
            }
        }
        self.put_back(account, waiting);
    }

    fn route_message(
        self: &Arc<Self>,
        message: &Element,
        stamped: Vec<u8>,
        binding: &Binding,
    ) -> Result<(), Undeliverable> {
        let (account, resource) = match self.recipient(message, binding)? {
            Recipient::Server | Recipient::Groups | Recipient::Group(_) => return Err(Undeliverable::Absent),
            Recipient::Account(account) => (account, None),
            Recipient::Resource(account, resource) => (account, Some(resource)),
        };
        // Only groups send to groups' members, so that what comes as a group's message is one.
        if message.attribute("type") == Some("groupchat") {
            return Err(Undeliverable::Absent);
        }
        let contents = self.judged(message);
        if let Some(resource) = resource {
            let delivered = self.router.deliver_exactly(account, resource, &stamped, &contents);
            if delivered != Err(Undeliverable::Absent) {
                return delivered;
            }
        }
        match message.attribute("type") {
            Some("error") => Ok(()),
            // What is for one resource alone is news to no other; the others get it as it comes, or never.
            Some("headline") if resource.is_some() => Ok(()),
            Some("headline") => match self.router.deliver(account, &stamped, &contents) {
                Err(Undeliverable::Absent) => Ok(()),
                delivered => delivered,
            },
            _ => self.deliver_or_keep(account, &binding.account, message, stamped, &contents),
        }
    }

    /// Delivers a message, or keeps it until somebody is there to take it. `message` is what `stamped` holds; the room in
    /// which it waits is its sender's.
    pub(super) fn deliver_or_keep(
        self: &Arc<Self>,
        account: &str,
        sender: &str,
        message: &Element,
        stamped: Vec<u8>,
        contents: &[Content<'_>],
    ) -> Result<(), Undeliverable> {
        match self.router.deliver(account, &stamped, contents) {
            Err(Undeliverable::Absent) if self.exists(account) => {
                let queued = Queued { sender: sender.to_owned(), message: Waiting::now(stamped) };
                self.keep(account, message, queued)
            }
            delivered => delivered,
        }
    }

    fn keep(self: &Arc<Self>, account: &str, message: &Element, queued: Queued) -> Result<(), Undeliverable> {
        match Absence::of(message) {
            Absence::Ignored => return Ok(()),
            Absence::Refused => return Err(Undeliverable::Absent),
            Absence::Kept => {}
        }
        self.queue.keep(account, queued).map_err(|_| Undeliverable::Congested)?;
        self.deliver_or_wake(account);
        self.drop_if_gone(account);
        Ok(())
    }

    /// Something waits for this account. It may have come meanwhile, and found nothing that waited.
    fn deliver_or_wake(self: &Arc<Self>, account: &str) {
        if self.router.takes_messages(account) {
            self.deliver_waiting(account);
        } else {
            self.wake(account);
        }
    }

    /// Delivers a message that has waited. Returns whether it need not wait any more.
    fn deliver_late(&self, account: &str, message: &Waiting) -> bool {
        let Some(root) = Element::of_stanza(&message.stanza) else { return true };
        let stamped = message.stamped(&root, &self.host);
        match self.router.deliver(account, &stamped, &self.judged(&root)) {
            Ok(()) => true,
            Err(Undeliverable::Absent | Undeliverable::Congested) => false,
            Err(reason) => {
                self.bounce(&root, &reason);
                true
            }
        }
    }

    /// Messages for which there is no room any more go back to their senders.
    fn put_back(&self, account: &str, messages: VecDeque<Queued>) {
        for Queued { message, .. } in self.queue.put_back(account, messages) {
            if let Some(root) = Element::of_stanza(&message.stanza) {
                self.bounce(&root, &Undeliverable::Congested);
            }
        }
        self.drop_if_gone(account);
    }

    /// Tells the sender of a stanza that it reached nobody after all, if the sender is there.
    fn bounce(&self, stanza: &Element, reason: &Undeliverable) {
        let Some(error) = replies::undeliverable(stanza, reason) else { return };
        let sender = stanza.attribute("from").and_then(|from| Jid::parse(from).ok());
        // A group's is not told: what its members' clients are is not its concern.
        let sender = sender.filter(|sender| sender.domain().eq_ignore_ascii_case(&self.host));
        if let Some((account, resource)) = sender.and_then(|sender| sender.local().zip(sender.resource())) {
            // An error that does not arrive is nobody's concern any more.
            let _ = self.router.deliver_exactly(account, resource, error.as_bytes(), &[]);
        }
    }

    /// What in a message the receiver's client has to be able to receive.
    pub(super) fn judged<'a>(&self, message: &'a Element) -> Vec<Content<'a>> {
        if self.behaviour().ignore_content_types { Vec::new() } else { contents::of(message, &self.words) }
    }
}

/// The account that a stanza came from.
fn sender(stanza: &Element) -> Option<String> {
    Some(Jid::parse(stanza.attribute("from")?).ok()?.local()?.to_owned())
}

/// Whether this stanza would wait for its receiver if nobody were there.
pub(super) fn would_wait(stanza: &[u8]) -> bool {
    Element::of_stanza(stanza).is_some_and(|root| waits_for_the_absent(&root))
}

fn waits_for_the_absent(stanza: &Element) -> bool {
    stanza.is(CLIENT, "message") && Absence::of(stanza) == Absence::Kept
}

impl Absence {
    /// RFC 6121, section 8.5.2.2, and XEP-0160, section 3. Receipts are kept: their receiver waits for them. So is what
    /// a group sends: who is absent stays a member.
    fn of(message: &Element) -> Self {
        let is_chat_state = |child: &Element| child.namespace == CHAT_STATES;
        let mut children = message.children.iter();
        let only_chat_state = message.children.iter().any(is_chat_state)
            && children.all(|child| is_chat_state(child) || child.is(CLIENT, "thread"));
        match message.attribute("type") {
            Some("error" | "headline") => Self::Ignored,
            _ if only_chat_state => Self::Ignored,
            _ if message.child(HINTS, "no-store").is_some() => Self::Refused,
            _ => Self::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_meaning_later_is_kept() {
        let cases = [
            ("<message/>", Absence::Kept),
            ("<message type='chat'><body>x</body></message>", Absence::Kept),
            ("<message type='of no known kind'><body>x</body></message>", Absence::Kept),
            ("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>", Absence::Kept),
            (
                "<message><body>x</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>",
                Absence::Kept,
            ),
            (
                "<message><thread>t</thread><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
                Absence::Ignored,
            ),
            ("<message type='headline'><body>x</body></message>", Absence::Ignored),
            ("<message type='error'><body>x</body></message>", Absence::Ignored),
            ("<message type='groupchat'><body>x</body></message>", Absence::Kept),
            ("<message><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>", Absence::Refused),
        ];
        for (message, absence) in cases {
            assert_eq!(Absence::of(&Element::of_stanza(message.as_bytes()).unwrap()), absence, "{message}");
        }
    }
}
