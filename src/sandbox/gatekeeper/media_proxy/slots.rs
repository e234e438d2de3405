//! How many fetches are under way, of each user and of all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::FetchError;

pub struct Slots {
    of_user: usize,
    of_all: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    users: HashMap<String, usize>,
}

/// The right to fetch, until it is dropped.
pub struct Slot {
    slots: Arc<Slots>,
    account: String,
}

impl Slots {
    pub fn new(of_user: usize, of_all: usize) -> Arc<Self> {
        Arc::new(Self { of_user, of_all, taken: Mutex::default() })
    }

    pub fn take(self: &Arc<Self>, account: &str) -> Result<Slot, FetchError> {
        let mut taken = self.taken();
        if taken.users.get(account).is_some_and(|count| *count >= self.of_user) {
            return Err(FetchError::TooMany);
        }
        if taken.all >= self.of_all {
            return Err(FetchError::Busy);
        }
        taken.all += 1;
        *taken.users.entry(account.to_owned()).or_default() += 1;
        Ok(Slot { slots: self.clone(), account: account.to_owned() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        taken.all = taken.all.saturating_sub(1);
        let left = taken.users.get_mut(&self.account).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            taken.users.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetches_are_bounded_for_each_user_and_for_all_and_free_again_when_they_end() {
        let slots = Slots::new(2, 3);
        let take = |account| slots.take(account);
        let anns = [take("ann").unwrap(), take("ann").unwrap()];
        assert_eq!(take("ann").err(), Some(FetchError::TooMany));
        let bens = take("ben").unwrap();
        assert_eq!(take("cat").err(), Some(FetchError::Busy));
        drop(anns);
        assert!(take("ann").is_ok() && take("cat").is_ok());
        drop(bens);
        assert!(slots.taken().users.is_empty() && slots.taken().all == 0);
    }
}
