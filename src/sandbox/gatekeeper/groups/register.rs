//! Who is in which group. It is asked and told, and sends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Groups in all.
const GROUPS: usize = 4096;
/// Groups of which one account is a member, and those to which it is invited.
const OF_ACCOUNT: usize = 64;
const INVITATIONS: usize = 64;
/// Members of a group, with those who are invited.
const PEOPLE: usize = 64;

/// What somebody is to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox::gatekeeper) enum Standing {
    Member,
    Invited,
}

/// Why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::sandbox::gatekeeper) enum GroupError {
    /// Who is not in a group does not learn whether there is one.
    #[error("there is no such group, as far as the account may know")]
    Unknown,
    #[error(
        "there are too many groups, or too many people in this one, or it is one too many for an account"
    )]
    Full,
}

/// A group as one of its people sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox::gatekeeper) struct Seen {
    pub id: String,
    pub name: String,
    pub standing: Standing,
}

/// All groups.
#[derive(Default)]
pub(in crate::sandbox::gatekeeper) struct Groups(Mutex<Register>);

#[derive(Default)]
struct Register {
    groups: BTreeMap<String, Group>,
    /// The same from the other side: the groups that each account is in or invited to.
    by_account: BTreeMap<String, BTreeSet<String>>,
}

struct Group {
    name: String,
    people: BTreeMap<String, Standing>,
}

impl Groups {
    /// A new group with one member. `id` is its local part.
    pub fn create(&self, id: String, name: &str, account: &str) -> Result<(), GroupError> {
        let mut register = self.register();
        if register.groups.len() >= GROUPS || !register.has_room(account, Standing::Member) {
            return Err(GroupError::Full);
        }
        let people = BTreeMap::from([(account.to_owned(), Standing::Member)]);
        register.groups.insert(id.clone(), Group { name: name.to_owned(), people });
        register.by_account.entry(account.to_owned()).or_default().insert(id);
        Ok(())
    }

    /// A member asks somebody in. Returns the group's name if that is news to the one who is asked.
    pub fn invite(&self, id: &str, member: &str, whom: &str) -> Result<Option<String>, GroupError> {
        let mut register = self.register();
        let group = register.of_member(id, member)?;
        if group.people.contains_key(whom) {
            return Ok(None);
        }
        let (name, is_full) = (group.name.clone(), group.people.len() >= PEOPLE);
        if is_full || !register.has_room(whom, Standing::Invited) {
            return Err(GroupError::Full);
        }
        register.put(id, whom, Standing::Invited);
        Ok(Some(name))
    }

    /// Who was invited becomes a member. Returns the other members if that is news to them.
    pub fn join(&self, id: &str, account: &str) -> Result<Option<Vec<String>>, GroupError> {
        let mut register = self.register();
        match register.groups.get(id).and_then(|group| group.people.get(account)) {
            None => return Err(GroupError::Unknown),
            Some(Standing::Member) => return Ok(None),
            Some(Standing::Invited) => {}
        }
        if !register.has_room(account, Standing::Member) {
            return Err(GroupError::Full);
        }
        register.put(id, account, Standing::Member);
        Ok(Some(register.members_but(id, account)))
    }

    /// A member leaves, or an invitation is declined. Returns the members to whom that is news. With its last member a
    /// group is gone, whoever is still invited.
    pub fn leave(&self, id: &str, account: &str) -> Result<Vec<String>, GroupError> {
        let mut register = self.register();
        let group = register.groups.get_mut(id).ok_or(GroupError::Unknown)?;
        let standing = group.people.remove(account).ok_or(GroupError::Unknown)?;
        register.forget_place(id, account);
        let left = register.members_but(id, account);
        if left.is_empty() {
            let gone = register.groups.remove(id);
            for invited in gone.iter().flat_map(|group| group.people.keys()) {
                register.forget_place(id, invited);
            }
        }
        Ok(if standing == Standing::Member { left } else { Vec::new() })
    }

    /// Everybody in a group and what they are to it, for a member.
    pub fn people(&self, id: &str, member: &str) -> Result<Vec<(String, Standing)>, GroupError> {
        let register = self.register();
        let group = register.of_member(id, member)?;
        Ok(group.people.iter().map(|(account, standing)| (account.clone(), *standing)).collect())
    }

    /// To whom a member's message goes.
    pub fn receivers(&self, id: &str, sender: &str) -> Result<Vec<String>, GroupError> {
        let register = self.register();
        register.of_member(id, sender)?;
        Ok(register.members_but(id, sender))
    }

