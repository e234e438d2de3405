//! Who is bound, who is available, and what each client can be sent. Who may see whom is `contacts`' to know.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::contents::{Content, ContentTypes, Receivable};
use crate::stanza::Condition;

/// Stanzas that may wait for one session to write them.
const MAILBOX: usize = 256;

/// What a session is sent from outside.
pub(super) enum Mail {
    /// To be passed on to its client.
    Stanza(Vec<u8>),
    /// The session is over, for this reason.
    End(Condition),
}

/// Why a stanza reached nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Undeliverable {
    /// No resource that could take it is there, or there is no such account (RFC 6121, section 8.5).
    Absent,
    /// The receiver does not read as fast as others write, or too much waits for it already.
    Congested,
    /// The receiver's client cannot receive content of this class.
    Unwanted(String),
    /// It is for no address.
    Malformed,
    /// It is for another domain.
    Elsewhere,
}

/// Who is there.
#[derive(Default)]
pub(super) struct Router {
    table: Arc<Table>,
}

/// The bound resources of each account, by their names.
#[derive(Default)]
struct Table(Mutex<BTreeMap<String, BTreeMap<String, Resource>>>);

/// A bound session, from outside.
struct Resource {
    mailbox: mpsc::Sender<Mail>,
    /// The last presence it broadcast, as long as it is available.
    presence: Option<Presence>,
    /// Whether it has asked for the roster, so that it is told of changes (RFC 6121, section 2.1.6).
    has_roster: bool,
    receivable: Receivable,
    traffic: Arc<Traffic>,
}

/// An available presence.
pub(super) struct Presence {
    pub stanza: Vec<u8>,
    /// A negative one takes no messages to the bare JID (RFC 6121, section 4.7.2.3).
    pub priority: i8,
}

