//! Who is bound, who sees whose presence, and who gets a stanza (RFC 6121, section 8, without rosters and priorities).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undeliverable {
    /// No resource that could take it is there (RFC 6121, section 8.5.2.2).
    Absent,
    /// The receiver does not read as fast as others write.
    Congested,
}

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
    presence: Option<Vec<u8>>,
}

/// A bound session, from inside. The resource is free again when it is dropped.
pub(super) struct Binding {
    pub account: String,
    pub resource: String,
    pub mailbox: mpsc::Receiver<Mail>,
    table: Arc<Table>,
}

impl Drop for Binding {
    fn drop(&mut self) {
        if let Some(resources) = self.table.accounts().get_mut(&self.account) {
            resources.remove(&self.resource);
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
        resources.insert(resource.clone(), Resource { mailbox: sender, presence: None });
        Binding { account: account.to_owned(), resource, mailbox, table: self.table.clone() }
    }

    /// Delivers to one resource, or to all available ones of the account if none is named or the named one is gone.
    pub fn deliver(&self, account: &str, resource: Option<&str>, stanza: &[u8]) -> Result<(), Undeliverable> {
        let accounts = self.table.accounts();
        let resources = accounts.get(account).ok_or(Undeliverable::Absent)?;
        if let Some(resource) = resource.and_then(|resource| resources.get(resource)) {
            return resource.post(stanza);
        }
        let available = resources.values().filter(|resource| resource.presence.is_some());
        available
            .map(|resource| resource.post(stanza))
            .reduce(Result::or)
            .unwrap_or(Err(Undeliverable::Absent))
    }

    /// Delivers to one resource and to no other (RFC 6121, section 8.5.3.2.3: an IQ is never delivered elsewhere).
    pub fn deliver_exactly(&self, account: &str, resource: &str, stanza: &[u8]) -> Result<(), Undeliverable> {
        let accounts = self.table.accounts();
        let resource = accounts.get(account).and_then(|resources| resources.get(resource));
        resource.ok_or(Undeliverable::Absent)?.post(stanza)
    }

    /// Ends all sessions of an account for this reason. One that is congested ends by the time that it may be.
    pub fn end(&self, account: &str, condition: Condition) {
        for resource in self.table.accounts().get(account).into_iter().flat_map(BTreeMap::values) {
            let _ = resource.mailbox.try_send(Mail::End(condition));
        }
    }

    /// Takes over a session's presence and tells it to the account's own resources and its contacts. One that becomes
    /// available is told who else is (RFC 6121, sections 4.2 and 4.4). Presence to a congested receiver is lost.
    pub fn broadcast(&self, binding: &Binding, contacts: &[String], presence: Vec<u8>, available: bool) {
        let mut accounts = self.table.accounts();
        let resource =
            accounts.get_mut(&binding.account).and_then(|resources| resources.get_mut(&binding.resource));
        let Some(resource) = resource else { return };
        let was_available = resource.presence.is_some();
        if !available && !was_available {
            return;
        }
        resource.presence = available.then(|| presence.clone());
        let arriving = (available && !was_available).then(|| resource.mailbox.clone());

        let audience = contacts.iter().chain(std::iter::once(&binding.account));
        for resource in audience.filter_map(|account| accounts.get(account)).flat_map(BTreeMap::values) {
            let Some(theirs) = &resource.presence else { continue };
            // A failure is a congested receiver's loss, as documented above.
            let _ = resource.post(&presence);
            if let Some(arriving) =
                arriving.as_ref().filter(|mailbox| !mailbox.same_channel(&resource.mailbox))
            {
                let _ = arriving.try_send(Mail::Stanza(theirs.clone()));
            }
        }
    }
}

impl Resource {
    fn post(&self, stanza: &[u8]) -> Result<(), Undeliverable> {
        self.mailbox.try_send(Mail::Stanza(stanza.to_vec())).map_err(|_| Undeliverable::Congested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(router: &Router, account: &str, resource: &str) -> Binding {
        router.bind(account, Some(resource.to_owned()), "another".to_owned())
    }

    #[test]
    fn a_receiver_that_takes_nothing_is_congested_and_not_waited_for() {
        let router = Router::default();
        let mut binding = bound(&router, "ann", "desk");
        for _ in 0..MAILBOX {
            assert_eq!(router.deliver("ann", Some("desk"), b"<message/>"), Ok(()));
        }
        assert_eq!(router.deliver("ann", Some("desk"), b"<message/>"), Err(Undeliverable::Congested));
        assert!(binding.mailbox.try_recv().is_ok());
        assert_eq!(router.deliver("ann", Some("desk"), b"<message/>"), Ok(()));
    }

    #[test]
    fn a_resource_is_free_again_when_its_binding_is_gone() {
        let router = Router::default();
        let first = bound(&router, "ann", "desk");
        assert_eq!(bound(&router, "ann", "desk").resource, "another");
        drop(first);
        assert_eq!(bound(&router, "ann", "desk").resource, "desk");
        assert_eq!(router.deliver("ann", Some("desk"), b"<message/>"), Err(Undeliverable::Absent));
    }

    #[test]
    fn who_was_never_available_is_not_announced_as_gone() {
        let router = Router::default();
        let mut ann = bound(&router, "ann", "desk");
        router.broadcast(&ann, &[], b"<presence/>".to_vec(), true);
        assert!(ann.mailbox.try_recv().is_ok());
        let ben = bound(&router, "ben", "desk");
        router.broadcast(&ben, &["ann".to_owned()], b"<presence type='unavailable'/>".to_vec(), false);
        assert!(ann.mailbox.try_recv().is_err());
    }
}
