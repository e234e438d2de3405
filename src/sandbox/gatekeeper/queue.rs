//! Messages that wait for users who are not there, as bytes with the time at which they came.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::clock;
use crate::framing::Scope;
use crate::sandbox::element::{Element, escape};
use crate::stanza::namespace::{CLIENT, DELAY, STREAMS};
use crate::stanza::{Edit, Tree};

/// Messages that wait for one user; fewer than a session's mailbox takes, so that they can all be delivered at once.
const PER_ACCOUNT: usize = 100;
/// Their bytes.
const BYTES_PER_ACCOUNT: usize = 4 << 20;
/// The bytes that one sender has waiting for all users together, so that none takes the room of all.
const BYTES_OF_SENDER: usize = 4 << 20;
/// The bytes that wait for all users together.
const BYTES_IN_ALL: usize = 64 << 20;

/// A stanza that waits: for an absent user, for its session to write it, or for its acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub stanza: Vec<u8>,
    /// When it came.
    pub since: SystemTime,
}

impl Waiting {
    /// One that has come just now.
    pub fn now(stanza: Vec<u8>) -> Self {
        Self { stanza, since: SystemTime::now() }
    }

    /// The message with the time at which it came, unless `host` has said that before. `root` is the same message, read.
    pub fn stamped(&self, root: &Element, host: &str) -> Vec<u8> {
        let stanza = &self.stanza;
        let says_so = |child: &Element| child.is(DELAY, "delay") && child.attribute("from") == Some(host);
        if root.children.iter().any(says_so) {
            return stanza.clone();
        }
        let stamp = clock::written(self.since);
        let delay = format!("<delay xmlns='{DELAY}' from='{}' stamp='{stamp}'/>", escape(host));
        if let Some(tag) = stanza.strip_suffix(b"/>") {
            let ends_name = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'/';
            let name_end = stanza.iter().position(ends_name).unwrap_or(tag.len());
            let name = stanza.get(1..name_end).unwrap_or_default();
            return [tag, b">", delay.as_bytes(), b"</", name, b">"].concat();
        }
        let closing_tag = stanza.iter().rposition(|byte| *byte == b'<').unwrap_or(stanza.len());
        let (content, closing_tag) = stanza.split_at(closing_tag);
        [content, delay.as_bytes(), closing_tag].concat()
    }
}

/// A message without the delays in which its sender speaks in `host`'s name: only the gatekeeper says when it took a
/// message (XEP-0203, section 5). `root` is the message as it came, `stanza` its bytes.
pub(super) fn without_forged_delays(root: &Element, stanza: Vec<u8>, host: &str) -> Vec<u8> {
    let is_host = |from: Option<&str>| from.is_some_and(|from| from.eq_ignore_ascii_case(host));
    if !root.children.iter().any(|child| child.is(DELAY, "delay") && is_host(child.attribute("from"))) {
        return stanza;
    }
    let stream = format!("<stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}'>");
    let framed = [stream.as_bytes(), &stanza].concat();
    let whole = [framed.as_slice(), b"</stream>"].concat();
    // What could be read once can be read again.
    let scope = Scope::default();
    let Ok(tree) = Tree::parse(&whole, &scope) else { return stanza };
    let mut edit = Edit::default();
    for child in tree.children().flat_map(|message| tree.children_of(message)) {
        if child.is(DELAY, "delay") && is_host(child.value("from")) {
            edit.remove_element(&framed, child.range.clone());
        }
    }
    let mut honest = Vec::new();
    edit.apply(&framed, &mut honest);
    honest.split_off(stream.len())
}

/// A message that waits for an absent user, with the account that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    pub sender: String,
    pub message: Waiting,
}

/// The messages of all users.
#[derive(Default)]
pub(super) struct Queue(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    by_account: BTreeMap<String, Line>,
    /// The bytes that each sender has waiting.
    by_sender: BTreeMap<String, usize>,
    /// Of all messages.
    bytes: usize,
}

/// What waits for one user, the oldest first.
#[derive(Default)]
struct Line {
    messages: VecDeque<Queued>,
    bytes: usize,
}

impl Queue {
    /// Keeps a message behind those that wait already, or gives it back if too much does.
    pub fn keep(&self, account: &str, message: Queued) -> Result<(), Queued> {
        self.lines().append(account, message)
    }

    /// Puts messages in front of those that wait already, in their order. Returns the ones for which there is no room:
    /// the last.
    pub fn put_back(&self, account: &str, messages: VecDeque<Queued>) -> Vec<Queued> {
        let mut lines = self.lines();
        let later = lines.take(account);
        let all = messages.into_iter().chain(later);
        all.filter_map(|message| lines.append(account, message).err()).collect()
    }

    /// Takes all that waits for a user, the oldest first.
    pub fn take(&self, account: &str) -> VecDeque<Queued> {
        self.lines().take(account)
    }

