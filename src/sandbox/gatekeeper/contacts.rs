//! Rosters and subscriptions (RFC 6121, sections 2 and 3), in memory. Everybody here has an account at this gatekeeper,
//! so that both sides of a subscription change together.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Account;

/// Contacts of one account.
const PER_ACCOUNT: usize = 256;
/// Those who ask to be one. They have a bound of their own, so that strangers take no room from contacts.
const REQUESTS: usize = 64;

/// What one account's roster says of another account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contact {
    /// The user's own name for the contact.
    pub name: Option<String>,
    pub groups: Vec<String>,
    /// Whether it is an item of the roster that clients see.
    pub listed: bool,
    /// The user sees the contact's presence (`to`).
    pub sees: bool,
    /// The contact sees the user's presence (`from`).
    pub seen: bool,
    /// The user has asked to see it and was not answered yet.
    pub asked: bool,
    /// The contact has asked to see the user's and was not answered yet.
    pub asking: bool,
}

/// There is no room for another contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// What a request to see somebody's presence came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requested {
    /// It waits for the contact to answer it.
    Asked,
    /// The contact has answered before.
    Granted,
}

/// What ended when two parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parted {
    /// There was nothing to end.
    Nothing,
    /// One had asked, and was not answered yet.
    Request,
    /// One saw the other's presence.
    Subscription,
}

/// All rosters, by account and by the contact's local part.
#[derive(Default)]
pub(super) struct Contacts(Mutex<BTreeMap<String, Roster>>);

type Roster = BTreeMap<String, Contact>;

impl Contacts {
    /// Those who know each other from the start.
    pub fn of(accounts: &[Account]) -> Self {
        let contacts = Self::default();
        let mutual = Contact { listed: true, sees: true, seen: true, ..Contact::default() };
        for Account { name, contacts: known, .. } in accounts {
            for other in known {
                let mut rosters = contacts.rosters();
                rosters.entry(name.clone()).or_default().insert(other.clone(), mutual.clone());
                rosters.entry(other.clone()).or_default().insert(name.clone(), mutual.clone());
            }
        }
        contacts
    }

    /// One contact of an account.
    pub fn get(&self, account: &str, contact: &str) -> Option<Contact> {
        self.rosters().get(account)?.get(contact).cloned()
    }

    /// The contacts of whom this is true, with their local parts.
    pub fn which(&self, account: &str, wanted: impl Fn(&Contact) -> bool) -> Vec<(String, Contact)> {
        let rosters = self.rosters();
        let contacts = rosters.get(account).into_iter().flatten().filter(|(_, contact)| wanted(contact));
        contacts.map(|(name, contact)| (name.clone(), contact.clone())).collect()
    }

    /// Lists a contact, or changes its name and groups (RFC 6121, sections 2.3 and 2.4).
    pub fn set(
        &self,
        account: &str,
        contact: &str,
        name: Option<String>,
        groups: Vec<String>,
    ) -> Result<(), Full> {
        let mut rosters = self.rosters();
        let contact = side(&mut rosters, account, contact, true)?;
        *contact = Contact { name, groups, listed: true, ..contact.clone() };
        Ok(())
    }

    /// The user asks to see the contact's presence (RFC 6121, section 3.1). A contact who has no room for another
    /// request is asked nothing.
    pub fn ask(&self, user: &str, contact: &str, contact_exists: bool) -> Result<Requested, Full> {
        let mut rosters = self.rosters();
        let seen = rosters.get(contact).and_then(|roster| roster.get(user)).is_some_and(|user| user.seen);
        let own = side(&mut rosters, user, contact, true)?;
        (own.listed, own.sees, own.asked) = (true, seen, !seen);
        if seen {
            return Ok(Requested::Granted);
        }
        if contact_exists && let Ok(other) = side(&mut rosters, contact, user, false) {
            other.asking = true;
        }
        Ok(Requested::Asked)
    }

