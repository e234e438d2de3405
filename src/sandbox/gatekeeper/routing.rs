//! Who is bound, who is available, and what each client can be sent. Who may see whom is `contacts`' to know.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::contents::{Content, ContentTypes};
use super::mailbox::{End, Mail, Over, mailbox};
use super::memory::Memory;
use super::queue::Waiting;
use super::resource::{Presence, Resource, Traffic};

/// Resources that one account may have bound, connected or not.
const RESOURCES: usize = 16;
/// Accounts that are told when a session goes because it has sent them presence; more are not.
const DIRECTED: usize = 64;

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

/// An account has bound as many resources as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// Who is there.
#[derive(Default)]
pub(super) struct Router {
    table: Arc<Table>,
    memory: Memory,
}

/// The bound resources of each account, by their names.
#[derive(Default)]
struct Table(Mutex<BTreeMap<String, BTreeMap<String, Resource>>>);

/// A bound session, from inside. The resource is free again when it is dropped.
pub(super) struct Binding {
    pub account: String,
    pub resource: String,
    pub mail: Mail,
    pub end: End,
    /// What the stanzas take that the account's sessions hold.
    pub memory: Memory,
    pub traffic: Arc<Traffic>,
    table: Arc<Table>,
}

impl Binding {
    /// Takes in nothing more. Returns the stanzas that came and were not passed on to the client.
    pub fn close(&mut self) -> Vec<Waiting> {
        self.mail.close()
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
    pub fn bind(&self, account: &str, wish: Option<String>, alternative: String) -> Result<Binding, TooMany> {
        let mut accounts = self.table.accounts();
        let resources = accounts.entry(account.to_owned()).or_default();
        if resources.len() >= RESOURCES {
            return Err(TooMany);
        }
        let resource = wish.filter(|wish| !resources.contains_key(wish)).unwrap_or(alternative);
        let memory = match resources.values().next() {
            Some(other) => other.mailbox.memory().clone(),
            None => self.memory.of_another_account(),
        };
        let (mailbox, mail, end) = mailbox(memory.clone());
        let bound = Resource::new(mailbox);
        let traffic = bound.traffic.clone();
        resources.insert(resource.clone(), bound);
        let (account, table) = (account.to_owned(), self.table.clone());
        Ok(Binding { account, resource, mail, end, memory, traffic, table })
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

    /// Ends all sessions of an account that is gone, also those that wait to be resumed.
    pub fn end(&self, account: &str) {
        for resource in self.table.accounts().get(account).into_iter().flat_map(BTreeMap::values) {
            resource.mailbox.end(Over::Forgotten);
        }
    }

    /// The session is this client's: the ones that it had before end, also those that wait to be resumed (XEP-0386,
    /// section 3.2).
    pub fn replace(&self, binding: &Binding, client: &str) {
        let mut accounts = self.table.accounts();
        for (name, resource) in accounts.get_mut(&binding.account).into_iter().flatten() {
            if *name == binding.resource {
                resource.client = Some(client.to_owned());
            } else if resource.client.as_deref() == Some(client) {
                resource.mailbox.end(Over::Replaced);
            }
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
        let was_available = self.with(binding, |resource| resource.presence.replace(presence).is_some());
        self.broadcast(binding, audience, &stanza);
        if was_available != Some(false) {
            return false;
        }
        let accounts = self.table.accounts();
        let own = accounts.get(&binding.account).and_then(|resources| resources.get(&binding.resource));
        let Some(own) = own else { return false };
        let seen = watched.iter().chain([&binding.account]).filter_map(|account| accounts.get(account));
        let others = seen.flat_map(BTreeMap::values).filter(|resource| !std::ptr::eq(*resource, own));
        for theirs in others.filter_map(|resource| resource.presence.as_ref()) {
            let _ = own.post(&theirs.stanza);
        }
        true
    }

    /// Takes down that a session has sent its presence to an account, or that it is gone for that account (RFC 6121,
    /// section 4.6.3).
    pub fn direct(&self, binding: &Binding, account: &str, available: bool) {
        self.with(binding, |resource| {
            if !available {
                resource.directed.remove(account);
            } else if resource.directed.len() < DIRECTED {
                resource.directed.insert(account.to_owned());
            }
        });
    }

    /// Takes over that a session is no longer available, and tells `audience`, the account's other resources and those to
    /// whom it had sent presence. Who was not available before is not announced as gone.
    pub fn disappear(&self, binding: &Binding, audience: &[String], farewell: &[u8]) {
        let before = self.with(binding, |resource| {
            (resource.presence.take().is_some(), std::mem::take(&mut resource.directed))
        });
        let Some((was_available, mut directed)) = before else { return };
        if was_available {
            self.broadcast(binding, audience, farewell);
            directed.retain(|account| !audience.contains(account) && *account != binding.account);
        }
        for account in directed {
            self.announce(&account, farewell);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(router: &Router, account: &str, resource: &str) -> Binding {
        router.bind(account, Some(resource.to_owned()), "another".to_owned()).unwrap()
    }

    fn appear(router: &Router, binding: &Binding, audience: &[&str], watched: &[&str], priority: i8) -> bool {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let stanza = format!("<presence from='{}'/>", binding.account).into_bytes();
        router.appear(binding, &names(audience), &names(watched), Presence { stanza, priority })
    }

    fn next(binding: &mut Binding) -> Option<String> {
        binding.mail.try_next().map(|held| String::from_utf8(held.stanza.stanza).unwrap())
    }

    #[test]
    fn a_receiver_that_takes_nothing_is_congested_and_not_waited_for() {
        let router = Router::default();
        let mut binding = bound(&router, "ann", "desk");
        let deliver = || router.deliver_exactly("ann", "desk", b"<message/>", &[]);
        let delivered = std::iter::from_fn(|| deliver().ok()).count();
        assert_eq!(deliver(), Err(Undeliverable::Congested));
        assert!(next(&mut binding).is_some());
        assert_eq!(deliver(), Ok(()));
        assert_eq!(binding.traffic.sent(), delivered as u64 + 1);
    }

    #[test]
    fn sessions_of_one_account_share_a_bound_that_leaves_others_theirs() {
        let router = Router::default();
        let names: Vec<_> = (0..RESOURCES).map(|number| number.to_string()).collect();
        let _ann: Vec<_> = names.iter().map(|name| bound(&router, "ann", name)).collect();
        let _ben = bound(&router, "ben", "desk");
        let stanza = vec![b'x'; 1 << 20];
        let deliver = |account, resource| router.deliver_exactly(account, resource, &stanza, &[]);
        let taken = names.iter().flat_map(|name| std::iter::from_fn(|| deliver("ann", name).ok())).count();
        assert_eq!(taken, 31);
        assert_eq!(deliver("ann", &names[RESOURCES - 1]), Err(Undeliverable::Congested));
        assert_eq!(deliver("ben", "desk"), Ok(()));
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
    fn an_accounts_resources_are_bounded() {
        let router = Router::default();
        let mut bindings: Vec<_> =
            (0..RESOURCES).map(|resource| bound(&router, "ann", &resource.to_string())).collect();
        assert!(router.bind("ann", None, "late".to_owned()).is_err());
        bound(&router, "ben", "desk");
        bindings.pop();
        bound(&router, "ann", "late");
    }

    #[test]
    fn a_client_that_binds_anew_ends_its_own_sessions_alone() {
        let router = Router::default();
        let [old, other, silent] = ["old", "other", "silent"].map(|name| bound(&router, "ann", name));
        let bens = bound(&router, "ben", "old");
        for (binding, client) in [(&old, "phone"), (&other, "desk"), (&bens, "phone")] {
            router.replace(binding, client);
        }
        let new = bound(&router, "ann", "new");
        router.replace(&new, "phone");
        assert_eq!(old.end.said(), Some(Over::Replaced));
        for still_there in [other, silent, bens, new] {
            assert_eq!(still_there.end.said(), None, "{}", still_there.resource);
        }
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
    fn who_was_sent_presence_sees_it_go_once() {
        let router = Router::default();
        let [mut ann, cat] = ["ann", "cat"].map(|name| bound(&router, name, "desk"));
        appear(&router, &ann, &[], &[], 0);
        next(&mut ann);
        router.direct(&cat, "ann", true);
        router.disappear(&cat, &[], b"<gone/>");
        assert_eq!(next(&mut ann).as_deref(), Some("<gone/>"));
        router.direct(&cat, "ann", true);
        appear(&router, &cat, &["ann"], &[], 0);
        next(&mut ann);
        router.disappear(&cat, &["ann".to_owned()], b"<gone/>");
        assert_eq!((next(&mut ann).as_deref(), next(&mut ann)), (Some("<gone/>"), None));
        router.direct(&cat, "ann", true);
        router.direct(&cat, "ann", false);
        router.disappear(&cat, &[], b"<gone/>");
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
