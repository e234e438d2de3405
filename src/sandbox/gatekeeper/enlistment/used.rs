//! What can be used only once, as long as it could be used again.

use std::collections::{BTreeSet, HashMap};

/// Of one provider's users at a time. None is forgotten before its time for others to come in.
const MOST: usize = 100_000;
/// Of one user at a time, so that none takes the room of all.
const MOST_OF_USER: usize = 64;

/// Why something is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseError {
    Again,
    TooMany,
    TooManyOfUser,
}

/// Names that were used, by provider: one that uses up its room leaves the others theirs.
#[derive(Default)]
pub struct Used(HashMap<String, Names>);

/// Where a user can take a name.
pub struct Room<'a, 'n> {
    names: &'a mut Names,
    user: &'n str,
    name: &'n str,
}

#[derive(Default)]
struct Names {
    /// Who has taken each name.
    takers: HashMap<String, String>,
    /// How many names each user has taken.
    counts: HashMap<String, usize>,
    /// Until when each name is taken, the earliest to forget first.
    order: BTreeSet<(u64, String)>,
}

impl Used {
    /// The room for a name that is not taken. `now` is in seconds since the Unix epoch. The number of issuers is for the
    /// caller to bound.
    pub fn room<'n>(
        &mut self,
        (issuer, user): (&str, &'n str),
        name: &'n str,
        now: u64,
    ) -> Result<Room<'_, 'n>, UseError> {
        let names = self.0.entry(issuer.to_owned()).or_default();
        names.forget(now);
        if names.takers.contains_key(name) {
            return Err(UseError::Again);
        }
        if names.counts.get(user).is_some_and(|count| *count >= MOST_OF_USER) {
            return Err(UseError::TooManyOfUser);
        }
        if names.takers.len() >= MOST {
            return Err(UseError::TooMany);
        }
        Ok(Room { names, user, name })
    }
}

impl Room<'_, '_> {
    /// Takes the name, which nobody can take again until that time, in seconds since the Unix epoch.
    pub fn take(self, until: u64) {
        let Names { takers, counts, order } = self.names;
        takers.insert(self.name.to_owned(), self.user.to_owned());
        *counts.entry(self.user.to_owned()).or_default() += 1;
        order.insert((until, self.name.to_owned()));
    }
}

impl Names {
    fn forget(&mut self, now: u64) {
        while self.order.first().is_some_and(|(until, _)| *until <= now) {
            let name = self.order.pop_first().map(|(_, name)| name);
            let Some(user) = name.and_then(|name| self.takers.remove(&name)) else { continue };
            let Some(count) = self.counts.get_mut(&user) else { continue };
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name` says which user takes it, too: what is before the hyphen.
    fn take(used: &mut Used, issuer: &str, name: &str, until: u64, now: u64) -> Result<(), UseError> {
        let user = name.split('-').next().unwrap();
        used.room((issuer, user), name, now).map(|room| room.take(until))
    }

    #[test]
    fn a_name_is_taken_until_its_time_is_over() {
        let mut used = Used::default();
        assert_eq!(take(&mut used, "a", "ann-1", 10, 0), Ok(()));
        assert_eq!(take(&mut used, "a", "ann-1", 20, 9), Err(UseError::Again));
        assert_eq!(take(&mut used, "b", "ann-1", 10, 9), Ok(()));
        assert_eq!(take(&mut used, "a", "ann-1", 20, 10), Ok(()));
        assert_eq!(take(&mut used, "a", "ann-1", 30, 19), Err(UseError::Again));
    }

    #[test]
    fn who_uses_many_is_refused_alone_and_only_for_a_while() {
        let mut used = Used::default();
        for number in 0..MOST_OF_USER {
            take(&mut used, "a", &format!("ann-{number}"), 10, 0).unwrap();
        }
        assert_eq!(take(&mut used, "a", "ann-late", 20, 9), Err(UseError::TooManyOfUser));
        assert_eq!(take(&mut used, "a", "ann-0", 20, 9), Err(UseError::Again));
        assert_eq!(take(&mut used, "a", "ben-1", 20, 9), Ok(()));
        assert_eq!(take(&mut used, "b", "ann-late", 20, 9), Ok(()));
        assert_eq!(take(&mut used, "a", "ann-late", 20, 10), Ok(()));
        assert_eq!(used.0["a"].counts, HashMap::from([("ann".to_owned(), 1), ("ben".to_owned(), 1)]));
    }

    #[test]
    fn who_fills_the_memory_refuses_only_the_own_users_and_only_for_a_while() {
        let mut used = Used::default();
        for number in 0..MOST {
            take(&mut used, "a", &number.to_string(), 10, 0).unwrap();
        }
        assert_eq!(take(&mut used, "a", "one more", 20, 0), Err(UseError::TooMany));
        assert_eq!(take(&mut used, "a", "0", 20, 0), Err(UseError::Again));
        assert_eq!(take(&mut used, "b", "one more", 20, 0), Ok(()));
        assert_eq!(take(&mut used, "a", "one more", 20, 10), Ok(()));
        assert_eq!((used.0["a"].takers.len(), used.0["a"].order.len()), (1, 1));
    }
}