    /// The user lets the contact, who has asked, see the user's presence (RFC 6121, section 3.1.5). Returns whether the
    /// contact had asked.
    pub fn grant(&self, user: &str, contact: &str) -> Result<bool, Full> {
        let mut rosters = self.rosters();
        let known = rosters.get(user).and_then(|roster| roster.get(contact));
        if !known.is_some_and(|known| known.asking) {
            return Ok(false);
        }
        let own = side(&mut rosters, user, contact, true)?;
        (own.listed, own.seen, own.asking) = (true, true, false);
        if let Some(other) = rosters.get_mut(contact).and_then(|roster| roster.get_mut(user)) {
            (other.sees, other.asked) = (true, false);
        }
        Ok(true)
    }

    /// The contact does not see the user's presence (any more), nor asks to: the user has cancelled or refused it (RFC
    /// 6121, section 3.2), or the contact wants it no more (section 3.3).
    pub fn part(&self, user: &str, contact: &str) -> Parted {
        let mut rosters = self.rosters();
        let (mut seen, mut asked) = (false, false);
        if let Some(own) = rosters.get_mut(user).and_then(|roster| roster.get_mut(contact)) {
            seen |= std::mem::take(&mut own.seen);
            asked |= std::mem::take(&mut own.asking);
        }
        if let Some(other) = rosters.get_mut(contact).and_then(|roster| roster.get_mut(user)) {
            seen |= std::mem::take(&mut other.sees);
            asked |= std::mem::take(&mut other.asked);
        }
        drop_empty(&mut rosters, user, contact);
        match (seen, asked) {
            (true, _) => Parted::Subscription,
            (false, true) => Parted::Request,
            (false, false) => Parted::Nothing,
        }
    }

    /// Takes a contact off the list (RFC 6121, section 2.5). Returns whether it was there.
    pub fn remove(&self, account: &str, contact: &str) -> bool {
        let mut rosters = self.rosters();
        let Some(own) = rosters.get_mut(account).and_then(|roster| roster.get_mut(contact)) else {
            return false;
        };
        let was_listed = std::mem::take(&mut own.listed);
        drop_empty(&mut rosters, account, contact);
        was_listed
    }

    fn rosters(&self) -> MutexGuard<'_, BTreeMap<String, Roster>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One side of two who have to do with each other, made if it is not there and there is room: among the `listed`, or
/// among those who ask to be. Who has asked and becomes listed needs room among the listed.
fn side<'r>(
    rosters: &'r mut BTreeMap<String, Roster>,
    account: &str,
    contact: &str,
    listed: bool,
) -> Result<&'r mut Contact, Full> {
    let roster = rosters.entry(account.to_owned()).or_default();
    let most = if listed { PER_ACCOUNT } else { REQUESTS };
    let there = roster.values().filter(|contact| contact.listed == listed).count();
    let has_room_already = roster.get(contact).is_some_and(|known| known.listed || !listed);
    if there >= most && !has_room_already {
        return Err(Full);
    }
    Ok(roster.entry(contact.to_owned()).or_default())
}

/// What says nothing takes no room.
fn drop_empty(rosters: &mut BTreeMap<String, Roster>, user: &str, contact: &str) {
    for (account, other) in [(user, contact), (contact, user)] {
        let Some(roster) = rosters.get_mut(account) else { continue };
        let says_something = |contact: &Contact| {
            contact.listed || contact.sees || contact.seen || contact.asked || contact.asking
        };
        if !roster.get(other).is_some_and(says_something) {
            roster.remove(other);
        }
        if roster.is_empty() {
            rosters.remove(account);
        }
    }
}

impl Contact {
    /// The subscription as an item shows it (RFC 6121, section 2.1.2.5).
    pub fn subscription(&self) -> &'static str {
        match (self.sees, self.seen) {
            (true, true) => "both",
            (true, false) => "to",
            (false, true) => "from",
            (false, false) => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(contacts: &Contacts, account: &str, contact: &str) -> Option<&'static str> {
        contacts.get(account, contact).map(|contact| contact.subscription())
    }

