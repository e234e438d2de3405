//! What can be used only once, as long as it could be used again.

use std::collections::{BTreeSet, HashMap};

/// Of one provider's users at a time. None is forgotten before its time for others to come in.
const MOST: usize = 100_000;

/// Why something is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseError {
    Again,
    TooMany,
}

/// Names that were used, by provider: one that uses up its room leaves the others theirs.
#[derive(Default)]
pub struct Used(HashMap<String, Names>);

/// Where a name can be taken.
pub struct Room<'a, 'n> {
    names: &'a mut Names,
    name: &'n str,
}

#[derive(Default)]
struct Names {
    until: HashMap<String, u64>,
    /// The same, the earliest to forget first.
    order: BTreeSet<(u64, String)>,
}

impl Used {
    /// The room for a name that is not taken. `now` is in seconds since the Unix epoch. The number of issuers is for the
    /// caller to bound.
    pub fn room<'n>(&mut self, issuer: &str, name: &'n str, now: u64) -> Result<Room<'_, 'n>, UseError> {
        let names = self.0.entry(issuer.to_owned()).or_default();
        names.forget(now);
        if names.until.contains_key(name) {
            return Err(UseError::Again);
        }
        if names.until.len() >= MOST {
            return Err(UseError::TooMany);
        }
        Ok(Room { names, name })
    }
}

impl Room<'_, '_> {
    /// Takes the name, which nobody can take again until that time, in seconds since the Unix epoch.
    pub fn take(self, until: u64) {
        self.names.until.insert(self.name.to_owned(), until);
        self.names.order.insert((until, self.name.to_owned()));
    }
}

impl Names {
    fn forget(&mut self, now: u64) {
        while self.order.first().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, name)) = self.order.pop_first() {
                self.until.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(used: &mut Used, issuer: &str, name: &str, until: u64, now: u64) -> Result<(), UseError> {
        used.room(issuer, name, now).map(|room| room.take(until))
    }

    #[test]
    fn a_name_is_taken_until_its_time_is_over() {
        let mut used = Used::default();
        assert_eq!(take(&mut used, "a", "name", 10, 0), Ok(()));
        assert_eq!(take(&mut used, "a", "name", 20, 9), Err(UseError::Again));
        assert_eq!(take(&mut used, "b", "name", 10, 9), Ok(()));
        assert_eq!(take(&mut used, "a", "name", 20, 10), Ok(()));
        assert_eq!(take(&mut used, "a", "name", 30, 19), Err(UseError::Again));
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
        assert_eq!(used.0["a"].until.len(), 1);
    }
}