/// How many stanzas have passed since the resource was bound.
#[derive(Default)]
pub(super) struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Traffic {
    /// One came from the client.
    pub fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// One goes to the client.
    pub fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// A bound session, from inside. The resource is free again when it is dropped.
pub(super) struct Binding {
    pub account: String,
    pub resource: String,
    pub mailbox: mpsc::Receiver<Mail>,
    pub traffic: Arc<Traffic>,
    table: Arc<Table>,
}

impl Binding {
    /// Takes in nothing more. Returns the stanzas that came and were not passed on to the client.
    pub fn close(&mut self) -> Vec<Vec<u8>> {
        self.mailbox.close();
        let left = std::iter::from_fn(|| self.mailbox.try_recv().ok());
        let stanza = |mail| match mail {
            Mail::Stanza(stanza) => Some(stanza),
            Mail::End(_) => None,
        };
        left.filter_map(stanza).collect()
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        let mut accounts = self.table.accounts();
        let Some(resources) = accounts.get_mut(&self.account) else { return };
        resources.remove(&self.resource);
        if resources.is_empty() {
            accounts.remove(&self.account);
        }
    }
}

impl Table {
    fn accounts(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, Resource>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Router {
    /// Binds the resource that the client wishes for, or `alternative` if it has no wish or the resource is taken
    /// (RFC 6120, section 7.7.2.2).
    pub fn bind(&self, account: &str, wish: Option<String>, alternative: String) -> Binding {
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        let mut accounts = self.table.accounts();
        let resources = accounts.entry(account.to_owned()).or_default();
        let resource = wish.filter(|wish| !resources.contains_key(wish)).unwrap_or(alternative);
        let bound = Resource::new(sender);
        let traffic = bound.traffic.clone();
        resources.insert(resource.clone(), bound);
        Binding { account: account.to_owned(), resource, mailbox, traffic, table: self.table.clone() }
    }

    /// Takes down what a session was told its client can receive.
    pub fn learn(&self, binding: &Binding, told: ContentTypes) {
        self.with(binding, |resource| resource.receivable.learn(told));
    }

    /// The session is told of changes of the roster from now on.
    pub fn follow_roster(&self, binding: &Binding) {
        self.with(binding, |resource| resource.has_roster = true);
    }

    /// Delivers to all available resources of an account that take messages, as far as they can receive what is in it.
    pub fn deliver(
        &self,
        account: &str,
        stanza: &[u8],
        contents: &[Content<'_>],
    ) -> Result<(), Undeliverable> {
        let accounts = self.table.accounts();
        let resources = accounts.get(account).into_iter().flat_map(BTreeMap::values);
        resources
            .filter(|resource| resource.takes_messages())
            .map(|resource| resource.offer(stanza, contents))
            .reduce(Result::or)
            .unwrap_or(Err(Undeliverable::Absent))
    }

    /// Delivers to one resource and to no other, if it can receive what is in it.
    pub fn deliver_exactly(
        &self,
        account: &str,
        resource: &str,
        stanza: &[u8],
        contents: &[Content<'_>],
    ) -> Result<(), Undeliverable> {
        let accounts = self.table.accounts();
        let resource = accounts.get(account).and_then(|resources| resources.get(resource));
        resource.ok_or(Undeliverable::Absent)?.offer(stanza, contents)
    }

    /// Delivers presence to all available resources of an account. To a congested one it is lost.
    pub fn announce(&self, account: &str, presence: &[u8]) {
        let accounts = self.table.accounts();
        let resources = accounts.get(account).into_iter().flat_map(BTreeMap::values);
        for resource in resources.filter(|resource| resource.presence.is_some()) {
            let _ = resource.post(presence);
        }
    }

    /// Tells an account's resources that follow its roster of a change. To a congested one it is lost.
    pub fn push_roster(&self, account: &str, push: &[u8]) {
        let accounts = self.table.accounts();
        let resources = accounts.get(account).into_iter().flat_map(BTreeMap::values);
        for resource in resources.filter(|resource| resource.has_roster) {
            let _ = resource.post(push);
        }
    }

    /// Whether some resource of an account takes messages.
    pub fn takes_messages(&self, account: &str) -> bool {
        self.table
            .accounts()
            .get(account)
            .is_some_and(|resources| resources.values().any(Resource::takes_messages))
    }

    /// The available resources of an account, with the presence of each.
    pub fn available(&self, account: &str) -> Vec<(String, Vec<u8>)> {
        let accounts = self.table.accounts();
        let resources = accounts.get(account).into_iter().flatten();
        let available = resources.filter_map(|(name, resource)| {
            resource.presence.as_ref().map(|presence| (name.clone(), presence.stanza.clone()))
        });
        available.collect()
    }

    /// Ends all sessions of an account for this reason. One that is congested ends by the time that it may be.
    pub fn end(&self, account: &str, condition: Condition) {
        for resource in self.table.accounts().get(account).into_iter().flat_map(BTreeMap::values) {
            let _ = resource.mailbox.try_send(Mail::End(condition));
        }
    }

    /// Takes over that a session is available, and tells `audience` and the account's own resources. Returns whether it
    /// was not before: then it is told of those of its own account and of `watched` who are available, too (RFC 6121,
    /// sections 4.2 and 4.4). Presence to a congested receiver is lost.
    pub fn appear(
        &self,
        binding: &Binding,
        audience: &[String],
        watched: &[String],
        presence: Presence,
    ) -> bool {
        let stanza = presence.stanza.clone();
        let before = self.with(binding, |resource| {
            (resource.presence.replace(presence).is_some(), resource.mailbox.clone())
        });
        let Some((was_available, mailbox)) = before else { return false };
        self.broadcast(binding, audience, &stanza);
        if was_available {
            return false;
        }
        let accounts = self.table.accounts();
        let seen = watched.iter().chain([&binding.account]).filter_map(|account| accounts.get(account));
        for resource in seen.flat_map(BTreeMap::values) {
            if let Some(theirs) = &resource.presence
                && !mailbox.same_channel(&resource.mailbox)
            {
                let _ = mailbox.try_send(Mail::Stanza(theirs.stanza.clone()));
                binding.traffic.count_sent();
            }
        }
        true
    }

    /// Takes over that a session is no longer available, and tells `audience` and the account's other resources. Who was
    /// not available before is not announced as gone.
    pub fn disappear(&self, binding: &Binding, audience: &[String], farewell: &[u8]) {
        if self.with(binding, |resource| resource.presence.take()).flatten().is_some() {
            self.broadcast(binding, audience, farewell);
        }
    }

    fn broadcast(&self, binding: &Binding, audience: &[String], presence: &[u8]) {
        for account in audience.iter().chain([&binding.account]) {
            self.announce(account, presence);
        }
    }

    /// What `change` makes of a session's resource, which is there as long as the binding is.
    fn with<T>(&self, binding: &Binding, change: impl FnOnce(&mut Resource) -> T) -> Option<T> {
        let mut accounts = self.table.accounts();
        accounts.get_mut(&binding.account)?.get_mut(&binding.resource).map(change)
    }
}

impl Resource {
    fn new(mailbox: mpsc::Sender<Mail>) -> Self {
        Self {
            mailbox,
            presence: None,
            has_roster: false,
            receivable: Receivable::default(),
            traffic: Arc::default(),
        }
    }

    fn takes_messages(&self) -> bool {
        self.presence.as_ref().is_some_and(|presence| presence.priority >= 0)
    }

    /// Posts what the client can receive.
    fn offer(&self, stanza: &[u8], contents: &[Content<'_>]) -> Result<(), Undeliverable> {
        match self.receivable.refused(contents) {
            Some(content) => Err(Undeliverable::Unwanted(content.class.to_owned())),
            None => self.post(stanza),
        }
    }

    fn post(&self, stanza: &[u8]) -> Result<(), Undeliverable> {
        let posted = self.mailbox.try_send(Mail::Stanza(stanza.to_vec()));
        posted.map(|()| self.traffic.count_sent()).map_err(|error| match error {
            TrySendError::Full(_) => Undeliverable::Congested,
            TrySendError::Closed(_) => Undeliverable::Absent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(router: &Router, account: &str, resource: &str) -> Binding {
        router.bind(account, Some(resource.to_owned()), "another".to_owned())
    }

    fn appear(router: &Router, binding: &Binding, audience: &[&str], watched: &[&str], priority: i8) -> bool {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let stanza = format!("<presence from='{}'/>", binding.account).into_bytes();
        router.appear(binding, &names(audience), &names(watched), Presence { stanza, priority })
    }

    fn next(binding: &mut Binding) -> Option<String> {
        match binding.mailbox.try_recv() {
            Ok(Mail::Stanza(stanza)) => Some(String::from_utf8(stanza).unwrap()),
            _ => None,
        }
    }

    #[test]
    fn a_receiver_that_takes_nothing_is_congested_and_not_waited_for() {
        let router = Router::default();
        let mut binding = bound(&router, "ann", "desk");
        let deliver = || router.deliver_exactly("ann", "desk", b"<message/>", &[]);
        for _ in 0..MAILBOX {
            assert_eq!(deliver(), Ok(()));
        }
        assert_eq!(deliver(), Err(Undeliverable::Congested));
        assert!(next(&mut binding).is_some());
        assert_eq!(deliver(), Ok(()));
        assert_eq!(binding.traffic.sent(), MAILBOX as u64 + 1);
    }

    #[test]
    fn a_resource_is_free_again_when_its_binding_is_gone() {
        let router = Router::default();
        let first = bound(&router, "ann", "desk");
        assert_eq!(bound(&router, "ann", "desk").resource, "another");
        drop(first);
        assert!(router.table.accounts().is_empty());
        assert_eq!(bound(&router, "ann", "desk").resource, "desk");
        assert_eq!(router.deliver_exactly("ann", "desk", b"<message/>", &[]), Err(Undeliverable::Absent));
    }

    #[test]
    fn who_was_never_available_is_not_announced_as_gone() {
        let router = Router::default();
        let mut ann = bound(&router, "ann", "desk");
        assert!(appear(&router, &ann, &[], &[], 0));
        assert!(next(&mut ann).is_some());
        let ben = bound(&router, "ben", "desk");
        router.disappear(&ben, &["ann".to_owned()], b"<presence type='unavailable'/>");
        assert_eq!(next(&mut ann), None);
    }

    #[test]
    fn presence_is_told_to_the_audience_and_learnt_of_the_watched() {
        let router = Router::default();
        let [mut ann, mut ben, mut cat] = ["ann", "ben", "cat"].map(|name| bound(&router, name, "desk"));
        appear(&router, &ann, &[], &[], 0);
        appear(&router, &ben, &[], &[], 0);
        let _ = (next(&mut ann), next(&mut ben));
        assert!(appear(&router, &cat, &["ann"], &["ben"], 0));
        assert_eq!(next(&mut ann).as_deref(), Some("<presence from='cat'/>"));
        assert_eq!(next(&mut ben), None);
        assert_eq!(next(&mut cat).as_deref(), Some("<presence from='cat'/>"));
        assert_eq!(next(&mut cat).as_deref(), Some("<presence from='ben'/>"));
        assert!(!appear(&router, &cat, &["ann"], &["ben"], 0));
        assert_eq!(next(&mut cat).as_deref(), Some("<presence from='cat'/>"));
        assert_eq!(next(&mut cat), None);
    }

    #[test]
    fn a_negative_priority_takes_no_messages_to_the_account() {
        let router = Router::default();
        let mut ann = bound(&router, "ann", "desk");
        appear(&router, &ann, &[], &[], -1);
        next(&mut ann);
        assert!(!router.takes_messages("ann"));
        assert_eq!(router.deliver("ann", b"<message/>", &[]), Err(Undeliverable::Absent));
        assert_eq!(router.deliver_exactly("ann", "desk", b"<message/>", &[]), Ok(()));
        assert!(!appear(&router, &ann, &[], &[], 0));
        assert_eq!(router.deliver("ann", b"<message/>", &[]), Ok(()));
    }
}