    #[test]
    fn who_is_asked_decides() {
        let contacts = Contacts::default();
        assert_eq!(contacts.grant("ben", "ann"), Ok(false), "nobody has asked");
        assert_eq!(contacts.ask("ann", "ben", true), Ok(Requested::Asked));
        assert!(contacts.get("ann", "ben").is_some_and(|ben| ben.asked && ben.listed));
        assert!(contacts.get("ben", "ann").is_some_and(|ann| ann.asking && !ann.listed));
        assert_eq!(contacts.grant("ben", "ann"), Ok(true));
        assert_eq!(subscription(&contacts, "ann", "ben"), Some("to"));
        assert_eq!(subscription(&contacts, "ben", "ann"), Some("from"));
        assert_eq!(contacts.ask("ann", "ben", true), Ok(Requested::Granted));
        contacts.ask("ben", "ann", true).unwrap();
        assert_eq!(contacts.grant("ann", "ben"), Ok(true));
        assert_eq!(subscription(&contacts, "ann", "ben"), Some("both"));
    }

    #[test]
    fn parting_ends_one_direction_and_leaves_no_rest() {
        let account =
            Account { name: "ann".to_owned(), password: String::new(), contacts: vec!["ben".to_owned()] };
        let contacts = Contacts::of(&[account]);
        assert_eq!(subscription(&contacts, "ben", "ann"), Some("both"));
        assert_eq!(contacts.part("ann", "ben"), Parted::Subscription);
        assert_eq!(contacts.part("ann", "ben"), Parted::Nothing);
        assert_eq!(subscription(&contacts, "ann", "ben"), Some("to"));
        assert_eq!(subscription(&contacts, "ben", "ann"), Some("from"));
        assert_eq!(contacts.ask("ben", "ann", true), Ok(Requested::Asked));
        assert_eq!(contacts.part("ann", "ben"), Parted::Request);
        assert_eq!(contacts.part("ben", "ann"), Parted::Subscription);
        assert!(contacts.remove("ann", "ben") && contacts.remove("ben", "ann"));
        assert!(contacts.rosters().is_empty());
    }

    #[test]
    fn a_roster_is_bounded_and_so_is_what_others_can_add_to_it() {
        let contacts = Contacts::default();
        for stranger in 0..REQUESTS {
            contacts.ask(&format!("stranger-{stranger}"), "ann", true).unwrap();
        }
        assert_eq!(contacts.ask("late", "ann", true), Ok(Requested::Asked));
        assert_eq!(contacts.get("ann", "late"), None);
        for friend in 0..PER_ACCOUNT {
            contacts.set("ann", &friend.to_string(), None, Vec::new()).unwrap();
        }
        assert_eq!(contacts.set("ann", "ben", None, Vec::new()), Err(Full));
        assert_eq!(contacts.ask("ann", "ben", true), Err(Full));
        assert_eq!(contacts.set("ann", "stranger-1", None, Vec::new()), Err(Full));
        assert_eq!(contacts.grant("ann", "stranger-1"), Err(Full));
        assert!(contacts.get("ann", "stranger-1").is_some_and(|stranger| stranger.asking && !stranger.seen));
        assert_eq!(contacts.set("ann", "1", Some("One".to_owned()), Vec::new()), Ok(()));
        assert!(contacts.remove("ann", "1"));
        assert_eq!(contacts.grant("ann", "stranger-1"), Ok(true));
    }

    #[test]
    fn asking_nobody_looks_as_asking_somebody_who_is_silent() {
        let contacts = Contacts::default();
        contacts.ask("ann", "nobody", false).unwrap();
        contacts.ask("ann", "ben", true).unwrap();
        assert_eq!(contacts.get("ann", "nobody"), contacts.get("ann", "ben"));
        assert_eq!(contacts.get("nobody", "ann"), None);
    }
}