    /// The groups that an account is in or invited to.
    pub fn of(&self, account: &str) -> Vec<Seen> {
        let register = self.register();
        let ids = register.by_account.get(account).into_iter().flatten();
        let seen = ids.filter_map(|id| {
            let group = register.groups.get(id)?;
            let standing = *group.people.get(account)?;
            Some(Seen { id: id.clone(), name: group.name.clone(), standing })
        });
        seen.collect()
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Register {
    fn of_member(&self, id: &str, account: &str) -> Result<&Group, GroupError> {
        let group = self.groups.get(id).ok_or(GroupError::Unknown)?;
        match group.people.get(account) {
            Some(Standing::Member) => Ok(group),
            _ => Err(GroupError::Unknown),
        }
    }

    fn members_but(&self, id: &str, account: &str) -> Vec<String> {
        let people = self.groups.get(id).into_iter().flat_map(|group| &group.people);
        let others = people.filter(|(other, standing)| **standing == Standing::Member && *other != account);
        others.map(|(other, _)| other.clone()).collect()
    }

    /// Invitations do not take the room of memberships: nobody is kept out of groups by being invited to others.
    fn has_room(&self, account: &str, standing: Standing) -> bool {
        let ids = self.by_account.get(account).into_iter().flatten();
        let people = ids.filter_map(|id| self.groups.get(id)?.people.get(account));
        let most = if standing == Standing::Member { OF_ACCOUNT } else { INVITATIONS };
        people.filter(|found| **found == standing).count() < most
    }

    fn put(&mut self, id: &str, account: &str, standing: Standing) {
        if let Some(group) = self.groups.get_mut(id) {
            group.people.insert(account.to_owned(), standing);
            self.by_account.entry(account.to_owned()).or_default().insert(id.to_owned());
        }
    }

    fn forget_place(&mut self, id: &str, account: &str) {
        if let Some(ids) = self.by_account.get_mut(account) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_account.remove(account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The group `g` of ann's, with ben as a member and cat invited.
    fn groups() -> Groups {
        let groups = Groups::default();
        groups.create("g".to_owned(), "Kitchen", "ann").unwrap();
        for whom in ["ben", "cat"] {
            assert_eq!(groups.invite("g", "ann", whom), Ok(Some("Kitchen".to_owned())));
        }
        assert_eq!(groups.join("g", "ben"), Ok(Some(vec!["ann".to_owned()])));
        groups
    }

    #[test]
    fn who_is_no_member_learns_nothing_and_changes_nothing() {
        let groups = groups();
        for outsider in ["cat", "dan"] {
            assert_eq!(groups.people("g", outsider), Err(GroupError::Unknown));
            assert_eq!(groups.receivers("g", outsider), Err(GroupError::Unknown));
            assert_eq!(groups.invite("g", outsider, "eve"), Err(GroupError::Unknown));
        }
        assert_eq!(groups.join("g", "dan"), Err(GroupError::Unknown));
        assert_eq!(groups.leave("g", "dan"), Err(GroupError::Unknown));
        assert_eq!(groups.people("other", "ann"), Err(GroupError::Unknown));
    }

    #[test]
    fn a_message_goes_to_the_other_members_and_to_nobody_who_is_only_invited() {
        let groups = groups();
        assert_eq!(groups.receivers("g", "ann"), Ok(vec!["ben".to_owned()]));
        groups.join("g", "cat").unwrap();
        assert_eq!(groups.receivers("g", "ann"), Ok(vec!["ben".to_owned(), "cat".to_owned()]));
    }

    #[test]
    fn what_is_said_twice_is_no_news() {
        let groups = groups();
        assert_eq!(groups.invite("g", "ann", "cat"), Ok(None));
        assert_eq!(groups.invite("g", "ben", "ann"), Ok(None));
        assert_eq!(groups.join("g", "ben"), Ok(None));
    }

    #[test]
    fn with_its_last_member_a_group_is_gone_with_its_invitations() {
        let groups = groups();
        assert_eq!(groups.leave("g", "ann"), Ok(vec!["ben".to_owned()]));
        assert_eq!(groups.of("cat").len(), 1);
        assert_eq!(groups.leave("g", "ben"), Ok(Vec::new()));
        assert_eq!(groups.join("g", "cat"), Err(GroupError::Unknown));
        let register = groups.register();
        assert!(register.groups.is_empty() && register.by_account.is_empty());
    }

    #[test]
    fn an_invitation_that_is_declined_is_nobodys_news() {
        let groups = groups();
        assert_eq!(groups.leave("g", "cat"), Ok(Vec::new()));
        assert_eq!(groups.of("cat"), []);
        assert_eq!(groups.invite("g", "ann", "cat"), Ok(Some("Kitchen".to_owned())));
    }

    #[test]
    fn groups_their_people_and_everybodys_groups_are_bounded() {
        let groups = Groups::default();
        for number in 0..OF_ACCOUNT {
            groups.create(format!("a{number}"), "x", "ann").unwrap();
        }
        assert_eq!(groups.create("b".to_owned(), "x", "ann"), Err(GroupError::Full));
        let names: Vec<_> = (1..PEOPLE).map(|number| format!("u{number}")).collect();
        for name in &names {
            groups.invite("a0", "ann", name).unwrap();
        }
        assert_eq!(groups.invite("a0", "ann", "late"), Err(GroupError::Full));
        groups.leave("a0", "u1").unwrap();
        assert!(groups.invite("a0", "ann", "late").is_ok());
        let owners = (0..).map(|number| format!("o{number}"));
        let made =
            owners.take(GROUPS).filter(|owner| groups.create(owner.clone(), "x", owner).is_ok()).count();
        assert_eq!(made, GROUPS - OF_ACCOUNT);
    }

    #[test]
    fn invitations_keep_nobody_out_of_groups() {
        let groups = Groups::default();
        for number in 0..INVITATIONS {
            let (id, owner) = (format!("g{number}"), format!("o{number}"));
            groups.create(id.clone(), "x", &owner).unwrap();
            groups.invite(&id, &owner, "ann").unwrap();
        }
        groups.create("late".to_owned(), "x", "late").unwrap();
        assert_eq!(groups.invite("late", "late", "ann"), Err(GroupError::Full));
        groups.create("own".to_owned(), "x", "ann").unwrap();
        groups.join("g0", "ann").unwrap();
        assert!(groups.invite("late", "late", "ann").is_ok());
    }
}
