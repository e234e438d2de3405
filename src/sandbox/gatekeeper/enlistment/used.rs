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

#[derive(Default)]
struct Names {
    until: HashMap<String, u64>,
    /// The same, the earliest to forget first.
    order: BTreeSet<(u64, String)>,
}

impl Used {
    /// Takes a name, which nobody can take again until that time. Times are in seconds since the Unix epoch. The number
    /// of issuers is for the caller to bound.
    pub fn take(&mut self, issuer: &str, name: &str, until: u64, now: u64) -> Result<(), UseError> {
        let names = self.0.entry(issuer.to_owned()).or_default();
        names.forget(now);
        if names.until.contains_key(name) {
            return Err(UseError::Again);
        }
        if names.until.len() >= MOST {
            return Err(UseError::TooMany);
        }
        names.until.insert(name.to_owned(), until);
        names.order.insert((until, name.to_owned()));
        Ok(())
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

    #[test]
    fn a_name_is_taken_until_its_time_is_over() {
        let mut used = Used::default();
        assert_eq!(used.take("a", "name", 10, 0), Ok(()));
        assert_eq!(used.take("a", "name", 20, 9), Err(UseError::Again));
        assert_eq!(used.take("b", "name", 10, 9), Ok(()));
        assert_eq!(used.take("a", "name", 20, 10), Ok(()));
        assert_eq!(used.take("a", "name", 30, 19), Err(UseError::Again));
    }

    #[test]
    fn who_fills_the_memory_refuses_only_the_own_users_and_only_for_a_while() {
        let mut used = Used::default();
        for number in 0..MOST {
            used.take("a", &number.to_string(), 10, 0).unwrap();
        }
        assert_eq!(used.take("a", "one more", 20, 0), Err(UseError::TooMany));
        assert_eq!(used.take("a", "0", 20, 0), Err(UseError::Again));
        assert_eq!(used.take("b", "one more", 20, 0), Ok(()));
        assert_eq!(used.take("a", "one more", 20, 10), Ok(()));
        assert_eq!(used.0["a"].until.len(), 1);
    }
}