    /// How many messages wait for a user.
    pub fn len(&self, account: &str) -> usize {
        self.lines().by_account.get(account).map_or(0, |line| line.messages.len())
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn append(&mut self, account: &str, queued: Queued) -> Result<(), Queued> {
        let size = queued.message.stanza.len();
        let line = self.by_account.get(account);
        let (count, bytes) = line.map_or((0, 0), |line| (line.messages.len(), line.bytes));
        let of_sender = self.by_sender.get(&queued.sender).copied().unwrap_or(0);
        let has_room = count < PER_ACCOUNT
            && bytes + size <= BYTES_PER_ACCOUNT
            && of_sender + size <= BYTES_OF_SENDER
            && self.bytes + size <= BYTES_IN_ALL;
        if !has_room {
            return Err(queued);
        }
        self.bytes += size;
        self.by_sender.insert(queued.sender.clone(), of_sender + size);
        let line = self.by_account.entry(account.to_owned()).or_default();
        line.bytes += size;
        line.messages.push_back(queued);
        Ok(())
    }

    fn take(&mut self, account: &str) -> VecDeque<Queued> {
        let line = self.by_account.remove(account).unwrap_or_default();
        self.bytes -= line.bytes;
        for Queued { sender, message } in &line.messages {
            if let Some(bytes) = self.by_sender.get_mut(sender) {
                *bytes -= message.stanza.len();
                if *bytes == 0 {
                    self.by_sender.remove(sender);
                }
            }
        }
        line.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(sender: &str, stanza: Vec<u8>) -> Queued {
        Queued { sender: sender.to_owned(), message: Waiting { stanza, since: SystemTime::UNIX_EPOCH } }
    }

    fn message(text: &str) -> Queued {
        from("cat", text.as_bytes().to_vec())
    }

    #[test]
    fn the_time_is_said_once() {
        let delay = "<delay xmlns='urn:xmpp:delay' from='h' stamp='1970-01-01T00:00:00Z'/>";
        let forged = "<delay xmlns='urn:xmpp:delay' from='other'/>";
        for (came, delivered) in [
            ("<message/>", format!("<message>{delay}</message>")),
            (
                "<c:message xmlns:c='jabber:client' />",
                format!("<c:message xmlns:c='jabber:client' >{delay}</c:message>"),
            ),
            ("<message><body>x/></body></message >", format!("<message><body>x/></body>{delay}</message >")),
            (&format!("<message>{forged}</message>"), format!("<message>{forged}{delay}</message>")),
        ] {
            let stamped = |stanza: &[u8]| {
                let waiting = Waiting { stanza: stanza.to_vec(), since: SystemTime::UNIX_EPOCH };
                waiting.stamped(&Element::of_stanza(stanza).unwrap(), "h")
            };
            let once = stamped(came.as_bytes());
            assert_eq!(String::from_utf8_lossy(&once), delivered);
            assert_eq!(stamped(&once), once);
        }
    }

    #[test]
    fn a_sender_cannot_say_when_the_gatekeeper_took_a_message() {
        let others = "<delay xmlns='urn:xmpp:delay' from='other'/><delay from='h'/>";
        let nested = "<x xmlns='y'><delay xmlns='urn:xmpp:delay' from='h'/><stream:z/></x>";
        for forged in [
            "<delay xmlns='urn:xmpp:delay' from='h' stamp='1999-01-01T00:00:00Z'/>",
            "<d:delay xmlns:d='urn:xmpp:delay' from='&#72;'>since <b/> then</d:delay >",
        ] {
            let came = format!("<message>{forged}{others}{forged}{nested}</message>");
            let root = Element::of_stanza(came.as_bytes()).unwrap();
            let honest = without_forged_delays(&root, came.into_bytes(), "h");
            assert_eq!(String::from_utf8_lossy(&honest), format!("<message>{others}{nested}</message>"));
        }
    }

    #[test]
    fn messages_wait_in_order_and_those_put_back_are_the_first() {
        let queue = Queue::default();
        queue.keep("ann", message("3")).unwrap();
        assert_eq!(queue.put_back("ann", [message("1"), message("2")].into()), []);
        queue.keep("ann", message("4")).unwrap();
        assert_eq!(queue.len("ann"), 4);
        assert_eq!(queue.take("ann"), ["1", "2", "3", "4"].map(message));
        assert_eq!(queue.len("ann"), 0);
    }

    #[test]
    fn nobody_can_fill_the_queue_of_another() {
        let queue = Queue::default();
        for _ in 0..PER_ACCOUNT {
            queue.keep("ann", message("x")).unwrap();
        }
        assert_eq!(queue.keep("ann", message("y")), Err(message("y")));
        queue.keep("ben", message("y")).unwrap();
    }

    #[test]
    fn the_newest_are_given_back_when_there_is_no_room() {
        let queue = Queue::default();
        queue.keep("ann", message("new")).unwrap();
        let older = vec![message("old"); PER_ACCOUNT].into();
        assert_eq!(queue.put_back("ann", older), [message("new")]);
        assert_eq!(queue.len("ann"), PER_ACCOUNT);
    }

    #[test]
    fn bytes_are_bounded_for_one_and_for_all() {
        let queue = Queue::default();
        let of_size = |sender: &str, size| from(sender, vec![b'x'; size]);
        for account in 0..BYTES_IN_ALL / BYTES_PER_ACCOUNT {
            let account = account.to_string();
            queue.keep(&account, of_size(&account, BYTES_PER_ACCOUNT)).unwrap();
            assert!(queue.keep(&account, of_size("another", 1)).is_err());
        }
        assert!(queue.keep("another", of_size("another", 1)).is_err());
        queue.take("0");
        queue.keep("another", of_size("another", 1)).unwrap();
    }

    #[test]
    fn one_sender_takes_only_so_much_of_the_room_of_all() {
        let queue = Queue::default();
        let half = |sender| from(sender, vec![b'x'; BYTES_OF_SENDER / 2]);
        queue.keep("ann", half("cat")).unwrap();
        queue.keep("ben", half("cat")).unwrap();
        assert_eq!(queue.keep("dan", message("x")), Err(message("x")));
        queue.keep("dan", half("eve")).unwrap();
        let taken = queue.take("ann");
        queue.keep("dan", message("x")).unwrap();
        assert_eq!(queue.put_back("ann", taken), [half("cat")], "meanwhile there is no room for it");
        for account in ["ben", "dan"] {
            queue.take(account);
        }
        assert!(queue.lines().by_sender.is_empty());
    }
}
